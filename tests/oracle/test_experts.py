"""Experts: adapters that graft trains on Mixtral and Qwen3-MoE load in PEFT
with the same logits, PEFT's load in graft, and both train alike.
"""

import json
import shutil

import pytest
import torch
from compare import (ADAPTER_TOLERANCE, assert_logits_equal, graft_logits,
                     load_base, random_ids, reference_logits)
from peft_training import PeftRun
from safetensors.torch import load_file
from test_adapters import make_peft_adapter, peft_logits

STEPS, BATCH = 4, 4
SIZES = dict(vocab_size=1024, hidden_size=32, intermediate_size=24,
             num_attention_heads=4, num_key_value_heads=2, head_dim=8,
             max_position_embeddings=256, tie_word_embeddings=False,
             num_experts_per_tok=2, num_hidden_layers=2)
FAMILIES = {
    "mixtral": dict(num_local_experts=4),
    "qwen3_moe": dict(num_experts=5, moe_intermediate_size=12,
                      norm_topk_prob=True, num_hidden_layers=3,
                      mlp_only_layers=[1], decoder_sparse_step=1),
}


def make_moe(folder, family, tiny_model=None):
    from transformers import AutoConfig, AutoModelForCausalLM
    torch.manual_seed(4)
    config = AutoConfig.for_model(family, **{**SIZES, **FAMILIES[family]})
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    if tiny_model:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tiny_model / name, folder / name)
    return folder


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def moe(request, tmp_path_factory, tiny_model):
    return make_moe(tmp_path_factory.mktemp("moe") / request.param,
                    request.param, tiny_model)


def train(graft, model, rows, output, *words):
    graft("train", model, rows, "-o", output, "--rank", 2, "--alpha", 4,
          "--batch-size", BATCH, "--micro-batch-size", BATCH,
          "--set", "data.shuffle=false", "--set", "data.packing=off",
          "--set", "compute.dtype=fp32", "--set", "training.keep=last", *words)
    return output / "adapter"


RULES = json.dumps([
    {"targets": ["kind=router"], "adapt": False},
    {"targets": ["kind=attention:*.layers.{1..}.*"], "rank": 5},
    {"targets": ["kind=expert"], "rank": 3, "alpha": 6}])
SELECTIONS = {
    "experts": ["--target", "kind=expert"],
    "all": ["--target", "all-linear", "--target", "router"],
    "one": ["--target", "*.layers.0.*.linear_fc2", "--set",
            "adapter.rslora=true"],
    "dropped": ["--target", "linear_fc1", "--target", "q_proj",
                "--set", "adapter.dropout=0.2"],
    "matrices": ["--target", "*.experts.{0..9}.*"],  # a pair for each
    "rules": ["--set", f"adapter.rules={RULES}"],
    "peft": ["--syntax", "peft", "--target", "all-linear"],
}


@pytest.mark.parametrize("selection", sorted(SELECTIONS))
def test_trained_adapter_loads_in_peft(graft, tmp_path, moe, tiny_rows,
                                       selection):
    adapter = train(graft, moe, tiny_rows[0], tmp_path / "run", "--steps", 3,
                    "--learning-rate", 0.02, *SELECTIONS[selection])
    ids = random_ids(1024)
    got = graft_logits(graft, tmp_path, moe, ids, adapter)
    assert_logits_equal(got, peft_logits(moe, adapter, ids), ADAPTER_TOLERANCE)
    base = reference_logits(load_base(moe), ids)
    assert (got - base).abs().max() > 1e-3, "training changed nothing"
    graft("merge", moe, adapter, "-o", tmp_path / "merged")
    graft("verify", moe, adapter, tmp_path / "merged")
    merged = reference_logits(load_base(tmp_path / "merged"), ids)
    assert_logits_equal(got, merged, ADAPTER_TOLERANCE)


def test_peft_selects_what_graft_adapted(graft, tmp_path, moe, tiny_rows):
    """No adapter of zeros beside those that graft wrote."""
    from peft import PeftModel
    from peft.utils import get_peft_model_state_dict
    adapter = train(graft, moe, tiny_rows[0], tmp_path / "run", "--steps", 1,
                    *SELECTIONS["rules"])
    live = PeftModel.from_pretrained(load_base(moe), adapter)
    assert get_peft_model_state_dict(live).keys() == \
        load_file(adapter / "adapter_model.safetensors").keys()


PEFT_VARIANTS = {
    "all_linear": dict(target_modules="all-linear"),
    "parameters": dict(target_modules=["v_proj"],
                       target_parameters=["mlp.experts.down_proj",
                                          "0.mlp.gate.weight"]),
}


@pytest.mark.parametrize("variant", sorted(PEFT_VARIANTS))
def test_peft_adapter_loads_in_graft(graft, tmp_path, moe, variant):
    live = make_peft_adapter(moe, tmp_path / "adapter",
                             **PEFT_VARIANTS[variant])
    ids = random_ids(1024)
    expected = reference_logits(live, ids)
    got = graft_logits(graft, tmp_path, moe, ids, tmp_path / "adapter")
    assert_logits_equal(got, expected, ADAPTER_TOLERANCE)


