"""Makes small models of families, and of options, that no shared golden has.

Entry point: main(). Per case a folder with config.json, model.safetensors and
golden.safetensors: for V in full, left, right the tensors V.input_ids,
V.attention_mask, V.labels, V.logits and V.loss; full.hidden.I; greedy.prompt
and greedy.tokens; for some, config_legacy.json with the fields of older files.
Made with torch 2.13.0, transformers 5.23.0, safetensors 0.8.0 in fp32 with
plain attention; run again it gives the same bytes. A name as argument makes
that case alone.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 20
SIZES = {
    "vocab_size": 61, "hidden_size": 32, "intermediate_size": 40,
    "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}
ALTERNATING = ["full_attention", "sliding_attention"]
SHORT = [1.0, 1.1, 1.3]
LONG = [1.5, 2.5, 4.0]
CASES = {
    "phi3": {"model_type": "phi3", "sliding_window": 6},
    "phi3_longrope": {
        "model_type": "phi3", "num_key_value_heads": 4,
        "original_max_position_embeddings": 16,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 1e3,
            "partial_rotary_factor": 0.75,
            "short_factor": SHORT, "long_factor": LONG}},
    "smollm3": {
        "model_type": "smollm3", "num_hidden_layers": 4,
        "attention_bias": True, "no_rope_layers": [1, 0, 1, 0]},
    "smollm3_window": {
        "model_type": "smollm3", "num_hidden_layers": 4,
        "use_sliding_window": True, "sliding_window": 5,
        "tie_word_embeddings": False, "mlp_bias": True,
        "hidden_act": "gelu"},
    "qwen2_window": {
        "model_type": "qwen2", "use_sliding_window": True,
        "sliding_window": 7, "max_window_layers": 1,
        "tie_word_embeddings": False, "head_dim": 12,
        "rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e3,
                            "factor": 2.0},
        "max_position_embeddings": 16},
    "qwen3_bias": {
        "model_type": "qwen3", "head_dim": 12, "attention_bias": True,
        "num_key_value_heads": 4, "use_sliding_window": True,
        "sliding_window": 6, "layer_types": ALTERNATING,
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 1e3, "factor": 4.0,
            "original_max_position_embeddings": 16}},
    "mistral_full": {
        "model_type": "mistral", "head_dim": 6, "sliding_window": None,
        "tie_word_embeddings": True, "hidden_act": "relu",
        "rope_parameters": {"rope_type": "linear", "rope_theta": 1e3,
                            "factor": 3.0}},
    "gemma2_uncapped": {
        "model_type": "gemma2", "head_dim": 8, "sliding_window": 6,
        "attn_logit_softcapping": None, "final_logit_softcapping": None,
        "query_pre_attn_scalar": 13, "attention_bias": True,
        "tie_word_embeddings": False},
    "gemma3_capped": {
        "model_type": "gemma3_text", "head_dim": 8, "sliding_window": 6,
        "num_hidden_layers": 3, "layer_types": ALTERNATING + ALTERNATING[:1],
        "attn_logit_softcapping": 4.0, "final_logit_softcapping": 7.0,
        "query_pre_attn_scalar": 11},
    "olmo2": {
        "model_type": "olmo2", "num_key_value_heads": 2,
        "attention_bias": True, "tie_word_embeddings": False},
    "olmo2_tied": {
        "model_type": "olmo2", "num_key_value_heads": 4,
        "tie_word_embeddings": True, "num_hidden_layers": 1},
    "mixtral_window": {
        "model_type": "mixtral", "intermediate_size": 24,
        "num_local_experts": 5, "num_experts_per_tok": 3,
        "sliding_window": 6, "tie_word_embeddings": True},
    "mixtral_packed": {
        "model_type": "mixtral", "intermediate_size": 24,
        "num_local_experts": 3, "num_experts_per_tok": 1},
    "qwen3_moe_dense": {
        "model_type": "qwen3_moe", "head_dim": 6, "num_hidden_layers": 5,
        "moe_intermediate_size": 12, "num_experts": 4,
        "num_experts_per_tok": 2, "norm_topk_prob": False,
        "decoder_sparse_step": 2, "mlp_only_layers": [1],
        "attention_bias": True},
    "qwen3_moe_packed": {
        "model_type": "qwen3_moe", "head_dim": 8,
        "moe_intermediate_size": 12, "num_experts": 4,
        "num_experts_per_tok": 3, "norm_topk_prob": True,
        "use_sliding_window": True, "sliding_window": 7},
}
PACKED = ["mixtral_packed", "qwen3_moe_packed"]
LEGACY = {
    "phi3_longrope": {
        "partial_rotary_factor": 0.75, "rope_theta": 1e3,
        "rope_scaling": {"type": "su", "short_factor": SHORT,
                         "long_factor": LONG}},
    "qwen2_window": {
        "rope_theta": 1e3, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "mistral_full": {
        "rope_theta": 1e3, "rope_scaling": {"type": "linear", "factor": 3.0}},
}


def make_model(config):
    config = AutoConfig.for_model(**{**SIZES, **config})
    model = AutoModelForCausalLM.from_config(
        config, attn_implementation="eager").to(torch.float32).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() == 1:
                centre = 0.0 if name.endswith("bias") else value.mean()
                value.copy_(centre + 0.3 * noise)
            else:
                value.copy_(1.6 * noise / value.shape[-1] ** 0.5)
    return model


def masks():
    full = torch.ones(2, TOKENS, dtype=torch.int64)
    left, right = full.clone(), full.clone()
    left[0, :7], left[1, :3], right[0, TOKENS - 5:] = 0, 0, 0
    return {"full": full, "left": left, "right": right}


def add_variant(out, name, mask, model):
    generator = torch.Generator().manual_seed(11)
    ids = torch.randint(3, SIZES["vocab_size"], mask.shape,
                        generator=generator) * mask
    labels = torch.where(mask == 1, ids, -100)
    labels[:, :8] = -100
    positions = torch.arange(TOKENS).expand(2, -1)
    got = model(input_ids=ids, attention_mask=mask, labels=labels,
                position_ids=positions, output_hidden_states=True,
                use_cache=False)
    out |= {f"{name}.input_ids": ids, f"{name}.attention_mask": mask,
            f"{name}.labels": labels, f"{name}.logits": got.logits,
            f"{name}.loss": got.loss.reshape(1)}
    if name == "full":
        for i, state in enumerate(got.hidden_states):
            out[f"full.hidden.{i}"] = state


def add_greedy(out, model):
    prompt = out["full.input_ids"][:, :8]
    ids = prompt
    for _ in range(8):  # up to the original length of scaled ropes
        logits = model(input_ids=ids, use_cache=False).logits[:, -1]
        top = logits.topk(2).values
        assert (top[:, 0] - top[:, 1]).min() > 1e-3, "a near tie"
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], 1)
    out |= {"greedy.prompt": prompt, "greedy.tokens": ids[:, 8:]}


def make_case(name, config):
    folder = HERE / name
    model = make_model(config)
    model.save_pretrained(folder, save_original_format=name not in PACKED)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if name in LEGACY:
        legacy = json.loads((folder / "config.json").read_text())
        for field in ("rope_parameters", "layer_types", "dtype"):
            legacy.pop(field, None)
        legacy |= {"torch_dtype": "float32", **LEGACY[name]}
        (folder / "config_legacy.json").write_text(
            json.dumps(legacy, indent=2) + "\n")
    out = {}
    with torch.no_grad():
        for variant, mask in masks().items():
            add_variant(out, variant, mask, model)
        add_greedy(out, model)
    save_file({k: v.contiguous() for k, v in out.items()},
              folder / "golden.safetensors", {"format": "pt"})
    print(name, "std", float(out["full.logits"].std()))


def main():
    torch.set_num_threads(1)
    for name, config in CASES.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            make_case(name, config)


if __name__ == "__main__":
    main()
