"""llama.cpp itself on the files (./dev test --slow): what its converter makes
of every family; the models that it can load and graft's adapters on them, as
log probabilities; its ids of texts; and on SmolLM2 the text that graft writes.
"""

import json
import subprocess
import sys
import unicodedata

import gguf
import numpy
import pytest
import torch
from compare import graft_logits, load_base, random_ids, reference_logits
from conftest import ROOT
from family_files import (add_model, copy_metadata, finish, make_pair,
                          sayable_config, sources)
from llama_cpp_package import converter
from safetensors.torch import load_file, save_file
from smollm_gguf import smollm_gguf
from test_gguf_adapter import add_expert_adapters, deltas, make_adapter

pytestmark = pytest.mark.slow
# ggml looks GELU up in a table of half floats.
LIMITS = {"gemma2": 4e-3, "gemma3_text": 4e-3}


def loadable_config(config):
    """What llama.cpp computes: it knows no biases but Qwen 2's, and no window
    of Phi-3 (its loader says so)."""
    sayable_config(config)
    if hasattr(config, "attention_bias"):
        config.attention_bias = False
    if hasattr(config, "mlp_bias"):
        config.mlp_bias = False
    if config.model_type == "phi3":
        config.sliding_window = None
    if config.model_type == "olmo2":
        config.tie_word_embeddings = False
    return config


def loadable_sources():
    """llama.cpp wants the usual head sizes of these two."""
    return [row for row in sources()
            if row.id not in ("qwen2_window", "olmo2_tied")]


def drop_biases(config, tensors):
    if config.model_type == "qwen2":
        return tensors
    return {name: array for name, array in tensors.items()
            if not name.endswith(".bias")}


def merged(reference, target, expected):
    """The reference directory with the adapter's deltas in its weights."""
    target.mkdir()
    (target / "config.json").write_bytes(
        (reference / "config.json").read_bytes())
    tensors = load_file(reference / "model.safetensors")
    for name, delta in expected.items():
        tensors[name] = tensors[name] + torch.from_numpy(delta)
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    return target


def check_log_probabilities(model, folder, config, graft_answer=None):
    """Of prompts of three lengths, against transformers on `folder`, and
    graft on what it is given."""
    ids = random_ids(config.vocab_size, batch=1, length=30)
    limit = LIMITS.get(config.model_type, 1e-4)
    hf = torch.log_softmax(reference_logits(load_base(folder), ids)[0], -1)
    worst = 0
    for length in (1, 9, 30):
        got = model.log_probabilities(ids[0, :length].tolist(),
                                      config.vocab_size)
        worst = max(worst, (got - hf[length - 1]).abs().max().item())
        if graft_answer is not None:
            own = torch.log_softmax(graft_answer(ids)[0, length - 1], -1)
            assert (own - got).abs().max() <= limit
    print(f"{folder.parent.name}: {worst:.1e}")
    assert worst <= limit


@pytest.mark.parametrize("folder", loadable_sources())
def test_model_and_adapter(graft, tmp_path, folder):
    """The same log probabilities in transformers, graft and llama.cpp."""
    from llama_cpp_reader import LlamaCpp
    config, reference, file = make_pair(
        folder, tmp_path, change=loadable_config, tensors=drop_biases)
    check_log_probabilities(
        LlamaCpp(file), reference, config,
        lambda ids: graft_logits(graft, tmp_path, file, ids))
    adapter = tmp_path / "adapter"
    expected = deltas(make_adapter(reference, adapter, r=4, lora_alpha=6,
                                   rank_pattern={"k_proj": 2}))
    if config.model_type in ("mixtral", "qwen3_moe"):
        ranks = [2 + n % 2 for n in range(config.num_local_experts)]
        expected.update(add_expert_adapters(adapter, config, ranks))
    graft("convert", adapter, "--to", "gguf", "--base", file, "-o",
          tmp_path / "a.gguf")
    folder = merged(reference, tmp_path / "merged", expected)
    check_log_probabilities(LlamaCpp(file, tmp_path / "a.gguf"), folder,
                            config)


def run_converter(reference, target):
    """What the file holds, by name: tensors, and keys of the model."""
    config = json.loads((reference / "config.json").read_text())
    (reference / "tokenizer.json").write_text(json.dumps({  # Gemma 3 counts
        "model": {"vocab": {f"w{n}": n for n in range(config["vocab_size"])}},
        "added_tokens": []}))
    program = ROOT / "tests/oracle/llama_cpp_converter.py"
    subprocess.run([sys.executable, program, converter(), reference, target],
                   check=True, capture_output=True)
    return contents(target)


def contents(file):
    reader = gguf.GGUFReader(file)
    return ({tensor.name: tensor.data for tensor in reader.tensors},
            {name.split(".", 1)[1]: field.contents()
             for name, field in reader.fields.items()
             if not name.startswith(("general.", "GGUF.", "tokenizer."))})


