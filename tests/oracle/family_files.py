"""The tiny models of every family as pairs: a Hugging Face directory and a GGUF
file by the rules of llama.cpp's converter (tests/golden/gguf/hf_to_gguf.py,
without graft); and vocabularies with a model of no use around them. Entry
points: FAMILIES, sources, make_pair, add_model.
"""

import os
import pathlib
import sys

import gguf
import numpy
import pytest
import torch
from conftest import ROOT
from safetensors import safe_open
from safetensors.torch import save_file

sys.path.append(str(ROOT / "tests/golden/gguf"))

from hf_to_gguf import sayable_config, split_experts, write_model  # noqa: E402

FAMILIES = ROOT / "tests/golden/families"
SHARED = pathlib.Path(os.environ.get("GRAFT_GOLDENS_DIR",
                                     ROOT.parent / "shared/goldens")) / "models"
# The package gguf, like llama.cpp's converter, has no names for them.
UNSAYABLE = {"qwen3_moe_dense"}


def sources():
    folders = [path for parent in (FAMILIES, SHARED) if parent.exists()
               for path in sorted(parent.iterdir())
               if (path / "config.json").exists()]
    return [pytest.param(path, id=path.name) for path in folders
            if path.name not in UNSAYABLE]


def read_tensors(folder, config):
    out = {}
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():
                out[name] = file.get_tensor(name).float()
    out = split_experts({n: t.numpy() for n, t in out.items()}, config)
    if config.tie_word_embeddings:
        out.pop("lm_head.weight", None)
    return out


def save_reference(folder, config, tensors):
    """The original as a directory, with the configuration that a GGUF file
    can say."""
    folder.mkdir(parents=True)
    config.architectures = [CLASSES[config.model_type]]
    config.save_pretrained(folder)
    save_file({name: torch.from_numpy(numpy.ascontiguousarray(array))
               for name, array in tensors.items()},
              folder / "model.safetensors", {"format": "pt"})


CLASSES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM",
           "mixtral": "MixtralForCausalLM", "qwen2": "Qwen2ForCausalLM",
           "qwen3": "Qwen3ForCausalLM", "qwen3_moe": "Qwen3MoeForCausalLM",
           "gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM",
           "phi3": "Phi3ForCausalLM", "smollm3": "SmolLM3ForCausalLM",
           "olmo2": "Olmo2ForCausalLM"}


def make_pair(folder, target, **options):
    """(configuration, reference directory, GGUF file) of the model in
    `folder`. Options: change, of the configuration; tensors, called with it
    and the tensors; those of write_model."""
    from transformers import AutoConfig
    change = options.pop("change", sayable_config)
    choose = options.pop("tensors", lambda config, tensors: tensors)
    config = change(AutoConfig.from_pretrained(folder))
    tensors = choose(config, read_tensors(folder, config))
    file = target / "model.gguf"
    values = write_model(file, config, tensors, **options)
    save_reference(target / "reference", config, values)
    return config, target / "reference", file


def copy_metadata(reader, writer, prefixes):
    for field in reader.fields.values():
        if field.name.startswith(prefixes):
            kind = field.types[0]
            inner = (field.types[-1] if kind == gguf.GGUFValueType.ARRAY
                     else None)
            writer.add_key_value(field.name, field.contents(), kind, inner)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_model(vocabulary, target):
    """The metadata of `vocabulary` and a Llama of one layer."""
    reader = gguf.GGUFReader(vocabulary)
    writer = gguf.GGUFWriter(target, "llama")
    copy_metadata(reader, writer, ("tokenizer.",))
    words = len(reader.fields["tokenizer.ggml.tokens"].contents())
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-5)
    random = numpy.random.default_rng(1)
    shapes = {"token_embd": (words, 32), "output_norm": (32,),
              "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,)}
    for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate",
                 "ffn_up", "ffn_down"):
        shapes[f"blk.0.{part}"] = (32, 32)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight",
                          random.normal(size=shape).astype(numpy.float32))
    finish(writer)
    return target
