"""Time to the same eval loss on chat rows of mixed lengths: graft, which packs
them, against PyTorch + PEFT, which pads them. SmolLM2-135M-Instruct out of its
GGUF, one recipe: the same rows in the same order, the same first adapter, the
same rates. Prints JSON lines: the CPU, both curves of (training seconds, eval
loss), the target, when each reached it, and the ratio.
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "tools")]

from cpu_info import cpu_line  # noqa: E402
from smollm_gguf import smollm_gguf  # noqa: E402

DATA = ROOT / "examples/data"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj"]
# Conversations that a row is made of, in turn: most rows are short, a few are
# long, as in chat data.
LENGTHS = [1, 1, 2, 1, 6, 1, 3, 1, 1, 2, 8, 1, 2, 1, 4]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--eval-every", type=int, default=6)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    return parser.parse_args()


def write_mixed_rows(target):
    """Rows of one to eight conversations of examples/data."""
    lines = (DATA / "train.jsonl").read_text(encoding="utf-8").splitlines()
    source = itertools.cycle(json.loads(line)["messages"] for line in lines)
    with open(target, "w", encoding="utf-8") as out:
        for _ in range(8):
            for count in LENGTHS:
                messages = list(itertools.chain.from_iterable(
                    itertools.islice(source, count)))
                out.write(json.dumps({"messages": messages}) + "\n")


def graft(*args):
    done = subprocess.run([os.environ["GRAFT_BIN"], *map(str, args)],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"graft {args[0]}: {done.stderr}")
    return done.stdout


def train(args, model, rows, output, steps, rate, more):
    targets = [word for target in TARGETS for word in ("--target", target)]
    graft("train", model, rows, "-o", output, *targets, "--rank", 16,
          "--alpha", 32, "--steps", steps, "--batch-size", args.batch,
          "--micro-batch-size", args.batch, "--learning-rate", rate,
          "--set", "data.shuffle=false", "--set", "data.packing=on",
          "--set", "data.max_length=1024", "--set", "training.keep=last",
          *more)
    return [json.loads(line) for line in
            (output / "metrics.jsonl").read_text().splitlines()]


def curve_of(metrics):
    seconds, curve = 0.0, []
    for row in metrics:
        if "tokens_per_s" in row:
            seconds += row["input_tokens"] / row["tokens_per_s"]
        else:
            curve.append((round(seconds, 2), round(row["eval_loss"], 4)))
    return curve


def reached(curve, target):
    return next(seconds for seconds, loss in curve if loss <= target)


def run(args, folder):
    model, rows = folder / "hf", folder / "rows.jsonl"
    graft("convert", smollm_gguf(), "-o", model, "--dtype", args.dtype)
    write_mixed_rows(rows)
    # A step that moves nothing keeps the adapter that training starts from.
    train(args, model, rows, folder / "start", 1, 1e-30, [])
    metrics = train(args, model, rows, folder / "run", args.steps, args.rate,
                    ["--set", f"data.eval={DATA / 'eval.jsonl'}",
                     "--set", f"training.eval_every={args.eval_every}"])
    steps = [row for row in metrics if "lr" in row]
    (folder / "rates.json").write_text(json.dumps([s["lr"] for s in steps]))
    done = subprocess.run(
        [sys.executable, str(HERE / "peft_chat.py"), str(model), str(rows),
         str(folder / "start/adapter"), str(folder / "rates.json"),
         str(args.batch), str(args.eval_every)],
        check=True, capture_output=True, text=True)
    peft = json.loads(done.stdout.splitlines()[-1])
    return metrics, steps, peft


def report(args, metrics, steps, peft):
    curves = {"graft": curve_of(metrics), "peft": peft["curve"]}
    # Both get there: the worse of the two best losses, and a hundredth.
    target = 1.01 * max(min(loss for _, loss in c) for c in curves.values())
    at = {name: reached(curve, target) for name, curve in curves.items()}
    print(json.dumps({
        "dtype": args.dtype, "batch": args.batch, "steps": len(steps),
        "tokens": {"real": sum(row["input_tokens"] for row in steps),
                   "peft_padded": peft["padded_tokens"]},
        "curves": curves, "target_eval_loss": round(target, 4),
        "reached_s": at, "peft_over_graft": round(at["peft"] / at["graft"], 3),
        "peak_rss_mb": {"graft": max(row["peak_rss_mb"] for row in steps),
                        "peft": peft["peak_rss_mb"]}}), flush=True)


def main():
    args = parse()
    print(cpu_line("chat"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report(args, *run(args, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
