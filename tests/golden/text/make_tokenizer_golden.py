"""Makes the tokenizers of this folder and what the reference gives for them.

Made with tokenizers 0.23.3 on Python 3.11:
    python make_tokenizer_golden.py
Each folder gets tokenizer.json (trained on the lines below) and golden.jsonl
(text, ids, ids_special, decoded_skip, decoded_full, decoded_plain).
"""

import json
import pathlib
import random

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, processors, trainers)

HERE = pathlib.Path(__file__).parent

CORPUS = [
    "The ferry left the quay at seven and came back with the evening tide.",
    "She counted 12 barrels, 340 coils of rope and 5 crates of lamps.",
    "def weigh(load, limit=100): return load <= limit and load > 0",
    "It's late, they're tired, we'll go; I'd say he's right, don't you?",
    "naïve café über straße Ελλάδα Москва 東京 서울 שלום مرحبا 🚢⚓",
    "tabs\tand  double   spaces\nand\r\nlines",
] * 4

TEXTS = [
    "", " ", "  ", "\n", " \n \r\n\t", "a", " a", "a ", "The ferry left.",
    "it's they'RE WE'LL I'd don't", "12345 6 78 ² Ⅻ ٣٤ 1e-5", "x=3.14;y=2",
    "caf\u00e9 cafe\u0301 \u212b \ufb01 \u1e9b\u0323", "\u0130stanbul \u0131",
    "東京タワー 서울 \u1112\u1161\u11ab", "שלום مرحبا", "🚢⚓👩\u200d🚀",
    "\x00nul\x00", "\ufeffmark", "\u180e\u2028\u00a0\u3000 x", "\x85\x0b\x0c",
    "a_b-c.d,e;f", "--==--", "<mask>", "say <mask> now", "  <mask>  x",
    "left <l>  <l> right", "word<w>word <w> word", "UP up Up", "<END> <end>",
    "x <s>y</s> z", "</s></s>", "<s", "Key key KEYS key", "a\u00a0<l> b <r> c",
    "<r>  <r>tail", "  <both>  <both>  ", "é<w>é _<w>_ ,<w>,",
    "the the the " * 20, "z" * 60, "\U000e0100\u0301\u0301",
]


def trainer(size, special=()):
    return trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def train(tokenizer, size, special=()):
    tokenizer.train_from_iterator(CORPUS, trainer(size, special))
    return tokenizer


def prefix_space():
    """add_prefix_space, Roberta frame, added tokens with every flag."""
    out = Tokenizer(models.BPE())
    out.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    out.decoder = decoders.ByteLevel()
    train(out, 330, ["<s>", "</s>"])
    out.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    out.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    out.add_tokens([
        AddedToken("<l>", lstrip=True, normalized=False),
        AddedToken("<r>", rstrip=True, normalized=False),
        AddedToken("<both>", lstrip=True, rstrip=True, normalized=True),
        AddedToken("<w>", single_word=True, normalized=False),
        AddedToken("key", single_word=True, normalized=True),
    ])
    return out


def digits_nfkc():
    """NFKC and lower case, digits one by one, an end token by template."""
    out = Tokenizer(models.BPE())
    out.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase()])
    out.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    out.decoder = decoders.ByteLevel()
    train(out, 330, ["</s>"])
    out.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 0)])
    out.add_tokens([AddedToken("<END>", normalized=True),
                    AddedToken("UP", normalized=True, single_word=True),
                    AddedToken("<mask>", normalized=False)])
    return out


def split_chain():
    """Splits of every behaviour, whole words by ignore_merges."""
    split = pre_tokenizers.Split
    out = Tokenizer(models.BPE(ignore_merges=True))
    out.normalizer = normalizers.NFD()
    out.pre_tokenizer = pre_tokenizers.Sequence([
        split("--", "merged_with_next"),
        split(",", "merged_with_previous"),
        split(Regex(r"\t+"), "removed"),
        split(Regex(r"[=.]"), "contiguous"),
        split(Regex(r"\p{L}[\p{L}\p{M}']*|\s+|\d{1,3}+"), "isolated",
              invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    out.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()])
    train(out, 330, ["<s>", "</s>"])
    out.post_processor = processors.Sequence([
        processors.ByteLevel(),
        processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])])
    return out


def word_suffix():
    """Characters with an end-of-word suffix and fused unknowns, no bytes."""
    out = Tokenizer(models.BPE(
        unk_token="<unk>", fuse_unk=True, end_of_word_suffix="</w>",
        continuing_subword_prefix="##"))
    out.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), "removed")
    out.decoder = decoders.ByteLevel()
    out.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=260, special_tokens=["<unk>"], limit_alphabet=60,
        continuing_subword_prefix="##", end_of_word_suffix="</w>",
        show_progress=False))
    return out


def golden_row(tokenizer, text):
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    special = tokenizer.encode(text).ids
    decode = tokenizer.decode
    return {
        "text": text, "ids": plain, "ids_special": special,
        "decoded_skip": decode(special, skip_special_tokens=True),
        "decoded_full": decode(special, skip_special_tokens=False),
        "decoded_plain": decode(plain, skip_special_tokens=False),
    }


def random_text(rng, pieces):
    return "".join(rng.choice(pieces) for _ in range(rng.randint(2, 9)))


def main():
    for make in (prefix_space, digits_nfkc, split_chain, word_suffix):
        folder = HERE / make.__name__
        folder.mkdir(exist_ok=True)
        tokenizer = make()
        text = tokenizer.to_str(pretty=False)
        (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
        rng = random.Random(7)
        pieces = [t for t in TEXTS if len(t) < 12] + [" ", "  ", "'s", "9"]
        texts = TEXTS + [random_text(rng, pieces) for _ in range(40)]
        rows = [golden_row(tokenizer, text) for text in texts]
        lines = [json.dumps(row, separators=(",", ":")) for row in rows]
        (folder / "golden.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
