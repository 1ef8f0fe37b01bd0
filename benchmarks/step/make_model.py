"""Writes a random Llama checkpoint of a known shape. Entry points: SHAPES,
make_model; as a program: make_model.py SHAPE DTYPE FOLDER.
"""

import pathlib
import sys

SHAPES = {
    # SmolLM2-135M's shape.
    "135m": dict(vocab_size=49152, hidden_size=576, intermediate_size=1536,
                 num_hidden_layers=30, num_attention_heads=9,
                 num_key_value_heads=3, tie_word_embeddings=True,
                 max_position_embeddings=2048),
    # Qwen2.5-0.5B's sizes in a Llama: no biases in q, k and v.
    "0.5b": dict(vocab_size=151936, hidden_size=896, intermediate_size=4864,
                 num_hidden_layers=24, num_attention_heads=14,
                 num_key_value_heads=2, tie_word_embeddings=True,
                 max_position_embeddings=2048),
}


def make_model(shape, dtype, folder):
    """Returns the directory; made once per (shape, dtype)."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    target = pathlib.Path(folder) / f"{shape}-{dtype}"
    if (target / "config.json").exists():
        return target
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPES[shape]))
    model.to(getattr(torch, dtype)).save_pretrained(target)
    return target


if __name__ == "__main__":
    print(make_model(*sys.argv[1:4]))
