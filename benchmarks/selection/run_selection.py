"""Selection at the size of a model of 61 layers and 256 experts: matching
against RE2::Set, Hyperscan, PCRE2-JIT and the reference's expression in Python;
inject into 18,432 expert linears; `graft plan` on 47,092 modules. Prints JSON
lines; fails when an answer differs from one-by-one matching.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cpu_info import cpu_line  # noqa: E402
from sparse_checkpoint import make_sparse_checkpoint  # noqa: E402

PYTHON_SECONDS = 4
LAYERS, EXPERTS = 61, 256
PLAN_LIMIT_MS = 100


def reference_match(pattern, name):
    """The reference's documented expression, compiled for each question."""
    expression = "^" + pattern.replace("*", "(.*)") + "$"
    return re.compile(expression).match(name) is not None


def first_hit(patterns, name):
    for index, pattern in enumerate(patterns):
        if reference_match(pattern, name):
            return index
    return -1


def time_reference(path):
    """The reference on a spread sample of the names, as far as time allows."""
    case = json.loads(path.read_text())
    names, patterns = case["names"], case["patterns"]
    order = [index * 97 % len(names) for index in range(len(names))]
    re.purge()
    done, agrees, start = 0, True, time.perf_counter()
    for index in order:
        hit = first_hit(patterns, names[index])
        agrees = agrees and hit == case["answers"][index]
        done += 1
        if time.perf_counter() - start > PYTHON_SECONDS:
            break
    spent = time.perf_counter() - start
    mix = path.name.split(".")[0]
    print(json.dumps({"engine": "Python re", "mix": mix, "P": len(patterns),
                      "names": done,
                      "with_compile_ns": round(spent / done * 1e9),
                      "agrees": agrees}), flush=True)
    return agrees


def match_names(bin_dir):
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [bin_dir / "graft-select", "--dump", folder],
            stdout=subprocess.PIPE, text=True)
        print(result.stdout, end="", flush=True)
        engines = {json.loads(line).get("engine")
                   for line in result.stdout.splitlines()}
        for peer in ("RE2::Set", "Hyperscan"):
            if peer not in engines:
                print(json.dumps({"engine": peer, "missing":
                                  "its package was not there at build time"}))
        agree = result.returncode == 0
        for count in (4, 32, 256, 1024):
            path = pathlib.Path(folder) / f"wildcards.{count}.json"
            agree = time_reference(path) and agree
    return agree


def tensor_shapes():
    """A model of 47,092 linears; no family table of graft's knows it."""
    for layer in range(LAYERS):
        base = f"model.layers.{layer}."
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{base}self_attn.{part}.weight", [64, 64]
        for expert in range(EXPERTS):
            for part, shape in (("gate_proj", [32, 64]), ("up_proj", [32, 64]),
                                ("down_proj", [64, 32])):
                name = f"{base}mlp.experts.{expert}.{part}.weight"
                yield name, shape


def time_plan(graft, folder, options, runs=15):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([graft, "plan", folder, *options], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1e3)
    return {"median_ms": round(statistics.median(times), 1),
            "best_ms": round(min(times), 1)}


def plan_model(graft):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_sparse_checkpoint(folder, tensor_shapes(),
                               {"model_type": "graft_bench"})
        for label, options in (
                ("three expert names", ["--target", "gate_proj", "--target",
                                        "up_proj", "--target", "down_proj"]),
                ("globs", ["--target", "*.layers.{0..30}.*.experts.*.up_proj",
                           "--target", "*.self_attn.*"])):
            for output in ([], ["--json"]):
                row = {"command": "graft plan", "modules": 47092,
                       "targets": label, "json": bool(output),
                       "limit_ms": PLAN_LIMIT_MS}
                row.update(time_plan(graft, folder, options + output))
                print(json.dumps(row), flush=True)


def main():
    print(cpu_line("selection"), flush=True)
    graft = pathlib.Path(os.environ["GRAFT_BIN"])
    agree = match_names(graft.parent)
    inject = graft.parent / "graft-inject"
    if inject.exists():
        subprocess.run([inject], check=True)
    plan_model(graft)
    if not agree:
        print("selection: answers differ", file=sys.stderr)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
