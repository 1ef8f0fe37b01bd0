"""Base models: logits, tokenizer and greedy text against transformers."""

import json

import pytest
import torch
from compare import (BASE_TOLERANCE, assert_logits_equal, graft_logits,
                     load_base, random_ids, reference_logits)

ROPES = {
    "default": {"rope_type": "default", "rope_theta": 10000.0},
    "linear": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0},
    "dynamic": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0},
    "llama3": {"rope_type": "llama3", "rope_theta": 50000.0, "factor": 8.0,
               "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 16},
    "yarn": {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
             "original_max_position_embeddings": 16},
}


def make_llama(folder, seed=0, **overrides):
    from transformers import LlamaConfig, LlamaForCausalLM
    torch.manual_seed(seed)
    settings = dict(vocab_size=131, hidden_size=48, intermediate_size=80,
                    num_hidden_layers=2, num_attention_heads=6,
                    num_key_value_heads=2, head_dim=8,
                    max_position_embeddings=64, tie_word_embeddings=False)
    settings.update(overrides)
    model = LlamaForCausalLM(LlamaConfig(**settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.15)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", sorted(ROPES))
def test_rope_kinds_equal_transformers(graft, tmp_path, kind):
    model = make_llama(tmp_path / "model", rope_parameters=ROPES[kind])
    for length in (24, 100):  # within and beyond max_position_embeddings
        ids = random_ids(131, length=length)
        assert_logits_equal(graft_logits(graft, tmp_path, model, ids),
                            reference_logits(load_base(model), ids),
                            BASE_TOLERANCE)


@pytest.mark.parametrize("changes", [
    {"attention_bias": True}, {"mlp_bias": True},
    {"tie_word_embeddings": True}, {"num_key_value_heads": 6},
    {"num_key_value_heads": 1}, {"head_dim": 16},
], ids=lambda changes: next(iter(changes)))
def test_llama_variants_equal_transformers(graft, tmp_path, changes):
    model = make_llama(tmp_path / "model", **changes)
    ids = random_ids(131)
    assert_logits_equal(graft_logits(graft, tmp_path, model, ids),
                        reference_logits(load_base(model), ids),
                        BASE_TOLERANCE)


def test_left_padding_equals_transformers(graft, tmp_path):
    model = make_llama(tmp_path / "model")
    ids = random_ids(131)
    mask = torch.ones_like(ids)
    mask[0, :7] = 0
    got = graft_logits(graft, tmp_path, model, ids, mask=mask)
    expected = reference_logits(load_base(model), ids, mask)
    keep = mask.bool()
    assert_logits_equal(got[keep], expected[keep], BASE_TOLERANCE)


def test_tokenizer_equals_tokenizers(graft, tiny_model, tiny_rows):
    from tokenizers import Tokenizer
    reference = Tokenizer.from_file(str(tiny_model / "tokenizer.json"))
    texts = [json.loads(line)["prompt"]
             for line in tiny_rows[1].read_text().splitlines()]
    texts += ["", " ", "naïve café\n\n\t", "数字 123 🎈", "a" * 500]
    stdin = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    lines = graft("tokenize", tiny_model, stdin=stdin).splitlines()
    for text, line in zip(texts, lines, strict=True):
        assert json.loads(line)["ids"] == reference.encode(text).ids


def test_greedy_text_equals_transformers(graft, tiny_model, tiny_rows):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = load_base(tiny_model)
    for line in tiny_rows[1].read_text().splitlines()[:3]:
        prompt = json.loads(line)["prompt"]
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            out = model.generate(ids, do_sample=False, max_new_tokens=20)
        expected = tokenizer.decode(out[0, ids.shape[1]:],
                                    skip_special_tokens=True)
        got = graft("generate", tiny_model, "--prompt", prompt,
                    "--max-new-tokens", 20, "--set", "compute.dtype=fp32")
        assert got.rstrip("\n") == expected.rstrip("\n")
