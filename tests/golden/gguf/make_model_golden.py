"""Tiny Llama models as GGUF files, one or more of every tensor type, with the
logits that transformers computes from the decoded values; and vocabularies
with the ids that the package tokenizers gives. Entry point: main(). Made with
torch 2.13.0, transformers 5.23.0, gguf 0.19.0, tokenizers 0.22; from the
repository root:

    python tests/golden/gguf/make_model_golden.py

Writes models/CASE.gguf, models/golden.safetensors (ids, CASE.logits),
tokenizers/PRE.gguf and tokenizers/PRE.jsonl beside itself.
"""

import json
import math
import pathlib

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers)
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
SIZES = dict(vocab_size=288, hidden_size=32, intermediate_size=64,
             num_hidden_layers=2, num_attention_heads=2,
             num_key_value_heads=1, head_dim=16, max_position_embeddings=128,
             rms_norm_eps=1e-5)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
          "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
# Case: type of the matrices, type of some by name, changes of the config.
CASES = {
    "f32": ("F32", {}, {"rope_parameters": LLAMA3}),
    "f16": ("F16", {}, {"attention_bias": True}),
    "bf16": ("BF16", {}, {"rope_parameters": {
        "rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}),
    "q4_0": ("Q4_0", {}, {}),
    "q4_1": ("Q4_1", {"token_embd": "Q8_0", "attn_v": "Q5_0"},
             {"tie_word_embeddings": True}),
    "q5_0": ("Q5_0", {"attn_q": "F16"}, {"mlp_bias": True}),
    "q5_1": ("Q5_1", {}, {"tie_word_embeddings": True}),
    "q8_0": ("Q8_0", {"output": "F16"}, {}),
}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER = "<tool>"
MERGES = ["Ġ t", "Ġt h", "Ġth e", "h e", "i n", "1 2", "12 3", "Ġ 1", "l l",
          "ll o", "he llo", "Ã ©", "Ċ Ċ", "' s", "Ġ Ġ", "ĠĠ ĠĠ"]
GPT2 = (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?!\S)|\s+")
LLAMA_BPE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
             r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)"
             r"|\s+")
QWEN2 = LLAMA_BPE.replace(r"\p{N}{1,3}", r"\p{N}")
TEXTS = ["", " ", "hello the 123 1234567 hello's", "in 2024: 1+1=2", "a\n\nb",
         "café naïve e\u0301", "  four    spaces \t\n", "数字 ١٢٣ ½ Ⅷ 🎈",
         "<|im_start|>user\nhello<|im_end|>\n", "x<tool>12</tool>",
         "I'LL it'S don't", "\r\n\r\n  end", "e\u0301\u0301 \u00a0 \u3000z"]
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


def vocabulary():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = SPECIAL + alphabet + [m.replace(" ", "") for m in MERGES] + [USER]
    kinds = [3] * 3 + [1] * (len(alphabet) + len(MERGES)) + [4]
    while len(tokens) < SIZES["vocab_size"]:
        tokens.append(f"[PAD{len(tokens)}]")
        kinds.append(5)
    return tokens, kinds


def add_vocabulary(writer, pre, add_bos=None):
    tokens, kinds = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    if add_bos is not None:
        writer.add_add_bos_token(add_bos)
    writer.add_chat_template(TEMPLATE)


def permuted(array, head_dim):
    """llama.cpp's order of the rows of q and k."""
    heads = array.shape[0] // head_dim
    return array.reshape(heads, 2, head_dim // 2, *array.shape[1:]).swapaxes(
        1, 2).reshape(array.shape)


def unpermuted(array, head_dim):
    heads = array.shape[0] // head_dim
    return array.reshape(heads, head_dim // 2, 2, *array.shape[1:]).swapaxes(
        1, 2).reshape(array.shape)


NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
         "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output",
         "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "model.embed_tokens": "token_embd", "model.norm": "output_norm",
         "lm_head": "output"}


def gguf_name(hf):
    module, suffix = hf.rsplit(".", 1)
    if module in NAMES:
        return f"{NAMES[module]}.{suffix}"
    _, _, layer, rest = module.split(".", 3)
    return f"blk.{layer}.{NAMES[rest]}.{suffix}"


