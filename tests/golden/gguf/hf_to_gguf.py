"""Hugging Face models as GGUF files by the rules of llama.cpp's converter,
written a second time with the package gguf (its tensor map, its writer) and
without graft, for goldens and oracle tests. Entry points: sayable_config,
write_model.
"""

import math

import gguf
import numpy as np

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA, "mistral": gguf.MODEL_ARCH.LLAMA,
    "mixtral": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3, "qwen3_moe": gguf.MODEL_ARCH.QWEN3MOE,
    "gemma2": gguf.MODEL_ARCH.GEMMA2, "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "phi3": gguf.MODEL_ARCH.PHI3, "smollm3": gguf.MODEL_ARCH.SMOLLM3,
    "olmo2": gguf.MODEL_ARCH.OLMO2,
}
# llama.cpp turns neighbours in these, transformers the halves of a head.
INTERLEAVED = {"llama", "mistral", "mixtral", "smollm3"}
GEMMA = {"gemma2", "gemma3_text"}
# Merged experts, as the tensor map knows their matrices.
EXPERTS = {"block_sparse_moe.experts": "layers.{}.feed_forward.experts.{}",
           "mlp.experts": "model.layers.{}.mlp.experts.{}"}


def sayable_config(config):
    """The configuration with everything that such a file cannot say as
    llama.cpp takes it to be; changes and returns `config`."""
    kind = config.model_type
    layers = config.num_hidden_layers
    if kind in GEMMA:
        config.query_pre_attn_scalar = config.head_dim
        config.hidden_activation = "gelu_pytorch_tanh"
        period = 2 if kind == "gemma2" else 6
        config.layer_types = [
            "sliding_attention" if (n + 1) % period else "full_attention"
            for n in range(layers)]
    else:
        config.hidden_act = "silu"
    if kind == "gemma2":
        config.tie_word_embeddings = True
        config.attn_logit_softcapping = config.attn_logit_softcapping or 50.0
        config.final_logit_softcapping = config.final_logit_softcapping or 30.0
    if kind == "gemma3_text":
        config.attn_logit_softcapping = None
    if kind in ("mistral", "mixtral"):
        config.sliding_window = None
    if getattr(config, "use_sliding_window", False):
        config.use_sliding_window = False
        config.sliding_window = None
        config.layer_types = ["full_attention"] * layers
    if kind == "smollm3":
        config.no_rope_layers = [int((n + 1) % 4 != 0) for n in range(layers)]
    if kind == "qwen3_moe":
        config.norm_topk_prob = True
    rope = config.rope_parameters
    if rope.get("rope_type") == "dynamic":
        config.rope_parameters = {"rope_type": "default",
                                  "rope_theta": rope["rope_theta"]}
    return config


def rope_of(config):
    rope = config.rope_parameters
    return rope.get("full_attention", rope)


def head_dim_of(config):
    given = getattr(config, "head_dim", None)
    return given or config.hidden_size // config.num_attention_heads


def llama3_divisors(rope, dim):
    old = rope["original_max_position_embeddings"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    out = []
    for i in range(0, dim, 2):
        length = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        if length < old / high:
            out.append(1.0)
        elif length > old / low:
            out.append(rope["factor"])
        else:
            smooth = (old / length - low) / (high - low)
            out.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def add_rope(writer, config, head_dim):
    rope = rope_of(config)
    kind = rope["rope_type"]
    writer.add_rope_freq_base(rope["rope_theta"])
    if config.model_type == "gemma3_text":
        local = config.rope_parameters["sliding_attention"]["rope_theta"]
        writer.add_rope_freq_base_swa(local)
    if config.model_type in INTERLEAVED:
        writer.add_rope_dimension_count(head_dim)
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(
            rope["original_max_position_embeddings"])
    if kind == "llama3":
        writer.add_tensor("rope_freqs.weight",
                          llama3_divisors(rope, head_dim))
    if config.model_type == "phi3":
        add_phi3_rope(writer, config, rope, head_dim)


def add_phi3_rope(writer, config, rope, head_dim):
    share = rope.get("partial_rotary_factor", 1.0)
    writer.add_rope_dimension_count(int(share * head_dim))
    old = config.original_max_position_embeddings
    writer.add_rope_scaling_orig_ctx_len(old)
    if rope["rope_type"] != "longrope":
        return
    scale = config.max_position_embeddings / old
    factor = rope.get("attention_factor")
    if factor is None:
        factor = (math.sqrt(1 + math.log(scale) / math.log(old))
                  if scale > 1 else 1.0)
    writer.add_rope_scaling_attn_factors(factor)
    for name in ("long", "short"):
        writer.add_tensor(f"rope_factors_{name}.weight",
                          np.array(rope[f"{name}_factor"], np.float32))


def add_config(writer, config):
    head_dim = head_dim_of(config)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if getattr(config, "head_dim", None) and config.model_type != "phi3":
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    add_rope(writer, config, head_dim)
    window = getattr(config, "sliding_window", None)
    if config.model_type in GEMMA | {"phi3"} or window:
        writer.add_sliding_window(window or 0)
    if config.model_type == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    if getattr(config, "final_logit_softcapping", None):
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    experts = getattr(config, "num_local_experts", None)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if config.model_type == "qwen3_moe":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)


