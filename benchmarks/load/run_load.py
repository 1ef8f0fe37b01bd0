"""Time from start to the first token of a 1.1B bf16 Llama, and its memory,
against reading the file's bytes once; transformers beside them.

Each round runs every contender once with the file in the page cache (warm),
and once after it was dropped from there (cold). `read` passes every byte
through a buffer of 8 MB. graft runs `graft logits` on 16 token ids, all in
all: start, mapping, forward pass, logits written. Memory is the peak of what
the process owns (anonymous pages); pages of the mapped file belong to the
page cache and are given beside it. Prints JSON lines.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parent / "step"))

from cpu_info import cpu_line  # noqa: E402
from make_model import SHAPES, make_model  # noqa: E402

SHAPES["1.1b"] = dict(vocab_size=32000, hidden_size=2048,
                      intermediate_size=5632, num_hidden_layers=22,
                      num_attention_heads=32, num_key_value_heads=4,
                      tie_word_embeddings=False, max_position_embeddings=2048)
TOKENS = 16
READ_BLOCK = 8 << 20
TRANSFORMERS = """
import sys, torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1],
                                             dtype=torch.bfloat16)
with torch.no_grad():
    model(load_file(sys.argv[2])["input_ids"]).logits.argmax(-1)
"""


def weight_files(model):
    return sorted(model.glob("*.safetensors"))


def drop_from_cache(model):
    os.sync()
    for file in weight_files(model):
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def read_once(model):
    buffer = bytearray(READ_BLOCK)
    start = time.perf_counter()
    for file in weight_files(model):
        with open(file, "rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass
    return {"seconds": time.perf_counter() - start}


def owned_and_mapped(pid):
    """Resident anonymous and file pages, MB."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: line.split()[1] for line in text.splitlines()
             if line.startswith(("RssAnon", "RssFile"))}
    return tuple(int(sizes.get(key, 0)) / 1024
                 for key in ("RssAnon", "RssFile"))


def run_command(command):
    owned = mapped = 0
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        sizes = owned_and_mapped(process.pid)
        owned, mapped = max(owned, sizes[0]), max(mapped, sizes[1])
        time.sleep(0.002)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"load: {command[0]} failed")
    return {"seconds": seconds, "owned_mb": owned, "mapped_mb": mapped}


def make_input(folder):
    import torch
    from safetensors.torch import save_file
    path = folder / "input.safetensors"
    torch.manual_seed(0)
    save_file({"input_ids": torch.randint(0, 32000, (1, TOKENS))}, path)
    return path


def contenders(model, folder):
    ids = make_input(folder)
    graft = [os.environ["GRAFT_BIN"], "logits", model, "--input", ids,
             "--output", folder / "logits.safetensors", "--dtype", "native"]
    peer = [sys.executable, "-c", TRANSFORMERS, model, ids]
    return {"read": lambda: read_once(model),
            "graft": lambda: run_command(graft),
            "transformers": lambda: run_command(peer)}


def report(cache, rounds):
    best = {name: min(one["seconds"] for one in runs)
            for name, runs in rounds.items()}
    line = {"cache": cache}
    for name, runs in rounds.items():
        line[f"{name}_s"] = round(best[name], 3)
        line[f"{name}_median_s"] = round(
            statistics.median(one["seconds"] for one in runs), 3)
        for key in ("owned_mb", "mapped_mb"):
            if key in runs[0]:
                line[f"{name}_{key}"] = round(max(one[key] for one in runs))
    line["graft_over_read"] = round(best["graft"] / best["read"], 2)
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", default="1.1b", choices=sorted(SHAPES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", help="keep the made checkpoint here")
    arguments = parser.parse_args()
    print(cpu_line("load"), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = make_model(arguments.shape, "bfloat16",
                           arguments.models or folder)
        runs = contenders(model, folder)
        for cache in ("warm", "cold"):
            read_once(model)
            results = {name: [] for name in runs}
            for _ in range(arguments.rounds):
                for name, run in runs.items():
                    if cache == "cold":
                        drop_from_cache(model)
                    results[name].append(run())
            report(cache, results)


if __name__ == "__main__":
    main()
