"""Measures the skill with PEFT: exact match of the base and of a LoRA.

Entry point: main(). Follows graft's contract: bos + prompt, completion
without special tokens, eos; loss on completion and eos only, the mean over
the step's tokens; greedy answers. Reads recipe.yaml's numbers, so that what
is measured is what the example runs. PEFT adapters are per projection.
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
import yaml
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlamaForCausalLM

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tiny"


def read_rows(path, tokenizer):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["ids"] = tokenizer.encode(row["prompt"])
        row["answer_ids"] = tokenizer.encode(
            row["completion"], add_special_tokens=False)
        row["answer_ids"].append(tokenizer.eos_token_id)
    return rows


def make_batch(rows, pad):
    width = max(len(r["ids"]) + len(r["answer_ids"]) for r in rows)
    ids = torch.full((len(rows), width), pad)
    labels = torch.full((len(rows), width), -100)
    for i, row in enumerate(rows):
        start, end = len(row["ids"]), len(row["ids"]) + len(row["answer_ids"])
        ids[i, :end] = torch.tensor(row["ids"] + row["answer_ids"])
        labels[i, start:end] = torch.tensor(row["answer_ids"])
    return ids, labels


def batch_loss(model, rows, pad):
    ids, labels = make_batch(rows, pad)
    logits = model(input_ids=ids).logits[:, :-1]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten())


def warmup_steps(training):
    value = training["warmup"]
    return int(value if value >= 1 else math.ceil(value * training["steps"]))


def rate_at(step, training):
    steps, warm = training["steps"], warmup_steps(training)
    if step < warm:
        return training["learning_rate"] * (step + 1) / warm
    part = (step - warm) / max(1, steps - warm)
    factor = {"cosine": 0.5 * (1 + math.cos(math.pi * part)),
              "linear": 1 - part, "constant": 1.0}[training["schedule"]]
    return training["learning_rate"] * factor


def train(model, rows, training, pad):
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, betas=(0.9, 0.999),
                                  weight_decay=0.0)
    order = []
    for step in range(training["steps"]):
        if len(order) < training["batch_size"]:
            order += torch.randperm(len(rows)).tolist()
        chosen = [rows[order.pop(0)] for _ in range(training["batch_size"])]
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, training)
        loss = batch_loss(model, chosen, pad)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, training["max_grad_norm"])
        optimizer.step()
        if step % 20 == 0:
            print(f"  step {step} loss {loss.item():.4f}", flush=True)
    return loss.item()


@torch.no_grad()
def exact_match(model, rows, tokenizer, show=0):
    """Rows of equal prompt length are answered together: no padding."""
    hits, lengths = 0, {}
    for row in rows:
        lengths.setdefault(len(row["ids"]), []).append(row)
    for length, group in lengths.items():
        out = model.generate(
            input_ids=torch.tensor([r["ids"] for r in group]),
            attention_mask=torch.ones(len(group), length, dtype=torch.long),
            do_sample=False, max_new_tokens=48)
        for row, ids in zip(group, out[:, length:]):
            text = tokenizer.decode(ids, skip_special_tokens=True)
            hits += text == row["completion"]
            if text != row["completion"] and show:
                show -= 1
                print(f"  got {text!r}, expected {row['completion']!r}")
    return hits / len(rows)


def load_base(folder):
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)


def add_lora(model, adapter):
    return get_peft_model(model, LoraConfig(
        r=adapter["rank"], lora_alpha=adapter["alpha"], lora_dropout=0.0,
        target_modules="all-linear", task_type="CAUSAL_LM"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--model", type=Path, default=EXAMPLE / "model")
    args = parser.parse_args()
    torch.set_num_threads(2)
    recipe = yaml.safe_load((EXAMPLE / "recipe.yaml").read_text())
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    pad = tokenizer.pad_token_id
    rows = read_rows(EXAMPLE / "train.jsonl", tokenizer)
    held_out = read_rows(EXAMPLE / "eval.jsonl", tokenizer)
    base = exact_match(load_base(args.model), held_out, tokenizer, 2)
    print(f"base: exact match {base:.1%}")
    for seed in args.seeds:
        torch.manual_seed(seed)
        model = add_lora(load_base(args.model), recipe["adapter"])
        start = time.time()
        train(model, rows, recipe["training"], pad)
        seconds = time.time() - start
        match = exact_match(model, held_out, tokenizer, 3)
        print(f"seed {seed}: exact match {match:.1%}, training "
              f"{seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
