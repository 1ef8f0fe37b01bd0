"""Logits of the graft command and of the reference programs, side by side.
Entry points: graft_logits, reference_logits, assert_logits_equal.
"""

import pathlib

import torch
from safetensors.torch import load_file, save_file

# Tolerances of the goldens: fp32 logits of equal weights.
BASE_TOLERANCE = 1e-4
ADAPTER_TOLERANCE = 2e-4


def random_ids(vocab, batch=2, length=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, vocab, (batch, length), generator=generator)


def graft_logits(graft, folder, model, ids, adapter=None, mask=None):
    folder = pathlib.Path(folder)
    tensors = {"input_ids": ids.to(torch.int64)}
    if mask is not None:
        tensors["attention_mask"] = mask.to(torch.int64)
    save_file(tensors, folder / "input.safetensors")
    extra = ["--adapter", adapter] if adapter else []
    graft("logits", model, *extra, "--input", folder / "input.safetensors",
          "--output", folder / "output.safetensors")
    return load_file(folder / "output.safetensors")["logits"]


def load_base(model):
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(
        model, dtype=torch.float32, attn_implementation="eager").eval()


def reference_logits(model, ids, mask=None):
    with torch.no_grad():
        positions = torch.arange(ids.shape[1]).expand_as(ids)
        return model(input_ids=ids, attention_mask=mask,
                     position_ids=positions).logits


def assert_logits_equal(got, expected, tolerance):
    assert got.shape == expected.shape
    worst = (got - expected).abs().max().item()
    assert worst <= tolerance, f"largest difference {worst}"
