"""Times `graft merge` and `graft verify` against `cp -r` of one checkpoint.

A random bf16 checkpoint (135M Llama shape, or 1.1B in five shards) and a rank
16 adapter on all linear layers are made in a temporary folder. Each round runs
every contender once, in turn. `cp_and_flush` ends on the disk, as a merge
does; `cp` ends in the page cache. With --peft a whole process of PEFT's
merge_and_unload takes part. Prints JSON lines.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cpu_info import cpu_line  # noqa: E402

SHAPES = {
    "135m": dict(hidden=576, layers=30, heads=9, kv_heads=3, inner=1536,
                 vocab=49152, tied=True, shards=1),
    "1b": dict(hidden=2048, layers=22, heads=32, kv_heads=4, inner=5632,
               vocab=32000, tied=False, shards=5),
}
RANK = 16
PEFT_PROGRAM = """
import sys, torch, transformers, peft
base = transformers.AutoModelForCausalLM.from_pretrained(
    sys.argv[1], dtype=torch.bfloat16)
model = peft.PeftModel.from_pretrained(base, sys.argv[2]).merge_and_unload()
model.save_pretrained(sys.argv[3])
"""
# A small process of its own, so that the peak is the command's alone.
TIMER = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL)
print(time.perf_counter() - start,
      resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def linear_shapes(shape):
    """(out, in) of the linear layers of one decoder layer, by HF name."""
    hidden, inner = shape["hidden"], shape["inner"]
    kv = hidden // shape["heads"] * shape["kv_heads"]
    return {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (kv, hidden),
        "self_attn.v_proj": (kv, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }


def make_base(shape, folder):
    folder.mkdir()
    hidden = shape["hidden"]
    sizes = {"model.embed_tokens.weight": (shape["vocab"], hidden),
             "model.norm.weight": (hidden,)}
    if not shape["tied"]:
        sizes["lm_head.weight"] = (shape["vocab"], hidden)
    for layer in range(shape["layers"]):
        prefix = f"model.layers.{layer}."
        for name, size in linear_shapes(shape).items():
            sizes[f"{prefix}{name}.weight"] = size
        for name in ("input_layernorm", "post_attention_layernorm"):
            sizes[f"{prefix}{name}.weight"] = (hidden,)
    tensors = {name: torch.randn(size, dtype=torch.float32).mul(0.02).bfloat16()
               for name, size in sizes.items()}
    write_shards(tensors, shape["shards"], folder)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "vocab_size": shape["vocab"], "hidden_size": hidden,
        "intermediate_size": shape["inner"],
        "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"],
        "num_key_value_heads": shape["kv_heads"],
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": shape["tied"], "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def write_shards(tensors, count, folder):
    if count == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    weight_map = {}
    names = list(tensors)
    for i in range(count):
        file = f"model-{i + 1:05}-of-{count:05}.safetensors"
        part = {name: tensors[name] for name in names[i::count]}
        save_file(part, folder / file, {"format": "pt"})
        weight_map.update(dict.fromkeys(part, file))
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total},
                    "weight_map": weight_map}))


def make_adapter(shape, folder):
    folder.mkdir()
    tensors = {}
    for layer in range(shape["layers"]):
        for name, (rows, inner) in linear_shapes(shape).items():
            key = f"base_model.model.model.layers.{layer}.{name}"
            tensors[f"{key}.lora_A.weight"] = torch.randn(RANK, inner) * 0.02
            tensors[f"{key}.lora_B.weight"] = torch.randn(rows, RANK) * 0.02
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    modules = [name.split(".")[1] for name in linear_shapes(shape)]
    (folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK,
         "lora_alpha": 32, "target_modules": modules, "bias": "none"}))


def timed(command):
    """Seconds and peak resident megabytes of one command."""
    words = [sys.executable, "-S", "-E", "-c", TIMER, *map(str, command)]
    answer = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds, megabytes = answer.stdout.split()
    return float(seconds), float(megabytes)


def contenders(args, folder):
    base, adapter = folder / "base", folder / "adapter"
    out = {
        "cp": lambda target: ["cp", "-r", base, target],
        "cp_and_flush": lambda target: [
            "bash", "-c", f"cp -r '{base}' '{target}' && sync '{target}'/*"],
        "graft_merge": lambda target: [
            args.graft, "merge", base, adapter, "-o", target],
        "graft_verify": lambda target: [
            args.graft, "verify", base, adapter, folder / "verified"],
    }
    if args.peft:
        out["peft_merge"] = lambda target: [
            sys.executable, "-c", PEFT_PROGRAM, base, adapter, target]
    return out


def measure(args, folder):
    timed([args.graft, "merge", folder / "base", folder / "adapter", "-o",
           folder / "verified"])
    rounds = {name: [] for name in contenders(args, folder)}
    for _ in range(args.rounds):
        for name, command in contenders(args, folder).items():
            target = folder / "target"
            os.sync()
            rounds[name].append(timed(command(target)))
            shutil.rmtree(target, ignore_errors=True)
    return rounds


def summarise(args, size, rounds):
    best = {name: min(row[0] for row in rows) for name, rows in rounds.items()}
    return {
        "shape": args.shape, "rank": RANK, "megabytes": round(size / 1e6, 1),
        "rounds": args.rounds,
        "seconds_min": {name: round(value, 3) for name, value in best.items()},
        "seconds_median": {
            name: round(statistics.median(row[0] for row in rows), 3)
            for name, rows in rounds.items()},
        "peak_rss_mb": {name: round(max(row[1] for row in rows), 1)
                        for name, rows in rounds.items()},
        "merge_over_cp": round(best["graft_merge"] / best["cp"], 2),
        "merge_over_cp_and_flush": round(
            best["graft_merge"] / best["cp_and_flush"], 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", default=os.environ.get("GRAFT_BIN"))
    parser.add_argument("--shape", choices=SHAPES, default="135m")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peft", action="store_true")
    args = parser.parse_args()
    print(cpu_line("merge"), flush=True)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_base(SHAPES[args.shape], folder / "base")
        make_adapter(SHAPES[args.shape], folder / "adapter")
        size = sum(file.stat().st_size for file in (folder / "base").iterdir())
        print(json.dumps(summarise(args, size, measure(args, folder))))


if __name__ == "__main__":
    main()
