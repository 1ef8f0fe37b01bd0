"""The same result as PyTorch + PEFT: SmolLM2-135M-Instruct in fp32 on the
directory that graft makes of its GGUF, 60 steps on examples/data from the same
adapter with the same rows and rates. Runs with ./dev test --slow.
"""

import json
import re

import pytest
from compare import (ADAPTER_TOLERANCE, assert_logits_equal, graft_logits,
                     load_base)
from conftest import ROOT
from smollm_gguf import smollm_gguf

DATA = ROOT / "examples/data"
STEPS, BATCH = 60, 4
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converted(graft, tmp_path_factory):
    target = tmp_path_factory.mktemp("real") / "hf"
    graft("convert", smollm_gguf(), "-o", target, "--dtype", "f32")
    return target


@pytest.fixture(scope="module")
def tokenizer(converted):
    from transformers import AutoTokenizer
    return AutoTokenizer.from_pretrained(converted)


def rows_of(tokenizer, name):
    from peft_training import chat_row
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [chat_row(tokenizer, json.loads(line)["messages"])
            for line in lines]


@pytest.mark.parametrize("name", ["train.jsonl", "eval.jsonl"])
def test_rows_and_masks_equal(graft, converted, tokenizer, name):
    expected = rows_of(tokenizer, name)
    shown = json.loads(graft("data", "show", converted, DATA / name, "--rows",
                             len(expected), "--json"))["shown"]
    got = [(row["ids"], row["labels"]) for row in shown]
    assert got == expected


def train(graft, model, output, steps, rate):
    targets = [word for target in TARGETS for word in ("--target", target)]
    graft("train", model, DATA / "train.jsonl", "-o", output, *targets,
          "--rank", 8, "--alpha", 16, "--steps", steps, "--batch-size", BATCH,
          "--micro-batch-size", BATCH, "--learning-rate", rate,
          "--set", "data.shuffle=false", "--set", "data.packing=off",
          "--set", "compute.dtype=fp32", "--set", "training.keep=last")
    return output / "adapter", [
        json.loads(line)
        for line in (output / "metrics.jsonl").read_text().splitlines()]


def batches(rows):
    """Rows in the file's order, STEPS times; an epoch's last batch may be
    short."""
    out = []
    while len(out) < STEPS:
        out += [rows[at:at + BATCH] for at in range(0, len(rows), BATCH)]
    return out[:STEPS]


def graft_eval_loss(graft, model, adapter):
    text = graft("eval", model, DATA / "eval.jsonl", "--adapter", adapter)
    return float(re.search(r"^loss +([0-9.]+)", text, re.MULTILINE)[1])


def test_training_equals_peft(graft, tmp_path, converted, tokenizer):
    from peft_training import PeftRun
    from test_adapters import peft_logits
    import torch
    # The adapter that graft starts from: a step that moves nothing keeps A.
    start, _ = train(graft, converted, tmp_path / "start", 1, 1e-30)
    adapter, metrics = train(graft, converted, tmp_path / "run", STEPS, 1e-3)
    steps = [row for row in metrics if "lr" in row]
    assert len(steps) == STEPS
    live = PeftRun(load_base(converted), start)
    held = rows_of(tokenizer, "eval.jsonl")
    before = live.eval_loss(held)
    for rows, row in zip(batches(rows_of(tokenizer, "train.jsonl")), steps):
        loss = live.step(rows, row["lr"])
        print(f"step {row['step']} graft {row['loss']:.4f} peft {loss:.4f}")
    expected = live.eval_loss(held)
    got = graft_eval_loss(graft, converted, adapter)
    print(f"eval loss: before {before:.4f}, graft {got:.4f}, "
          f"peft {expected:.4f}, apart {abs(got / expected - 1):.3%}")
    assert expected < 0.5 * before, "nothing was learnt"
    assert abs(got / expected - 1) <= 0.005
    ids = torch.tensor([held[0][0]])
    logits = graft_logits(graft, tmp_path, converted, ids, adapter)
    in_peft = peft_logits(converted, adapter, ids)
    print(f"adapter in PEFT: {(logits - in_peft).abs().max():.2e} apart")
    assert_logits_equal(logits, in_peft, ADAPTER_TOLERANCE)
