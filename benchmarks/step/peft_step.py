"""Times LoRA training steps of PyTorch + PEFT: forward, backward, AdamW, batch
1, rank 16 on all linear layers but the head. Prints one JSON line.
"""

import argparse
import json
import pathlib
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peak_memory import peak_rss_mb  # noqa: E402

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--adapters-in-base-dtype", action="store_true")
    return parser.parse_args()


def main():
    args = parse()
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype="auto",
                                                 attn_implementation="sdpa")
    config = LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS,
                        task_type="CAUSAL_LM")
    live = get_peft_model(
        model, config, autocast_adapter_dtype=not args.adapters_in_base_dtype)
    live.train()
    parameters = [p for p in live.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, model.config.vocab_size, (1, args.tokens),
                        generator=generator)
    times, losses = [], []
    for _ in range(args.steps + 1):  # the first step warms up
        start = time.perf_counter()
        loss = live(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - start)
        losses.append(loss.item())
    print(json.dumps({"program": "peft", "seconds": times[1:],
                      "peak_rss_mb": peak_rss_mb(), "losses": losses}))


if __name__ == "__main__":
    main()
