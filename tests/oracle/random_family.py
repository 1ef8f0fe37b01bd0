"""Small models of every family with options drawn at random: sizes, ropes,
windows, caps, biases, experts, storage type, shards. Entry points: FAMILIES,
EXPERTS, make_config, save_model.
"""

import torch

FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text",
            "phi3", "smollm3", "mixtral", "qwen3_moe", "olmo2"]
OWN_HEAD_SIZE = ["mistral", "mixtral", "qwen3", "gemma2", "gemma3_text",
                 "qwen3_moe"]
EXPERTS = ["mixtral", "qwen3_moe"]
# Their classes read no head_dim, or want it to be hidden / heads.
PLAIN_HEADS = ["llama", "qwen2", "phi3", "smollm3", "olmo2"]
ROPES = ["default", "linear", "dynamic", "llama3", "yarn"]


def maybe(rnd, share=0.5):
    return rnd.random() < share


def make_rope(rnd, kinds):
    kind = rnd.choice(kinds)
    rope = {"rope_type": kind, "rope_theta": rnd.choice([1e3, 1e4, 5e5])}
    if kind == "default":
        return rope
    rope["factor"] = rnd.choice([1.5, 2.0, 4.0, 8.0])
    if kind == "llama3":
        rope |= {"low_freq_factor": rnd.choice([1.0, 1.5]),
                 "high_freq_factor": rnd.choice([3.0, 4.0]),
                 "original_max_position_embeddings": 16}
    if kind == "yarn":
        rope["original_max_position_embeddings"] = rnd.choice([16, 20])
        options = {"beta_fast": 16.0, "beta_slow": 2.0,
                   "attention_factor": 1.3, "truncate": False}
        rope |= {k: v for k, v in options.items() if maybe(rnd, 0.3)}
        if maybe(rnd, 0.3):
            rope |= {"mscale": 0.7, "mscale_all_dim": 1.0}
    return rope


def longrope(rnd, head_dim):
    share = rnd.choice([1.0, 0.5])
    pairs = int(head_dim * share) // 2
    return {"rope_type": "longrope", "rope_theta": 1e3,
            "partial_rotary_factor": share,
            "short_factor": [1 + 0.1 * i for i in range(pairs)],
            "long_factor": [1.5 + 0.7 * i for i in range(pairs)]}


def sizes(rnd, family):
    groups = rnd.choice([1, 2, 4])
    heads = groups * rnd.choice([1, 2, 3])
    head_dim = rnd.choice([8, 12, 16])
    hidden = heads * head_dim
    if family in OWN_HEAD_SIZE:
        hidden = rnd.choice([32, 40, 48]) // heads * heads
    if family in EXPERTS:
        hidden = 48  # torch's grouped products want multiples of 16 bytes
    out = {"model_type": family, "vocab_size": rnd.choice([61, 97, 128]),
           "hidden_size": hidden, "intermediate_size": rnd.choice([40, 56]),
           "num_hidden_layers": rnd.choice([1, 2, 3, 4]),
           "num_attention_heads": heads, "num_key_value_heads": groups,
           "max_position_embeddings": rnd.choice([24, 64, 128]),
           "rms_norm_eps": rnd.choice([1e-3, 1e-5, 1e-6]),
           "tie_word_embeddings": maybe(rnd),
           "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if family not in PLAIN_HEADS:
        out["head_dim"] = head_dim
    return out, head_dim


def qwen_window(rnd):
    if maybe(rnd):
        return {}
    return {"use_sliding_window": True, "sliding_window": rnd.choice([5, 9]),
            "max_window_layers": rnd.choice([0, 1, 2])}


def gemma(rnd):
    return {"query_pre_attn_scalar": rnd.choice([8, 13, 24]),
            "sliding_window": rnd.choice([5, 9, 64]),
            "final_logit_softcapping": rnd.choice([30.0, 6.0, None])}


def experts(rnd, name):
    count = rnd.choice([2, 4, 7])
    return {name: count, "num_experts_per_tok": rnd.randint(1, count)}


def options(rnd, family, layers, head_dim):
    bias = {"attention_bias": maybe(rnd, 0.3)}
    if family == "llama":
        return bias | {"mlp_bias": maybe(rnd, 0.3),
                       "hidden_act": rnd.choice(["silu", "gelu", "relu"])}
    if family == "mistral":
        return {"sliding_window": rnd.choice([None, 5, 9, 64])}
    if family == "qwen2":
        return qwen_window(rnd)
    if family == "qwen3":
        return bias | qwen_window(rnd)
    if family == "gemma2":
        return bias | gemma(rnd) | {
            "attn_logit_softcapping": rnd.choice([50.0, 5.0, None])}
    if family == "gemma3_text":
        plain = {"rope_type": "default", "rope_theta": 1e3}
        kinds = ["full_attention", "sliding_attention"]
        return gemma(rnd) | {
            "layer_types": [rnd.choice(kinds) for _ in range(layers)],
            "rope_parameters": {
                "full_attention": make_rope(
                    rnd, [r for r in ROPES if r != "dynamic"]),
                "sliding_attention": plain}}
    if family == "phi3":
        out = {"sliding_window": rnd.choice([None, 6, 9])}
        if maybe(rnd):
            return out | {"rope_parameters": {
                "rope_type": "default", "rope_theta": 1e4}}
        return out | {"original_max_position_embeddings": 12,
                      "rope_parameters": longrope(rnd, head_dim)}
    if family == "smollm3":
        out = bias | {"mlp_bias": maybe(rnd, 0.3), "no_rope_layers": [
            rnd.choice([0, 1]) for _ in range(layers)]}
        if maybe(rnd, 0.3):
            out |= {"use_sliding_window": True, "sliding_window": 6}
        return out
    if family == "mixtral":
        return experts(rnd, "num_local_experts") | {
            "sliding_window": rnd.choice([None, 6])}
    if family == "qwen3_moe":
        return bias | experts(rnd, "num_experts") | {
            "moe_intermediate_size": rnd.choice([12, 20]),
            "norm_topk_prob": maybe(rnd),
            "decoder_sparse_step": rnd.choice([1, 1, 2]),
            "mlp_only_layers": rnd.choice([[], [0]])}
    return bias


def make_config(rnd, family):
    config, head_dim = sizes(rnd, family)
    config["rope_parameters"] = make_rope(rnd, ROPES)
    return config | options(rnd, family, config["num_hidden_layers"],
                            head_dim)


def fill(model, generator):
    """Weights large enough that each of them shows in the logits."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() == 1:
                centre = 0.0 if name.endswith("bias") else value.mean()
                value.copy_(centre + 0.3 * noise)
            else:
                value.copy_(1.5 * noise / value.shape[-1] ** 0.5)


def save_model(rnd, config, folder):
    """Returns the storage type."""
    from transformers import AutoConfig, AutoModelForCausalLM
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager")
    fill(model.float(), torch.Generator().manual_seed(rnd.randrange(1 << 30)))
    if maybe(rnd, 0.3):
        model = model.to(torch.bfloat16)
    model.save_pretrained(folder,
                          max_shard_size=rnd.choice(["20KB", "5GB"]))
    return model.dtype
