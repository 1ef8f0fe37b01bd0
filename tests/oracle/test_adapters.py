"""Adapters and merges: what graft writes loads in PEFT and transformers with
the same logits, and what PEFT writes loads in graft.
"""

import json

import pytest
import torch
from compare import (ADAPTER_TOLERANCE, BASE_TOLERANCE, assert_logits_equal,
                     graft_logits, load_base, random_ids, reference_logits)
from safetensors.torch import save_file
from test_base_model import make_llama

VARIANTS = {
    "qv": dict(target_modules=["q_proj", "v_proj"]),
    "all_linear": dict(target_modules="all-linear"),
    "head": dict(target_modules=["q_proj", "lm_head"]),
    "regex": dict(target_modules=r".*layers\.1\.mlp\.(gate|down)_proj"),
    "rslora": dict(target_modules=["k_proj", "up_proj"], use_rslora=True),
    "patterns": dict(target_modules=["q_proj", "down_proj"],
                     rank_pattern={"q_proj": 3},
                     alpha_pattern={r"layers\.1\.mlp\.down_proj": 5}),
    "layers": dict(target_modules=["o_proj", "gate_proj"],
                   layers_to_transform=[1]),
    "exclude": dict(target_modules=["q_proj", "k_proj", "v_proj"],
                    exclude_modules=["layers.0.self_attn.k_proj"]),
}


def make_peft_adapter(model, folder, **settings):
    """An adapter with random B, written by PEFT. Returns the live model."""
    from peft import LoraConfig, get_peft_model
    torch.manual_seed(3)
    config = LoraConfig(**{"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM",
                           **settings})
    live = get_peft_model(load_base(model), config).eval()
    with torch.no_grad():
        for name, parameter in live.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1)
    live.save_pretrained(folder)
    return live


def peft_logits(model, adapter, ids):
    from peft import PeftModel
    live = PeftModel.from_pretrained(load_base(model), adapter).eval()
    return reference_logits(live, ids)


@pytest.mark.parametrize("variant", sorted(VARIANTS))
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_peft_adapter_loads_in_graft(graft, tmp_path, variant, tied):
    model = make_llama(tmp_path / "model", tie_word_embeddings=tied)
    live = make_peft_adapter(model, tmp_path / "adapter", **VARIANTS[variant])
    ids = random_ids(131)
    expected = reference_logits(live, ids)
    got = graft_logits(graft, tmp_path, model, ids, tmp_path / "adapter")
    assert_logits_equal(got, expected, ADAPTER_TOLERANCE)
    graft("merge", model, tmp_path / "adapter", "-o", tmp_path / "merged")
    graft("verify", model, tmp_path / "adapter", tmp_path / "merged")
    merged = reference_logits(load_base(tmp_path / "merged"), ids)
    assert_logits_equal(merged, expected, ADAPTER_TOLERANCE)


TARGETS = {
    "fused_all": ["--target", "all-linear"],
    "fused_qkv": ["--target", "linear_qkv"],
    "canonical": ["--target", "q_proj", "--target", "linear_fc1_up"],
    "wildcard": ["--target", "*.layers.1.*"],
    "head": ["--target", "lm_head", "--target", "linear_fc2"],
}


@pytest.mark.parametrize("targets", sorted(TARGETS))
def test_trained_adapter_loads_in_peft(graft, tmp_path, tiny_model,
                                       tiny_rows, targets):
    run = tmp_path / "run"
    graft("train", tiny_model, tiny_rows[0], "-o", run, *TARGETS[targets],
          "--set", "training.steps=3", "--set", "adapter.rank=4",
          "--set", "training.learning_rate=0.01",
          "--set", "compute.dtype=fp32")
    ids = random_ids(300)
    adapter = run / "adapter"
    got = graft_logits(graft, tmp_path, tiny_model, ids, adapter)
    assert_logits_equal(got, peft_logits(tiny_model, adapter, ids),
                        ADAPTER_TOLERANCE)
    base = reference_logits(load_base(tiny_model), ids)
    assert (got - base).abs().max() > 1e-3, "training changed nothing"


