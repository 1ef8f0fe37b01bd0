"""A checkpoint whose config.json ties the head although the file holds one:
transformers 5 ties equal matrices and keeps different ones, and so must graft
in every command.
"""

import json

import pytest
import torch
from compare import (ADAPTER_TOLERANCE, BASE_TOLERANCE, assert_logits_equal,
                     graft_logits, load_base, random_ids, reference_logits)
from safetensors.torch import load_file, save_file
from test_adapters import make_peft_adapter, peft_logits
from test_base_model import make_llama

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"


def equal(tensors):
    tensors[HEAD] = tensors[EMBEDDING].clone()


def different(tensors):
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(tensors[EMBEDDING].shape, generator=generator)
    tensors[HEAD] = tensors[EMBEDDING] + 0.2 * noise


def one_value(tensors):
    equal(tensors)
    tensors[HEAD][-1, -1] += 3.0


def equal_in_another_type(tensors):
    tensors[EMBEDDING] = tensors[EMBEDDING].bfloat16()
    tensors[HEAD] = tensors[EMBEDDING].float()


def signed_zero(tensors):
    tensors[EMBEDDING][3, 4] = 0.0
    equal(tensors)
    tensors[HEAD][3, 4] = -0.0


CASES = {"equal": (equal, True), "different": (different, False),
         "one_value": (one_value, False),
         "equal_in_another_type": (equal_in_another_type, True),
         "signed_zero": (signed_zero, True)}


def make_model(folder, edit, vocab=131):
    """tie_word_embeddings: true, with a head that `edit` stores."""
    make_llama(folder, tie_word_embeddings=True, vocab_size=vocab)
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert json.loads((folder / "config.json").read_text())[
        "tie_word_embeddings"] is True
    return folder


def is_tied(live):
    return live.lm_head.weight is live.model.embed_tokens.weight


@pytest.mark.parametrize("case", sorted(CASES))
def test_base_model(graft, tmp_path, case):
    edit, tied = CASES[case]
    model = make_model(tmp_path / "model", edit)
    live = load_base(model)
    assert is_tied(live) is tied, "transformers does something else now"
    ids = random_ids(131)
    expected = reference_logits(live, ids)
    assert_logits_equal(graft_logits(graft, tmp_path, model, ids), expected,
                        BASE_TOLERANCE)
    done = graft.result("plan", model, "--json")
    plan = json.loads(done.stdout)
    assert plan["base_parameters"] == sum(
        p.numel() for p in live.parameters())
    assert ("tie_word_embeddings" in done.stderr) is not tied


@pytest.mark.parametrize("targets", [["q_proj"], ["lm_head"]],
                         ids=lambda targets: targets[0])
@pytest.mark.parametrize("case", ["equal", "different"])
def test_adapter_and_merge(graft, tmp_path, case, targets):
    model = make_model(tmp_path / "model", CASES[case][0])
    make_peft_adapter(model, tmp_path / "adapter", target_modules=targets)
    ids = random_ids(131)
    expected = peft_logits(model, tmp_path / "adapter", ids)
    got = graft_logits(graft, tmp_path, model, ids, tmp_path / "adapter")
    assert_logits_equal(got, expected, ADAPTER_TOLERANCE)
    merged = tmp_path / "merged"
    graft("merge", model, tmp_path / "adapter", "-o", merged)
    graft("verify", model, tmp_path / "adapter", merged)
    assert_logits_equal(reference_logits(load_base(merged), ids), expected,
                        ADAPTER_TOLERANCE)
    before = load_file(model / "model.safetensors")
    after = load_file(merged / "model.safetensors")
    assert before.keys() == after.keys()
    assert torch.equal(after[EMBEDDING], before[EMBEDDING])
    assert torch.equal(after[HEAD], before[HEAD]) is (targets != ["lm_head"])


def make_tiny_with_head(folder, tiny_model, edit):
    """The example's model, which has a tokenizer, with a stored head."""
    folder.mkdir()
    for path in tiny_model.iterdir():
        if path.name != "model.safetensors":
            (folder / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tiny_model / "model.safetensors")
    edit(tensors)
    save_file({name: value.to(torch.bfloat16)
               for name, value in tensors.items()},
              folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize("case", ["equal", "different"])
def test_full_training(graft, tmp_path, tiny_model, tiny_rows, case):
    model = make_tiny_with_head(tmp_path / "model", tiny_model, CASES[case][0])
    run = tmp_path / "run"
    graft("train", model, tiny_rows[0], "-o", run, "--set", "method=full",
          "--set", "training.steps=2", "--set", "training.learning_rate=0.001")
    live = load_base(run / "model")
    assert is_tied(live) is (case == "equal")
    ids = random_ids(300)
    assert_logits_equal(graft_logits(graft, tmp_path, run / "model", ids),
                        reference_logits(live, ids), BASE_TOLERANCE)
    before = load_file(model / "model.safetensors")
    after = load_file(run / "model/model.safetensors")
    assert not torch.equal(after[EMBEDDING], before[EMBEDDING])
    if case == "different":
        assert not torch.equal(after[HEAD], before[HEAD])


def test_trained_adapter_on_an_own_head(graft, tmp_path, tiny_model,
                                        tiny_rows):
    model = make_tiny_with_head(tmp_path / "model", tiny_model, different)
    run = tmp_path / "run"
    graft("train", model, tiny_rows[0], "-o", run, "--target", "lm_head",
          "--target", "q_proj", "--set", "training.steps=3", "--set",
          "adapter.rank=4", "--set", "training.learning_rate=0.01")
    ids = random_ids(300)
    got = graft_logits(graft, tmp_path, model, ids, run / "adapter")
    assert_logits_equal(got, peft_logits(model, run / "adapter", ids),
                        ADAPTER_TOLERANCE)
