"""PyTorch + PEFT on the rows of run_chat.py, padded to the longest row of a
batch. Prints one JSON line. Arguments: model, rows, first adapter, file of
learning rates, batch size, steps between evaluations.
"""

import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "tests/oracle")]

from peak_memory import peak_rss_mb  # noqa: E402
from peft_training import PeftRun, chat_row  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402


def rows_of(tokenizer, path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return [chat_row(tokenizer, json.loads(line)["messages"])
            for line in lines]


def main():
    model, rows, adapter, rates, batch, every = sys.argv[1:7]
    batch, every = int(batch), int(every)
    tokenizer = AutoTokenizer.from_pretrained(model)
    base = AutoModelForCausalLM.from_pretrained(model, dtype="auto",
                                                attn_implementation="sdpa")
    live = PeftRun(base, adapter)
    live.model.train()
    train = rows_of(tokenizer, rows)
    held = rows_of(tokenizer, ROOT / "examples/data/eval.jsonl")
    seconds, curve, padded = 0.0, [], 0
    for step, rate in enumerate(json.loads(pathlib.Path(rates).read_text())):
        at = step * batch % len(train)
        chosen = train[at:at + batch]
        padded += len(chosen) * max(len(ids) for ids, _ in chosen)
        start = time.perf_counter()
        live.step(chosen, rate)
        seconds += time.perf_counter() - start
        if (step + 1) % every == 0:
            curve.append((round(seconds, 2), round(live.eval_loss(held), 4)))
    print(json.dumps({"curve": curve, "padded_tokens": padded,
                      "peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main()