def test_peft_selects_what_graft_adapted(graft, tmp_path, tiny_model,
                                         tiny_rows):
    """The written config selects exactly the modules that have tensors."""
    from peft import PeftModel
    run = tmp_path / "run"
    graft("train", tiny_model, tiny_rows[0], "-o", run, "--target",
          "*.layers.{1..2}.*.q_proj", "--target", "*.layers.0.*.down_proj",
          "--set", "training.steps=1", "--set", "adapter.rank=2")
    live = PeftModel.from_pretrained(load_base(tiny_model), run / "adapter")
    adapted = {name.removesuffix(".lora_A.default.weight")
               for name, _ in live.named_parameters()
               if name.endswith(".lora_A.default.weight")}
    prefix = "base_model.model.model.layers"
    assert adapted == {f"{prefix}.0.mlp.down_proj",
                       f"{prefix}.1.self_attn.q_proj",
                       f"{prefix}.2.self_attn.q_proj"}


def test_two_runs_write_the_same_bytes(graft, tmp_path, tiny_model,
                                       tiny_rows):
    folders = []
    for name in ("one", "two"):
        graft("train", tiny_model, tiny_rows[0], "-o", tmp_path / name,
              "--set", "training.steps=3", "--set", "adapter.dropout=0.1",
              "--set", "adapter.rank=4")
        folders.append(tmp_path / name / "adapter")
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        assert (folders[0] / file).read_bytes() == \
            (folders[1] / file).read_bytes()


def test_full_training_loads_in_transformers(graft, tmp_path, tiny_model,
                                             tiny_rows):
    run = tmp_path / "run"
    graft("train", tiny_model, tiny_rows[0], "-o", run, "--set",
          "method=full", "--set", "training.steps=2", "--set",
          "training.learning_rate=0.001")
    folder = next(path.parent for path in run.rglob("config.json"))
    ids = random_ids(300)
    assert_logits_equal(graft_logits(graft, tmp_path, folder, ids),
                        reference_logits(load_base(folder), ids),
                        BASE_TOLERANCE)


def test_plan_counts_equal_peft(graft, tmp_path):
    model = make_llama(tmp_path / "model")
    live = make_peft_adapter(model, tmp_path / "adapter",
                             target_modules=["q_proj", "gate_proj"])
    trainable, _ = live.get_nb_trainable_parameters()
    plan = json.loads(graft("plan", model, "--target", "q_proj", "--target",
                            "gate_proj", "--set", "adapter.rank=4", "--json"))
    assert plan["trainable_parameters"] == trainable


@pytest.mark.parametrize("family", ["t5", "mpt", "bart", "deberta", "btlm",
                                    "mixtral", "electra", "phi", "nobody"])
def test_default_targets_are_those_of_peft(graft, tmp_path, family):
    """A file with null target_modules selects what PEFT would."""
    from peft.utils.constants import \
        TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as DEFAULTS
    names = sorted({name for value in DEFAULTS.values()
                    if not isinstance(value, str) for name in value})
    tensors = {f"layers.0.{name}.weight": torch.zeros(4, 4)
               for name in names}
    model = tmp_path / "model"
    model.mkdir()
    save_file(tensors, model / "model.safetensors", {"format": "pt"})
    (model / "config.json").write_text(json.dumps({"model_type": family}))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": 2, "target_modules": None}))
    wanted = DEFAULTS.get(family, ())
    save_file({f"base_model.model.layers.0.{name}.lora_{part}.weight":
               torch.ones(shape)
               for name in wanted
               for part, shape in (("A", (2, 4)), ("B", (4, 2)))},
              adapter / "adapter_model.safetensors", {"format": "pt"})
    done = graft.result("merge", model, adapter, "-o", tmp_path / "merged",
                        "--json")
    if not wanted:
        assert done.returncode == 3
        assert "no default for model type 'nobody'" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    merged = {row["name"] for row in json.loads(done.stdout)["merged"]}
    assert merged == {f"layers.0.{name}.weight" for name in wanted}