def learnt_rows(graft, model, data):
    shown = json.loads(graft("data", "show", model, data, "--rows", 64,
                             "--json"))["shown"]
    return [(row["ids"], row["labels"]) for row in shown]


def step_rows(run):
    rows = [json.loads(line) for line in
            (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "lr" in row]


def assert_same_adapter(live, file, folder):
    live.model.save_pretrained(folder)
    expected = load_file(folder / "adapter_model.safetensors")
    got = load_file(file)
    assert got.keys() == expected.keys()
    for name, tensor in got.items():
        worst = (tensor - expected[name]).abs().max().item()
        assert worst <= 3e-4, f"{name}: {worst}"


def test_training_equals_peft(graft, tmp_path, moe, tiny_rows):
    """Losses and the final adapter, as the goldens of training compare them."""
    # Names of projections: PEFT has no adapter that q, k and v share.
    targets = ("q_proj", "v_proj", "o_proj", "kind=expert", "router")
    words = [word for target in targets for word in ("--target", target)]
    words += ["--set", "training.schedule=constant",
              "--set", "training.warmup=0"]
    # A step that moves nothing keeps A as it starts.
    start = train(graft, moe, tiny_rows[0], tmp_path / "start", "--steps", 1,
                  "--learning-rate", 1e-30, *words)
    adapter = train(graft, moe, tiny_rows[0], tmp_path / "run",
                    "--steps", STEPS, "--learning-rate", 1e-3, *words)
    live = PeftRun(load_base(moe), start)
    rows = learnt_rows(graft, moe, tiny_rows[0])
    for i, row in enumerate(step_rows(tmp_path / "run")):
        loss = live.step(rows[i * BATCH:(i + 1) * BATCH], row["lr"])
        assert abs(loss - row["loss"]) <= 5e-5, f"step {i}"
    assert_same_adapter(live, adapter / "adapter_model.safetensors",
                        tmp_path / "peft")


def test_a_resumed_run_writes_the_same_adapter(graft, tmp_path, moe,
                                               tiny_rows):
    words = ["--target", "kind=expert", "--set", "adapter.dropout=0.1",
             "--set", "training.schedule=constant", "--set",
             "training.warmup=0"]
    whole = train(graft, moe, tiny_rows[0], tmp_path / "whole", "--steps", 4,
                  *words)
    train(graft, moe, tiny_rows[0], tmp_path / "parts", "--steps", 2, *words)
    parts = train(graft, moe, tiny_rows[0], tmp_path / "parts", "--steps", 4,
                  "--resume", *words)
    assert (whole / "adapter_model.safetensors").read_bytes() == \
        (parts / "adapter_model.safetensors").read_bytes()
    text = graft("generate", moe, "--adapter", parts, "--prompt", "Ledger:",
                 "--max-new-tokens", 4)
    assert text


def test_router_loss_equals_transformers(graft, tmp_path, moe, tiny_rows):
    """Loss and trained adapter with router_aux_loss_coef."""
    coefficient = 0.5
    words = ["--target", "kind=expert", "--target", "router",
             "--set", "training.schedule=constant",
             "--set", "training.warmup=0", "--set",
             f"training.router_aux_loss_coef={coefficient}"]
    start = train(graft, moe, tiny_rows[0], tmp_path / "start", "--steps", 1,
                  "--learning-rate", 1e-30, *words)
    runs = {}
    for mode in ("off", "on"):
        adapter = train(graft, moe, tiny_rows[0], tmp_path / mode, "--steps",
                        STEPS, "--learning-rate", 1e-3, "--set",
                        f"compute.checkpoint_activations={mode}", *words)
        runs[mode] = adapter / "adapter_model.safetensors"
    assert runs["off"].read_bytes() == runs["on"].read_bytes()
    base = load_base(moe)
    base.config.output_router_logits = True
    base.router_aux_loss_coef = coefficient
    live = PeftRun(base, start)
    rows = learnt_rows(graft, moe, tiny_rows[0])
    for i, row in enumerate(step_rows(tmp_path / "off")):
        loss = live.step(rows[i * BATCH:(i + 1) * BATCH], row["lr"])
        assert abs(loss - row["loss"]) <= 5e-5, f"step {i}"
    assert_same_adapter(live, runs["off"], tmp_path / "peft")


def test_router_loss_needs_experts(graft, tmp_path, tiny_model, tiny_rows):
    done = graft.result("train", tiny_model, tiny_rows[0], "-o",
                        tmp_path / "run", "--steps", 1, "--set",
                        "training.router_aux_loss_coef=0.1")
    assert done.returncode == 2
    assert "this model has no routers" in done.stderr