def add_tokens(writer, config):
    """A vocabulary that makes the file loadable."""
    tokens = ["t", "0", "t0"]
    tokens += [f"w{n}" for n in range(config.vocab_size - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * len(tokens))
    writer.add_token_merges(["t 0"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def interleaved(array, head_dim):
    heads = array.shape[0] // head_dim
    return array.reshape(heads, 2, head_dim // 2, *array.shape[1:]).swapaxes(
        1, 2).reshape(array.shape)


def plain(array, head_dim):
    heads = array.shape[0] // head_dim
    return array.reshape(heads, head_dim // 2, 2, *array.shape[1:]).swapaxes(
        1, 2).reshape(array.shape)


def split_experts(tensors, config):
    """Experts of checkpoints that pack them, one by one."""
    out = {}
    moe = "mlp" if config.model_type == "qwen3_moe" else "block_sparse_moe"
    gate, up, down = (("gate_proj", "up_proj", "down_proj") if moe == "mlp"
                      else ("w1", "w3", "w2"))
    for name, array in tensors.items():
        prefix = name.split(".mlp.")[0] + f".{moe}"
        packed = any("experts.gate_up_proj" in other for other in tensors)
        if name.endswith("experts.gate_up_proj"):
            for n, matrix in enumerate(array):
                half = len(matrix) // 2
                out[f"{prefix}.experts.{n}.{gate}.weight"] = matrix[:half]
                out[f"{prefix}.experts.{n}.{up}.weight"] = matrix[half:]
        elif name.endswith("experts.down_proj"):
            for n, matrix in enumerate(array):
                out[f"{prefix}.experts.{n}.{down}.weight"] = matrix
        elif packed and name.endswith(".mlp.gate.weight"):
            out[f"{prefix}.gate.weight"] = array
        else:
            out[name] = array
    return out


def merge_experts(tensors):
    """{name in the tensor map: ([Hugging Face names], array)}"""
    out = {}
    for name, array in tensors.items():
        kind = next((k for k in EXPERTS if f".{k}." in name), None)
        if kind is None:
            out[name] = ([name], array)
            continue
        layer = name.split(".layers.")[1].split(".")[0]
        matrix = name.rsplit(".", 2)[1]
        merged = EXPERTS[kind].format(layer, matrix) + ".weight"
        names, arrays = out.setdefault(merged, ([], []))
        names.append(name)
        arrays.append(array)
    return {name: (names, np.stack(array) if isinstance(array, list)
                   else array) for name, (names, array) in out.items()}


def encode(array, kind):
    """What is stored, and what it then stands for; rows that are no whole
    blocks stay F16."""
    if array.ndim == 1:
        kind = gguf.GGMLQuantizationType.F32
    elif array.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        kind = gguf.GGMLQuantizationType.F16
    data = gguf.quants.quantize(np.ascontiguousarray(array), kind)
    values = gguf.quants.dequantize(data, kind).reshape(array.shape)
    return data, np.array(values, dtype=np.float32), kind


def own_expert_tensors(writer, name, data, kind):
    """The older form, one tensor an expert: blk.N.ffn_up.E.weight."""
    stem = name.removesuffix("_exps.weight")
    for expert, matrix in enumerate(data):
        writer.add_tensor(f"{stem}.{expert}.weight", matrix, raw_dtype=kind)


def write_model(path, config, tensors, kind="F32", **options):
    """`config`: of transformers; `tensors`: {Hugging Face name: float32
    array}, experts one by one. `kind`: of the matrices. Options: old_experts;
    extra, called with the writer for further keys. Returns {Hugging Face name:
    array} as the file has them."""
    kind = gguf.GGMLQuantizationType[kind]
    arch = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    add_config(writer, config)
    options.get("tokens", add_tokens)(writer, config)
    options.get("extra", lambda writer: None)(writer)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    head_dim = head_dim_of(config)
    out = {}
    for name, (hf_names, array) in merge_experts(tensors).items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        turned = (config.model_type in INTERLEAVED
                  and name.split(".")[-2] in ("q_proj", "k_proj"))
        shift = float(config.model_type in GEMMA
                      and name.endswith("norm.weight"))
        if turned:
            array = interleaved(array, head_dim)
        data, values, stored = encode(array + np.float32(shift), kind)
        if options.get("old_experts") and len(hf_names) > 1:
            own_expert_tensors(writer, target, data, stored)
        else:
            writer.add_tensor(target, data, raw_dtype=stored)
        values = values - np.float32(shift)
        if turned:
            values = plain(values, head_dim)
        out.update(zip(hf_names, values) if len(hf_names) > 1
                   else [(hf_names[0], values)])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out
