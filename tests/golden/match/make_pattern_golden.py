"""Makes random patterns of the megatron syntax with Python's answers, in the
schema graft.matcher.wildcard/1. Usage: make_pattern_golden.py OUT [GROUPS]
[SEED]. The committed pattern_golden.json: GROUPS 6, SEED 11, Python 3.11.7,
with the names and patterns of FIXED added as a group of their own.
"""

import json
import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
ATOMS = [
    "a", "b", "1", "-", "_", "é", "ß", "K", "İ", "日", "٣", "²", "Ⅷ", "😀",
    ".", "*", r"\.", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\x61", r"\n",
    r"\u00e9", r"\U0001F600", r"\0", r"\101", r"\-", r"\é", "layers", "linear",
    "[ab]", "[^a]", "[a-c1]", r"[\d-]", r"[\W1]", r"[^\S ]", "[]a]", "[^]]",
    r"[\w.]", "[é-ü]", "[😀日]", "[*]", "[a\\]]", r"[\b]", r"[^\Da]",
]
POSITIONS = [r"\b", r"\B", r"\A", r"\Z", "^", "$"]
REPEATS = ["", "", "", "", "?", "+", "*", "{2}", "{1,}", "{,2}", "{1,2}", "??",
           "+?", "?+", "++", "{1,2}?", "{1,2}+", "{0}", "{", "{,", "}"]
OPENINGS = ["(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?P<g>", "(?i:",
            "(?s:", "(?m:", "(?-i:", "(?x:", "(?a:", "(?is-m:", "(?u:"]
LOOSE = [r"\1", r"\2", "(?P=g)", "(?(1)a|b)", "(?(g)a)", "(?#note)", "|", "||",
         "(", ")", "[", "]", "\\", "(?i)", "(?x)", "&&", "--", r"\q", "?", "+"]
NAMES = [
    "", "a", "b", "A", "ab", "ba", "aa", "aab", "bb", "1", "a1", "-", "a-b",
    "a_b", "a.b", "a b", "a\n", "\na", "a\nb", "é", "É", "éa", "ß", "ẞ", "ss",
    "K", "k", "\u212a", "İ", "i", "ı", "I", "日", "a日", "٣", "²", "Ⅷ", "😀",
    "a😀b", "\x85", "\u2028", "\r", "]", "{", "{1,2}", "layers.1.linear",
    "layers.10.linear", "linear", "Layers", "\0", "ſ", "s", "µ", "μ", "ς", "σ",
    "\u00a0", "\u200b", "\ufeff", "e\u0301", "_",
]
FIXED = ["(?i:i)", "(?i:İ)", "(?i:ı)", "(?i:k)", "(?i:K)", "(?i:s)",
         "(?i:ß)", "(?i:ẞ)", "(?i:µ)", "(?i:ς)", "(?i:[h-j])", "(?i:[^i])",
         "(?i:é)", "(?i:[a-z])", "(?i:[A-Z])", "(?a:\\w)", "(?i:\\1)"]


def piece(rng, depth):
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(ATOMS) + rng.choice(REPEATS)
    if roll < 0.68:
        return rng.choice(POSITIONS)
    if roll < 0.76:
        return rng.choice(LOOSE)
    if depth == 3:
        return rng.choice(ATOMS)
    close = ")" if rng.random() < 0.95 else ""
    return (rng.choice(OPENINGS) + pattern(rng, depth + 1) + close +
            rng.choice(REPEATS))


def pattern(rng, depth=0):
    pieces = [piece(rng, depth) for _ in range(rng.randint(1, 3))]
    return ("|" if rng.random() < 0.1 else "").join(pieces)


def answers(text, names):
    """As the reference reads it: every star is a group, anchors around."""
    try:
        compiled = re.compile("^" + text.replace("*", "(.*)") + "$")
    except (re.error, OverflowError, RecursionError):
        return "E" * len(names)
    return "".join("1" if compiled.match(name) else "0" for name in names)


def group(name, patterns, names):
    return {"id": name, "tier": "exotic", "patterns": patterns, "names": names,
            "results": [answers(text, names) for text in patterns]}


def main(out, groups=6, seed=11):
    rng = random.Random(int(seed))
    made = [group("fixed", FIXED, NAMES)]
    for i in range(int(groups)):
        names = rng.sample(NAMES, 30)
        made.append(group(f"random_{seed}_{i}",
                          sorted({pattern(rng) for _ in range(40)}), names))
    data = {"schema": "graft.matcher.wildcard/1", "set": "golden",
            "source": {"python": sys.version.split()[0]}, "groups": made}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=True, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