def write_tensor(writer, name, array, kind):
    """Returns the values that the file then holds."""
    stem = name.split(".")[-2]
    qtype = gguf.GGMLQuantizationType[kind if array.ndim == 2 else "F32"]
    if stem in ("attn_q", "attn_k"):
        array = permuted(array, SIZES["head_dim"])
    data = gguf.quants.quantize(np.ascontiguousarray(array), qtype)
    writer.add_tensor(name, data, raw_dtype=qtype)
    values = gguf.quants.dequantize(data, qtype).reshape(array.shape)
    if stem in ("attn_q", "attn_k"):
        values = unpermuted(values, SIZES["head_dim"])
    return torch.from_numpy(np.array(values, dtype=np.float32))


def rope_divisors(rope, dim):
    out = []
    for i in range(0, dim, 2):
        length = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        old = rope["original_max_position_embeddings"]
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        smooth = min(max((old / length - low) / (high - low), 0.0), 1.0)
        out.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def add_config(writer, config):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight",
                          rope_divisors(rope, config.head_dim))


def make_model(case, seed):
    kind, exceptions, changes = CASES[case]
    torch.manual_seed(seed)
    settings = dict(SIZES, tie_word_embeddings=False)
    settings.update(changes)
    model = LlamaForCausalLM(LlamaConfig(**settings)).eval()
    writer = gguf.GGUFWriter(HERE / f"models/{case}.gguf", "llama")
    add_config(writer, model.config)
    add_vocabulary(writer, "smollm")
    values = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and changes.get("tie_word_embeddings"):
            continue
        target = gguf_name(name)
        array = torch.randn(tensor.shape).mul(0.15).numpy()
        wanted = exceptions.get(target.split(".")[-2], kind)
        values[name] = write_tensor(writer, target, array, wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.load_state_dict(values, strict=False)
    return model


def reference_tokenizer(pre):
    tokens, kinds = vocabulary()
    model = models.BPE({t: i for i, t in enumerate(tokens)},
                       [tuple(m.split(" ")) for m in MERGES],
                       ignore_merges=pre == "llama-bpe")
    out = Tokenizer(model)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False,
                                          use_regex=False)
    isolated = lambda pattern: pre_tokenizers.Split(Regex(pattern),
                                                    "isolated")
    steps = {"smollm": [isolated(r"\p{N}"), isolated(GPT2)],
             "gpt-2": [isolated(GPT2)], "llama-bpe": [isolated(LLAMA_BPE)],
             "dbrx": [isolated(LLAMA_BPE)],
             "qwen2": [isolated(QWEN2)]}[pre]
    out.pre_tokenizer = pre_tokenizers.Sequence(steps + [byte_level])
    if pre == "qwen2":
        out.normalizer = normalizers.NFC()
    out.decoder = decoders.ByteLevel()
    out.add_special_tokens([AddedToken(t, normalized=False, special=True)
                            for t in SPECIAL])
    out.add_tokens([AddedToken(USER, normalized=False)])
    return out


def make_tokenizer(pre):
    """llama-bpe puts bos in front unless the file says otherwise."""
    writer = gguf.GGUFWriter(HERE / f"tokenizers/{pre}.gguf", "llama")
    add_vocabulary(writer, pre, {"gpt-2": True}.get(pre))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    bos = [1] if pre in ("llama-bpe", "gpt-2") else []
    reference = reference_tokenizer(pre)
    with open(HERE / f"tokenizers/{pre}.jsonl", "w") as out:
        for text in TEXTS:
            ids = bos + reference.encode(text).ids
            row = {"text": text, "ids": ids, "decoded": reference.decode(
                ids, skip_special_tokens=False)}
            out.write(json.dumps(row) + "\n")


def main():
    for folder in ("models", "tokenizers"):
        (HERE / folder).mkdir(exist_ok=True)
    torch.manual_seed(3)
    ids = torch.randint(0, SIZES["vocab_size"], (2, 12))
    tensors = {"ids": ids}
    for seed, case in enumerate(CASES):
        with torch.no_grad():
            tensors[case + ".logits"] = make_model(case, seed)(
                input_ids=ids).logits.contiguous()
    save_file(tensors, HERE / "models/golden.safetensors")
    for pre in ("smollm", "gpt-2", "llama-bpe", "qwen2", "dbrx"):
        make_tokenizer(pre)


if __name__ == "__main__":
    main()
