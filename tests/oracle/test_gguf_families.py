"""Models of every family as GGUF files, written by the rules of llama.cpp's
converter (tests/golden/gguf/hf_to_gguf.py, without graft): graft runs the file
and turns it back into a Hugging Face directory that transformers reads as the
original model.
"""

import json

import numpy
import pytest
import torch
from compare import graft_logits, load_base, random_ids, reference_logits
from conftest import ROOT
from family_files import (FAMILIES, add_model, make_pair, sayable_config,
                          sources)
from safetensors.torch import load_file


def compare_with_reference(graft, tmp_path, reference, file, limit=1e-4):
    config = json.loads((reference / "config.json").read_text())
    ids = random_ids(config["vocab_size"], length=40)
    expected = reference_logits(load_base(reference), ids)
    for model in (file, tmp_path / "hf"):
        got = graft_logits(graft, tmp_path, model, ids)
        difference = (got - expected).abs()
        print(f"max {difference.max():.1e} mean {difference.mean():.1e}")
        assert difference.max() <= limit
        assert difference.mean() <= limit / 20
    converted = reference_logits(load_base(tmp_path / "hf"), ids)
    assert (converted - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("folder", sources())
def test_file_and_converted_directory_are_the_model(graft, tmp_path, folder):
    _, reference, file = make_pair(folder, tmp_path)
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "f32")
    written = load_file(tmp_path / "hf/model.safetensors")
    wanted = load_file(reference / "model.safetensors")
    assert written.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(written[name], tensor), name
    compare_with_reference(graft, tmp_path, reference, file)


def with_window(config):
    sayable_config(config)
    config.sliding_window = 8
    return config


def with_query_scalar(config):
    """attention.scale, which llama.cpp's converter does not write."""
    layers = config.layer_types
    scalar = config.query_pre_attn_scalar
    sayable_config(config)
    config.query_pre_attn_scalar = scalar
    config.layer_types = layers
    return config


def add_scale_and_pattern(config_holder):
    def add(writer):
        config = config_holder["config"]
        writer.add_attention_scale(config.query_pre_attn_scalar ** -0.5)
        writer.add_sliding_window_pattern(
            [kind == "sliding_attention" for kind in config.layer_types])
    return add


@pytest.mark.parametrize("name", ["gemma2_uncapped", "gemma3_capped"])
def test_keys_that_only_some_writers_add(graft, tmp_path, name):
    holder = {}

    def change(config):
        holder["config"] = with_query_scalar(config)
        return holder["config"]

    _, reference, file = make_pair(FAMILIES / name, tmp_path, change=change,
                                   extra=add_scale_and_pattern(holder))
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "f32")
    config = json.loads((tmp_path / "hf/config.json").read_text())
    assert config["query_pre_attn_scalar"] == (
        holder["config"].query_pre_attn_scalar)
    compare_with_reference(graft, tmp_path, reference, file)


@pytest.mark.parametrize("name", ["mistral_full", "mixtral_window"])
def test_windows_of_the_llama_architecture(graft, tmp_path, name):
    """A file with attention.sliding_window is Mistral's."""
    _, reference, file = make_pair(FAMILIES / name, tmp_path,
                                   change=with_window)
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "f32")
    config = json.loads((tmp_path / "hf/config.json").read_text())
    assert config["sliding_window"] == 8
    assert config["model_type"] == name.split("_")[0]
    compare_with_reference(graft, tmp_path, reference, file)


@pytest.mark.parametrize("name", ["mixtral_packed", "mixtral_window",
                                  "qwen3_moe_packed"])
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "F16"])
@pytest.mark.parametrize("old", [False, True], ids=["merged", "own"])
def test_experts_stay_quantised(graft, tmp_path, name, kind, old):
    _, reference, file = make_pair(FAMILIES / name, tmp_path, kind=kind,
                                   old_experts=old)
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "f32")
    compare_with_reference(graft, tmp_path, reference, file)


@pytest.mark.parametrize("name", ["gemma3_capped", "phi3_longrope",
                                  "qwen3_bias", "qwen3_moe_packed"])
def test_bf16_norms_come_back(graft, tmp_path, name):
    """What was bf16 before llama.cpp's 1 + w in fp32 is so again."""
    _, reference, file = make_pair(FAMILIES / name, tmp_path, kind="BF16")
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "bf16")
    written = load_file(tmp_path / "hf/model.safetensors")
    for name, tensor in load_file(reference / "model.safetensors").items():
        assert torch.equal(written[name], tensor.bfloat16()), name


