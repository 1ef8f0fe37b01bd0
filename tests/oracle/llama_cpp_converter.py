"""Runs llama.cpp's own converter on a directory whose tokenizer it does not
know. A program, because its packages have the names of others:

    python llama_cpp_converter.py PACKAGES MODEL FILE.gguf
"""

import pathlib
import sys

sys.path.insert(0, sys.argv[1])

import gguf  # noqa: E402
import torch  # noqa: E402
from conversion import (ModelBase, ModelType, get_model_architecture,  # noqa
                        get_model_class)


def set_vocab(model):
    """Any that loads."""
    size = model.hparams["vocab_size"]
    writer = model.gguf_writer
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["t", "0", "t0"]
                          + [f"w{n}" for n in range(size - 3)])
    writer.add_token_types([1] * size)
    writer.add_token_merges(["t 0"])


def main():
    source, target = map(pathlib.Path, sys.argv[2:])
    settings = ModelBase.load_hparams(source, False)
    kind = get_model_class(get_model_architecture(settings, ModelType.TEXT),
                           mmproj=False)
    kind.set_vocab = set_vocab
    with torch.inference_mode():
        kind(source, gguf.LlamaFileType.ALL_F32, target, eager=True).write()


if __name__ == "__main__":
    main()
