"""Checks that the committed tiny data is what the generator produces.

Entry point: main(). Exits 1 and names each problem when train.jsonl or
eval.jsonl differs by a byte, or when an eval prompt is also in train.
Standard library only; takes well under a second.
"""
import json
import sys
from pathlib import Path

from generate_text import skill_files

DATA = Path(__file__).resolve().parents[2] / "examples" / "tiny"


def prompts(path):
    text = path.read_text(encoding="utf-8")
    return [json.loads(line)["prompt"] for line in text.splitlines()]


def find_problems(folder):
    problems = []
    for name, expected in skill_files().items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif path.read_bytes() != expected:
            problems.append(f"{name}: differs from the generator's bytes")
    if any(p.endswith("missing") for p in problems):
        return problems
    shared = (set(prompts(folder / "train.jsonl"))
              & set(prompts(folder / "eval.jsonl")))
    problems += [f"eval.jsonl: prompt is in train too: {p!r}"
                 for p in sorted(shared)]
    return problems


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    problems = find_problems(folder)
    for problem in problems:
        print(f"check_data: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
