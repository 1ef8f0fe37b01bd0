"""Makes the rope goldens: a tiny Llama model, its logits by rope type.

Entry point: main(). Writes rope_model.safetensors (shared weights),
rope_cases.json (the configurations) and rope_golden.safetensors (per case:
inv_freq, logits) beside itself. Made with torch 2.13.0, transformers 5.23.0,
safetensors 0.8.0; run again it gives the same bytes.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 40
BASE = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "vocab_size": 48, "hidden_size": 32, "intermediate_size": 40,
    "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 16, "hidden_act": "silu",
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
    "dtype": "float32",
}
CASES = {
    "default": ({"rope_type": "default", "rope_theta": 500.0}, 64),
    "linear": ({"rope_type": "linear", "rope_theta": 1e4, "factor": 3.0}, 64),
    "dynamic_short": (
        {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}, 64),
    "dynamic_long": (
        {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.5}, 16),
    "llama3": (
        {"rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0,
         "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 32}, 64),
    "yarn": (
        {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0,
         "original_max_position_embeddings": 16}, 64),
    "yarn_mscale": (
        {"rope_type": "yarn", "rope_theta": 1e3, "factor": 8.0,
         "original_max_position_embeddings": 32, "beta_fast": 4.0,
         "beta_slow": 0.5, "mscale": 1.3, "mscale_all_dim": 0.7,
         "truncate": False}, 64),
    "yarn_factor": (
        {"rope_type": "yarn", "rope_theta": 1e3, "factor": 2.0,
         "original_max_position_embeddings": 32, "attention_factor": 0.8}, 64),
    "longrope_short": (
        {"rope_type": "longrope", "rope_theta": 1e3, "factor": 4.0,
         "original_max_position_embeddings": 40,
         "short_factor": [1.0 + i / 8 for i in range(8)],
         "long_factor": [2.0 + i for i in range(8)]}, 64),
    "longrope_long": (
        {"rope_type": "longrope", "rope_theta": 1e3,
         "original_max_position_embeddings": 32,
         "short_factor": [1.0 + i / 8 for i in range(8)],
         "long_factor": [2.0 + i for i in range(8)]}, 64),
}


def config_of(rope, positions):
    return {**BASE, "rope_parameters": rope,
            "max_position_embeddings": positions}


def make_model(config):
    model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager"))
    return model.to(torch.float32).eval()


def main():
    torch.manual_seed(7)
    source = make_model(config_of(*CASES["default"]))
    state = {name: torch.randn(tensor.shape) * 0.35
             for name, tensor in source.state_dict().items()}
    for name, tensor in state.items():
        if "norm" in name:
            tensor.abs_().add_(0.5)
    save_file(state, HERE / "rope_model.safetensors", {"format": "pt"})
    ids = torch.randint(0, BASE["vocab_size"], (1, TOKENS))
    golden = {"input_ids": ids}
    for name, (rope, positions) in CASES.items():
        model = make_model(config_of(dict(rope), positions))
        model.load_state_dict(state)
        with torch.no_grad():
            golden[name + ".logits"] = model(ids).logits
        golden[name + ".inv_freq"] = model.model.rotary_emb.inv_freq.float()
    save_file(golden, HERE / "rope_golden.safetensors", {"format": "pt"})
    cases = {name: config_of(*case) for name, case in CASES.items()}
    text = json.dumps(cases, indent=1) + "\n"
    (HERE / "rope_cases.json").write_text(text)


if __name__ == "__main__":
    main()