# Without the keys that only the tests' writer adds, as llama.cpp has them by
# default.
DEFAULTS = {"rope.freq_base_swa": 10000.0, "rope.freq_base": 10000.0}


@pytest.mark.parametrize("folder", sources())
def test_converter(graft, tmp_path, folder):
    """The tests' own writer makes the converter's tensors, and keys of the
    same values; graft makes the original of the converter's file."""
    config, reference, file = make_pair(folder, tmp_path)
    if getattr(config, "original_max_position_embeddings", None) is None:
        rope = config.rope_parameters
        if rope.get("rope_type") == "llama3":
            # The converter looks for it beside rope_parameters alone.
            config.original_max_position_embeddings = (
                rope["original_max_position_embeddings"])
            config.save_pretrained(reference)
    tensors, keys = run_converter(reference, tmp_path / "theirs.gguf")
    own_tensors, own_keys = contents(file)
    assert tensors.keys() == own_tensors.keys()
    for name, array in tensors.items():
        close = 1e-6 if name.startswith("rope_") else 0  # in another order
        difference = numpy.abs(array - own_tensors[name]).max()
        assert difference <= close, name
    for name, value in own_keys.items():
        assert keys.get(name, DEFAULTS.get(name)) == pytest.approx(value), name
    graft("convert", tmp_path / "theirs.gguf", "-o", tmp_path / "hf",
          "--dtype", "f32")
    written = load_file(tmp_path / "hf/model.safetensors")
    wanted = load_file(reference / "model.safetensors")
    assert written.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(written[name], tensor), name
    ids = random_ids(config.vocab_size, length=30)
    got = graft_logits(graft, tmp_path, tmp_path / "theirs.gguf", ids)
    expected = reference_logits(load_base(reference), ids)
    assert (got - expected).abs().max() <= 1e-4


TEXTS = ["", " ", "hello the 123 1234567 hello's", "in 2024: 1+1=2",
         "a\n\nb", "café naïve e\u0301", "  four    spaces \t\n",
         "数字 ١٢٣ ½ Ⅷ 🎈", "<s>x</s>", "hellohello", " hello", "in  the",
         "don't I'LL", "the <tool>  x"]


@pytest.mark.parametrize("name", ["sentencepiece", "sentencepiece_bare",
                                  "gpt-2", "llama-bpe", "qwen2", "smollm",
                                  "dbrx"])
def test_ids_of_texts(graft, tmp_path, name):
    """A model of no use around each vocabulary of the goldens."""
    from llama_cpp_reader import LlamaCpp
    source = ROOT / f"tests/golden/gguf/tokenizers/{name}.gguf"
    file = add_model(source, tmp_path / "model.gguf")
    model = LlamaCpp(file)
    stdin = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    for text, line in zip(TEXTS, graft("tokenize", file,
                                       stdin=stdin).splitlines(), strict=True):
        if name == "qwen2" and not unicodedata.is_normalized("NFC", text):
            continue  # llama.cpp does not compose, the family's own does
        assert json.loads(line)["ids"] == model.tokenize(text), text


def decoded_file(source, target):
    """The same values as F32. On quantised matrices llama.cpp rounds the
    activations to 8 bits too, which changes close choices."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    copy_metadata(reader, writer, ("tokenizer.", "llama."))
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, numpy.ascontiguousarray(
            values, dtype=numpy.float32))
    finish(writer)
    return target


def test_smollm_writes_the_same_text(graft, tmp_path):
    """The published 4-bit file in graft, its values in llama.cpp; alone, and
    with a LoRA that graft trained on it."""
    from llama_cpp_reader import LlamaCpp
    smollm = smollm_gguf()
    plain = decoded_file(smollm, tmp_path / "smollm.gguf")
    rows = ROOT / "tests/oracle/data/keeper_rows.jsonl"
    graft("train", smollm, rows, "-o", tmp_path / "run", "--set",
          "training.steps=20", "--set", "training.batch_size=4", "--set",
          "adapter.rank=8", "--set", "training.learning_rate=5e-4", "--set",
          "data.eval=0")
    adapter = tmp_path / "run/adapter"
    graft("convert", adapter, "--to", "gguf", "--base", smollm, "-o",
          tmp_path / "a.gguf")
    models = {(): LlamaCpp(plain),
              ("--adapter", adapter): LlamaCpp(plain, tmp_path / "a.gguf")}
    texts = {}
    for row in rows.read_text().splitlines()[:3]:
        prompt = json.loads(row)["prompt"]
        ids = json.loads(graft("tokenize", smollm, stdin=json.dumps(
            {"text": prompt}) + "\n"))["ids"]
        for options, model in models.items():
            expected = graft("generate", smollm, *options, "--prompt", prompt,
                             "--max-new-tokens", 24).rstrip("\n")
            got = model.text(ids, 24).rstrip("\n")
            print(repr(expected), repr(got))
            assert got == expected
            texts.setdefault(options, []).append(got)
    assert texts[()] != texts[("--adapter", adapter)]  # it did something
