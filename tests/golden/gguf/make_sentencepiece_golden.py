"""Vocabularies of SentencePiece's BPE, as llama.cpp's files hold them, with the
ids that the package tokenizers gives. Entry point: main(). Made with gguf
0.19.0, tokenizers 0.23.3, transformers 5.23.0; from the repository root:

    python tests/golden/gguf/make_sentencepiece_golden.py

Writes tokenizers/NAME.gguf and tokenizers/NAME.jsonl beside itself:
`sentencepiece` puts a space in front and has bytes for the rest, as Llama 2;
`sentencepiece_bare` does not, and has runs of spaces as tokens, as Gemma;
`sentencepiece_unknown` has no bytes.
"""

import json
import pathlib
import random

import gguf
from make_model_golden import TEXTS
from tokenizers import (AddedToken, Tokenizer, decoders, models, normalizers,
                        processors)

HERE = pathlib.Path(__file__).resolve().parent
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
WORDS = ("▁hello ▁the ▁in ▁user ▁four ▁spaces hello's ▁don't 123 1234567 2024 "
         "café ▁end I'LL ▁▁ ▁▁▁▁ :12").split(" ")
# Every character of a piece is one, as in SentencePiece's own vocabularies.
LETTERS = "▁" + "abcdefghijklmnopqrstuvwxyzIL0123456789'.:<>|/_é"
MORE_TEXTS = ["hellohello", " hello", "<s>hello</s> the", "in  the", "▁the",
              "<tool>  x", "\t\n", "caféé", "h<|im_end|>ello"]


def pieces():
    """Parts of the words, with scores in no order."""
    found = {word[i:j] for word in WORDS for i in range(len(word))
             for j in range(i + 2, len(word) + 1)}
    chosen = sorted(found)
    order = random.Random(4)
    order.shuffle(chosen)
    return chosen[:260]


def vocabulary(with_bytes, spaces):
    tokens = [(t, UNKNOWN if t == "<unk>" else CONTROL, 0.0) for t in SPECIAL]
    if with_bytes:
        tokens += [(f"<0x{n:02X}>", BYTE, 0.0) for n in range(256)]
    tokens.append(("<tool>", USER, -1000.0))
    if spaces:
        tokens += [(" " * n, USER, -1000.0) for n in range(2, 5)]
    made = [p for p in pieces() if not (spaces and set(p) == {"▁"})]
    tokens += [(p, NORMAL, -float(n)) for n, p in enumerate(made)]
    tokens += [(c, NORMAL, -float(len(made) + n))
               for n, c in enumerate(LETTERS)]
    return tokens + [("[PAD]", UNUSED, -10000.0)]


def merges_of(tokens):
    """As transformers makes them out of scores."""
    ids = {text: n for n, (text, _, _) in enumerate(tokens)}
    found = []
    for text, kind, score in tokens:
        if kind not in (NORMAL, USER):
            continue
        for i in range(1, len(text)):
            left, right = text[:i], text[i:]
            if left in ids and right in ids:
                found.append((score, len(left), len(right), left, right))
    found.sort(key=lambda row: row[:3], reverse=True)
    return [row[3:] for row in found]


def reference(tokens, prefix, with_bytes):
    model = models.BPE({text: n for n, (text, _, _) in enumerate(tokens)},
                       merges_of(tokens), unk_token="<unk>", fuse_unk=True,
                       byte_fallback=True)
    out = Tokenizer(model)
    out.normalizer = normalizers.Sequence(
        ([normalizers.Prepend("▁")] if prefix else [])
        + [normalizers.Replace(" ", "▁")])
    out.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(),
         decoders.Fuse()] + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    out.add_special_tokens([AddedToken(t, normalized=False, special=True)
                            for t in SPECIAL])
    out.add_tokens([AddedToken(text, normalized=False)
                    for text, kind, _ in tokens if kind == USER])
    out.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)])
    return out


def make(name, prefix=True, with_bytes=True, spaces=False):
    tokens = vocabulary(with_bytes, spaces)
    writer = gguf.GGUFWriter(HERE / f"tokenizers/{name}.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text for text, _, _ in tokens])
    writer.add_token_types([kind for _, kind, _ in tokens])
    writer.add_token_scores([score for _, _, score in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if not prefix:
        writer.add_add_space_prefix(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    tokenizer = reference(tokens, prefix, with_bytes)
    with open(HERE / f"tokenizers/{name}.jsonl", "w") as out:
        for text in TEXTS + MORE_TEXTS:
            ids = tokenizer.encode(text).ids
            row = {"text": text, "ids": ids, "decoded": tokenizer.decode(
                ids, skip_special_tokens=False)}
            out.write(json.dumps(row) + "\n")


def main():
    make("sentencepiece")
    make("sentencepiece_bare", prefix=False, spaces=True)
    make("sentencepiece_unknown", with_bytes=False)


if __name__ == "__main__":
    main()
