"""The tiny models of tests/golden/families as GGUF files, one or more of every
architecture, with the logits that transformers computes from the values in
them. Entry point: main(). Made with torch 2.13.0, transformers 5.23.0, gguf
0.19.0; from the repository root:

    python tests/golden/gguf/make_family_golden.py

Writes families/CASE.gguf, families/golden.safetensors (ids, CASE.logits) and
families/cases.json (the source of each case and the type of its matrices)
beside itself. What such a file cannot say is as llama.cpp takes it to be
(sayable_config), in the model that the logits come from as well.
"""

import json
import pathlib

import numpy as np
import torch
from hf_to_gguf import sayable_config, split_experts, write_model
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent / "families"
# Case: source, type of the matrices, whether each expert has own tensors.
CASES = {
    "gemma2": ("gemma2_uncapped", "F32", False),
    "gemma3": ("gemma3_capped", "F32", False),
    "mistral": ("mistral_full", "F32", False),
    "mixtral": ("mixtral_packed", "F32", False),
    "mixtral_old": ("mixtral_window", "Q8_0", True),
    "olmo2": ("olmo2", "F32", False),
    "olmo2_tied": ("olmo2_tied", "F16", False),
    "phi3": ("phi3", "F32", False),
    "phi3_longrope": ("phi3_longrope", "F32", False),
    "qwen2": ("qwen2_window", "F32", False),
    "qwen3": ("qwen3_bias", "F32", False),
    "qwen3_moe": ("qwen3_moe_packed", "Q8_0", False),
    "smollm3": ("smollm3", "F32", False),
}


def read_tensors(folder, config):
    out = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name == "golden.safetensors":
            continue
        with safe_open(path, "pt") as file:
            for name in file.keys():
                out[name] = file.get_tensor(name).float().numpy()
    return split_experts(out, config)


def load_values(config, values):
    """The model in memory packs the experts."""
    model = AutoModelForCausalLM.from_config(
        config, attn_implementation="eager").eval().float()
    state = model.state_dict()
    for name in state:
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        state[name] = torch.from_numpy(np.array(value_of(name, values, config)))
    model.load_state_dict(state, strict=False)
    if config.tie_word_embeddings:
        model.tie_weights()
    return model


def value_of(name, values, config):
    if name in values:
        return values[name]
    moe = "mlp" if config.model_type == "qwen3_moe" else "block_sparse_moe"
    parts = {"mlp": ("gate_proj", "up_proj", "down_proj"),
             "block_sparse_moe": ("w1", "w3", "w2")}[moe]
    prefix = name.split(".mlp.")[0] + f".{moe}"
    if name.endswith("gate.weight"):
        return values[f"{prefix}.gate.weight"]
    matrices = [[values[f"{prefix}.experts.{n}.{part}.weight"]
                 for part in parts] for n in range(config.num_local_experts)]
    if name.endswith("gate_up_proj"):
        return np.stack([np.concatenate(m[:2]) for m in matrices])
    return np.stack([m[2] for m in matrices])


def main():
    target = HERE / "families"
    target.mkdir(exist_ok=True)
    torch.manual_seed(5)
    ids = torch.randint(0, 61, (2, 20))
    tensors = {"ids": ids}
    for case, (source, kind, old_experts) in CASES.items():
        config = sayable_config(AutoConfig.from_pretrained(SOURCES / source))
        values = write_model(
            target / f"{case}.gguf", config,
            read_tensors(SOURCES / source, config), kind,
            old_experts=old_experts)
        with torch.no_grad():
            logits = load_values(config, values)(input_ids=ids).logits
        tensors[case + ".logits"] = logits.contiguous()
    save_file(tensors, target / "golden.safetensors")
    (target / "cases.json").write_text(json.dumps(
        {case: {"source": source, "type": kind}
         for case, (source, kind, _) in CASES.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
