"""Random models of every family, with random LoRA adapters: logits of base,
adapted and merged models equal those of transformers and peft. The seed of a
case names it; --slow runs many more.
"""

import random

import pytest
import torch
from compare import (ADAPTER_TOLERANCE, BASE_TOLERANCE, graft_logits,
                     load_base)
from random_family import EXPERTS, FAMILIES, make_config, save_model

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
          "down_proj", "qkv_proj", "gate_up_proj"]
SEEDS = [pytest.param(seed, marks=[] if seed < 2 else pytest.mark.slow)
         for seed in range(20)]


def make_batch(rnd, vocab):
    length = rnd.choice([1, 5, 20])
    generator = torch.Generator().manual_seed(rnd.randrange(1 << 30))
    ids = torch.randint(3, vocab, (2, length), generator=generator)
    mask = torch.ones_like(ids)
    side = rnd.choice(["none", "left", "right"])
    if length > 1 and side == "left":
        mask[0, :rnd.randrange(1, length)] = 0
    if length > 1 and side == "right":
        mask[0, rnd.randrange(1, length):] = 0
    return ids * mask, mask


def logits_of(model, ids, mask):
    with torch.no_grad():
        positions = torch.arange(ids.shape[1]).expand_as(ids)
        return model(input_ids=ids, attention_mask=mask,
                     position_ids=positions).logits


def assert_close(got, expected, mask, tolerance):
    worst = (got - expected)[mask.bool()].abs().max().item()
    assert worst <= tolerance, f"largest difference {worst}"


def save_adapter(rnd, base, folder):
    from peft import LoraConfig, get_peft_model
    names = {name.rsplit(".", 1)[-1] for name, module in base.named_modules()
             if isinstance(module, torch.nn.Linear)}
    known = [name for name in LINEAR if name in names]
    if base.config.model_type in EXPERTS:
        known = known[:4]  # names of an MLP mean packed experts there
    targets = rnd.sample(known, rnd.randint(1, len(known)))
    model = get_peft_model(base, LoraConfig(
        r=rnd.choice([1, 3, 8]), lora_alpha=rnd.choice([1, 4, 7]),
        target_modules=targets, use_rslora=rnd.random() < 0.3,
        rank_pattern={targets[0]: 2} if rnd.random() < 0.3 else {},
        task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(rnd.randrange(1 << 30))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.copy_(0.3 * torch.randn(value.shape,
                                              generator=generator))
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_logits(graft, tmp_path, family, seed):
    rnd = random.Random(f"{family} {seed}")
    config = make_config(rnd, family)
    stored = save_model(rnd, config, tmp_path / "model")
    base = load_base(tmp_path / "model")
    ids, mask = make_batch(rnd, config["vocab_size"])
    assert_close(graft_logits(graft, tmp_path, tmp_path / "model", ids,
                              mask=mask),
                 logits_of(base, ids, mask), mask, BASE_TOLERANCE)
    adapted = save_adapter(rnd, base, tmp_path / "adapter")
    expected = logits_of(adapted, ids, mask)
    assert_close(graft_logits(graft, tmp_path, tmp_path / "model", ids,
                              tmp_path / "adapter", mask),
                 expected, mask, ADAPTER_TOLERANCE)
    if stored != torch.float32:  # merging rounds to the type of the base
        return
    graft("merge", tmp_path / "model", tmp_path / "adapter", "-o",
          tmp_path / "merged")
    merged = load_base(tmp_path / "merged")
    assert_close(logits_of(merged, ids, mask), expected, mask,
                 ADAPTER_TOLERANCE)
