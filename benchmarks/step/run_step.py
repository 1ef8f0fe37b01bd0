"""graft's training step against PyTorch + PEFT, alternating in one run. Prints
JSON lines: the CPU, then one line a case with both medians, the ratio of the
best steps, both peak memories, and for graft the composite roof (the best
products, attention and adapter products alone, in the same process) and where
the rest of a step goes.

The peer is run twice: as people run it, and tuned: glibc's allocator set for
large reused buffers, and in bf16 the adapters kept in the base type. --isa
holds oneDNN back for all of them (AVX512_CORE: no bf16 instructions).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from cpu_info import cpu_line  # noqa: E402
from make_model import SHAPES  # noqa: E402


PROGRAMS = ["graft", "graft_checkpoint", "peft", "peft_tuned"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES),
                        default=sorted(SHAPES))
    parser.add_argument("--tokens", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS,
                        default=PROGRAMS)
    parser.add_argument("--models", help="where models are made and kept")
    parser.add_argument("--isa", help="ONEDNN_MAX_CPU_ISA of every program")
    return parser.parse_args()


# What graft's command sets for itself.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32),
             "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
             "MALLOC_TOP_PAD_": str(64 << 20)}


def run_json(command, variables):
    done = subprocess.run([str(part) for part in command], check=True,
                          capture_output=True, text=True,
                          env=os.environ | variables)
    return json.loads(done.stdout.splitlines()[-1])


def contenders(model, tokens, dtype, steps):
    """{name: (command, environment variables)}."""
    graft = pathlib.Path(os.environ["GRAFT_BIN"]).with_name("graft-step")
    common = ["--tokens", tokens, "--steps", steps]
    peft = [sys.executable, HERE / "peft_step.py", model, *common]
    tuned = [] if dtype == "float32" else ["--adapters-in-base-dtype"]
    return {"graft": ([graft, model, *common, "--parts"], {}),
            "graft_checkpoint": ([graft, model, *common, "--checkpoint"], {}),
            "peft": (peft, {}),
            "peft_tuned": ([*peft, *tuned], ALLOCATOR)}


def measure(programs, rounds, variables):
    """{name: (all step seconds, peak RSS, losses)}, alternating."""
    seconds = {name: [] for name in programs}
    last = {}
    for _ in range(rounds):
        for name, (command, own) in programs.items():
            last[name] = run_json(command, own | variables)
            seconds[name] += last[name]["seconds"]
    return seconds, last


GRAFT_KEYS = ("compute", "roof_s", "roof_of_step", "parts")


def report(case, seconds, last):
    line = dict(case)
    for name, values in seconds.items():
        line[name] = {"best_s": round(min(values), 4),
                      "median_s": round(statistics.median(values), 4),
                      "peak_rss_mb": last[name]["peak_rss_mb"],
                      "first_loss": last[name]["losses"][0]}
        line[name] |= {key: last[name][key] for key in GRAFT_KEYS
                       if key in last[name]}
    if "graft" not in seconds:
        print(json.dumps(line), flush=True)
        return
    for name in seconds:
        if name == "graft_checkpoint":
            line["checkpoint_over_graft"] = round(
                min(seconds[name]) / min(seconds["graft"]), 3)
        elif name != "graft":
            line[f"{name}_over_graft"] = round(
                min(seconds[name]) / min(seconds["graft"]), 3)
            line[f"memory_graft_over_{name}"] = round(
                last["graft"]["peak_rss_mb"] / last[name]["peak_rss_mb"], 3)
            if "graft_checkpoint" in last:
                line[f"memory_checkpoint_over_{name}"] = round(
                    last["graft_checkpoint"]["peak_rss_mb"] /
                    last[name]["peak_rss_mb"], 3)
    print(json.dumps(line), flush=True)


def cases(args):
    return [{"shape": shape, "dtype": dtype, "tokens": tokens, "rank": 16,
             "batch": 1} | ({"isa": args.isa} if args.isa else {})
            for shape in args.shapes for dtype in args.dtypes
            for tokens in args.tokens]


def main():
    args = parse()
    print(cpu_line("step"), flush=True)
    variables = {"ONEDNN_MAX_CPU_ISA": args.isa} if args.isa else {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(args):
            # In a process of its own, which takes its memory with it.
            made = subprocess.run(
                [sys.executable, HERE / "make_model.py", case["shape"],
                 case["dtype"], args.models or folder],
                check=True, capture_output=True, text=True)
            programs = contenders(made.stdout.splitlines()[-1],
                                  case["tokens"], case["dtype"], args.steps)
            report(case, *measure({name: programs[name]
                                   for name in args.programs},
                                  args.rounds, variables))


if __name__ == "__main__":
    main()
