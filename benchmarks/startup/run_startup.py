"""How long `graft plan` takes on a 1 GB checkpoint, start included, against
`python -c "import peft"`. Prints JSON lines.
"""

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

from cpu_info import cpu_line  # noqa: E402
from sparse_checkpoint import make_sparse_checkpoint  # noqa: E402

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"],
          "vocab_size": 32000, "hidden_size": 1536, "intermediate_size": 4096,
          "num_hidden_layers": 18, "num_attention_heads": 24,
          "num_key_value_heads": 8, "head_dim": 64, "hidden_act": "silu",
          "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
          "rope_theta": 10000.0, "tie_word_embeddings": False,
          "dtype": "bfloat16"}


def tensor_shapes():
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    key_value = CONFIG["num_key_value_heads"] * CONFIG["head_dim"]
    yield "model.embed_tokens.weight", [CONFIG["vocab_size"], hidden]
    for layer in range(CONFIG["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for name, shape in (
                ("input_layernorm", [hidden]),
                ("self_attn.q_proj", [hidden, hidden]),
                ("self_attn.k_proj", [key_value, hidden]),
                ("self_attn.v_proj", [key_value, hidden]),
                ("self_attn.o_proj", [hidden, hidden]),
                ("post_attention_layernorm", [hidden]),
                ("mlp.gate_proj", [inner, hidden]),
                ("mlp.up_proj", [inner, hidden]),
                ("mlp.down_proj", [hidden, inner])):
            yield f"{prefix}{name}.weight", shape
    yield "model.norm.weight", [hidden]
    yield "lm_head.weight", [CONFIG["vocab_size"], hidden]


def time_command(command, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return times


def main():
    print(cpu_line("startup"), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        size = make_sparse_checkpoint(folder, tensor_shapes(), CONFIG)
        plan = time_command([os.environ["GRAFT_BIN"], "plan", folder], 20)
        peft = time_command([sys.executable, "-c", "import peft"], 3)
    print(json.dumps({"checkpoint_gb": round(size / 1e9, 2),
                      "graft_plan_ms": round(statistics.median(plan) * 1e3, 1),
                      "import_peft_ms": round(
                          statistics.median(peft) * 1e3, 1)}))


if __name__ == "__main__":
    main()