def test_gemma_norms_are_stored_shifted(tmp_path):
    import gguf
    _, reference, file = make_pair(FAMILIES / "gemma3_capped", tmp_path)
    stored = {t.name: t.data for t in gguf.GGUFReader(file).tensors}
    norm = load_file(reference / "model.safetensors")["model.norm.weight"]
    difference = stored["output_norm.weight"] - norm.numpy() - 1
    assert numpy.abs(difference).max() < 1e-6


@pytest.mark.parametrize("name, layers", [("gemma2_uncapped", 46),
                                          ("gemma3_capped", 62)])
def test_models_that_divide_scores_otherwise(graft, tmp_path, name, layers):
    """Gemma's 27B models, told by their depth alone; here with heads larger
    than hidden_size / heads."""
    def deepen(config):
        config.num_hidden_layers = layers
        sayable_config(config)
        config.query_pre_attn_scalar = (config.hidden_size
                                        // config.num_attention_heads)
        return config

    def wide_heads(config):
        deepen(config)
        config.head_dim = 16
        return config

    def repeat(config, tensors):
        generator = torch.Generator().manual_seed(4)
        out = {}
        for name, array in tensors.items():
            shape = list(array.shape)
            part = name.split(".")[-2]
            if part in ("q_proj", "k_proj", "v_proj"):
                shape[0] *= 2  # heads of 16 instead of 8
            elif part in ("q_norm", "k_norm"):
                shape[0] *= 2
            elif part == "o_proj" and len(shape) == 2:
                shape[1] *= 2
            random = 0.1 * torch.randn(shape, generator=generator).numpy()
            if ".layers." not in name:
                out[name] = random
            elif ".layers.0." in name:
                for n in range(layers):
                    out[name.replace(".layers.0.", f".layers.{n}.")] = random
        return out

    _, reference, file = make_pair(FAMILIES / name, tmp_path,
                                   change=wide_heads, tensors=repeat)
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "f32")
    config = json.loads((tmp_path / "hf/config.json").read_text())
    assert config["query_pre_attn_scalar"] == 8
    compare_with_reference(graft, tmp_path, reference, file, limit=1e-3)


@pytest.mark.parametrize("name", ["sentencepiece", "sentencepiece_bare",
                                  "dbrx", "llama-bpe", "qwen2"])
def test_converted_tokenizers_load_in_transformers(graft, tmp_path, name):
    from transformers import AutoTokenizer
    file = add_model(ROOT / f"tests/golden/gguf/tokenizers/{name}.gguf",
                     tmp_path / "model.gguf")
    graft("convert", file, "-o", tmp_path / "hf")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    texts = [json.loads(line)["text"] for line in (
        ROOT / f"tests/golden/gguf/tokenizers/{name}.jsonl").open()]
    stdin = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    for source in (file, tmp_path / "hf"):
        lines = graft("tokenize", source, stdin=stdin).splitlines()
        for text, line in zip(texts, lines, strict=True):
            assert json.loads(line)["ids"] == tokenizer(text).input_ids, text


@pytest.mark.parametrize("name", ["qwen3_moe", "mixtral_old", "gemma3",
                                  "phi3_longrope"])
def test_training_on_the_file_is_training_on_the_directory(graft, tmp_path,
                                                           name):
    """Losses and merged weights, bit for bit, over plain and quantised
    experts, shifted norms and fused tensors."""
    file = ROOT / f"tests/golden/gguf/families/{name}.gguf"
    graft("convert", file, "-o", tmp_path / "hf", "--dtype", "f32")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": "t0" * n + "t" * (9 - n)})
                            + "\n" for n in range(1, 9)))
    results = []
    for number, model in enumerate((file, tmp_path / "hf")):
        run, out = tmp_path / f"run{number}", tmp_path / f"merged{number}"
        graft("train", model, rows, "-o", run, "--set", "training.steps=3",
              "--set", "training.batch_size=4", "--set", "data.eval=0",
              "--set", "training.learning_rate=1e-2", "--set",
              'adapter.targets=["*.linear_qkv", "*.linear_proj"]')
        dtype = ["--dtype", "f32"] if model == file else []
        graft("merge", model, run / "adapter", "-o", out, *dtype)
        results.append((out / "model.safetensors").read_bytes())
    assert results[0] == results[1]
