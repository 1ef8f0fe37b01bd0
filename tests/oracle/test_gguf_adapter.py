"""Adapters as GGUF files: what the gguf package reads is the adapter that PEFT
has, in llama.cpp's order of rows; and (./dev test --slow) llama.cpp itself,
through llama-cpp-python, writes the text that graft writes.
"""

import json

import numpy
import pytest
import torch
from compare import load_base
from conftest import ROOT
from smollm_gguf import smollm_gguf

TINY = ROOT / "tests/golden/gguf/models"
NAMES = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v",
         "o_proj": "attn_output", "gate_proj": "ffn_gate",
         "up_proj": "ffn_up", "down_proj": "ffn_down"}


def make_adapter(base, target, **settings):
    """A PEFT adapter on every linear layer, its B's random."""
    from peft import LoraConfig, get_peft_model
    torch.manual_seed(3)
    model = get_peft_model(load_base(base), LoraConfig(
        target_modules=list(NAMES), task_type="CAUSAL_LM", **settings))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    model.save_pretrained(target)
    return model


def deltas(model):
    """scale * B * A by llama.cpp's name, rows as PEFT has them."""
    out = {}
    for path, module in model.named_modules():
        if hasattr(module, "get_delta_weight"):
            layer = path.split(".layers.")[1].split(".")[0]
            name = NAMES[path.rsplit(".", 1)[1]]
            out[f"blk.{layer}.{name}.weight"] = (
                module.get_delta_weight("default").detach().numpy())
    return out


def interleave_halves(delta, heads):
    """Where transformers rotates row i of a head with row i + half, llama.cpp
    rotates neighbours."""
    rows, columns = delta.shape
    halves = delta.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


@pytest.mark.parametrize("settings", [
    {"r": 4, "lora_alpha": 6},
    {"r": 8, "lora_alpha": 3, "use_rslora": True,
     "rank_pattern": {"k_proj": 2, r"layers\.1\.self_attn\.o_proj": 3}},
    {"r": 2, "lora_alpha": 5, "alpha_pattern": {"down_proj": 1}},
])
def test_gguf_package_reads_the_deltas(graft, tmp_path, settings):
    import gguf
    base = tmp_path / "hf"
    graft("convert", TINY / "f32.gguf", "-o", base, "--dtype", "f32")
    model = make_adapter(base, tmp_path / "adapter", **settings)
    graft("convert", tmp_path / "adapter", "--to", "gguf", "--base", base,
          "-o", tmp_path / "a.gguf")
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    assert reader.fields["general.type"].contents() == "adapter"
    assert reader.fields["adapter.type"].contents() == "lora"
    assert reader.fields["general.architecture"].contents() == "llama"
    alpha = reader.fields["adapter.lora.alpha"].contents()
    stored = {tensor.name: tensor.data for tensor in reader.tensors}
    config = json.loads((base / "config.json").read_text())
    heads = {"attn_q": config["num_attention_heads"],
             "attn_k": config["num_key_value_heads"]}
    expected = deltas(model)
    assert len(stored) == 2 * len(expected)
    for name, delta in expected.items():
        a, b = stored[f"{name}.lora_a"], stored[f"{name}.lora_b"]
        kind = name.split(".")[2]
        if kind in heads:
            delta = interleave_halves(delta, heads[kind])
        got = b @ a * (alpha / a.shape[0])
        assert numpy.abs(got - delta).max() <= 1e-5 * numpy.abs(delta).max()


@pytest.mark.slow
def test_llama_cpp_writes_the_same_text(graft, tmp_path):
    """The same 4-bit file with a LoRA that graft trained on it."""
    from llama_cpp_package import llama_cpp
    smollm = smollm_gguf()
    rows = ROOT / "tests/oracle/data/keeper_rows.jsonl"
    graft("train", smollm, rows, "-o", tmp_path / "run", "--set",
          "training.steps=20", "--set", "training.batch_size=4", "--set",
          "adapter.rank=8", "--set", "training.learning_rate=5e-4", "--set",
          "data.eval=0")
    adapter = tmp_path / "run/adapter"
    graft("convert", adapter, "--to", "gguf", "--base", smollm, "-o",
          tmp_path / "a.gguf")
    model = llama_cpp().Llama(str(smollm), lora_path=str(tmp_path / "a.gguf"),
                              n_ctx=256, verbose=False, logits_all=False)
    plain = llama_cpp().Llama(str(smollm), n_ctx=256, verbose=False)
    changed = 0
    for row in rows.read_text().splitlines()[:3]:
        prompt = json.loads(row)["prompt"]
        ids = json.loads(graft("tokenize", smollm, stdin=json.dumps(
            {"text": prompt}) + "\n"))["ids"]
        expected = graft("generate", smollm, "--adapter", adapter, "--prompt",
                         prompt, "--max-new-tokens", 24).rstrip("\n")
        texts = [llama.create_completion(ids, max_tokens=24, temperature=0.0)
                 ["choices"][0]["text"] for llama in (model, plain)]
        print(repr(expected), repr(texts[0]))
        assert texts[0].rstrip("\n") == expected
        changed += texts[1].rstrip("\n") != expected
    assert changed > 0  # the adapter did something
