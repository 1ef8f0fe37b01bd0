"""The table at the end of demo.sh: loss and answers before and after, time and
peak memory of the training. Entry point: main(). Arguments: the folder of what
the steps printed, metrics.jsonl, the two questions.
"""

import json
import pathlib
import re
import sys
import textwrap


def loss(text):
    return float(re.search(r"^loss +([0-9.]+)", text, re.MULTILINE)[1])


def training(path):
    """Seconds in steps (evaluations not counted), steps, tokens, peak MB."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [row for row in rows if "tokens_per_s" in row]
    seconds = sum(row["input_tokens"] / row["tokens_per_s"] for row in steps)
    return (seconds, len(steps), sum(row["input_tokens"] for row in steps),
            max(row["peak_rss_mb"] for row in steps))


def print_answers(question, before, after):
    print(f"\n  Q: {question}")
    for name, text in (("before", before), ("after", after)):
        lines = textwrap.wrap(" ".join(text.split()), 62)
        print(textwrap.indent("\n".join(lines), " " * 10)
              .replace(" " * 10, f"  {name:<8}", 1))


def main():
    folder, metrics, desk, plain = sys.argv[1:5]
    said = {path.name: path.read_text(encoding="utf-8")
            for path in pathlib.Path(folder).iterdir()}
    seconds, steps, tokens, peak = training(pathlib.Path(metrics))
    before, after = loss(said["eval_before"]), loss(said["eval_after"])
    print("\n-- what the training did")
    print(f"  eval loss        {before:.3f} before, {after:.3f} after")
    print(f"  training time    {seconds:.0f} s: {steps} steps, {tokens} tokens,"
          f" {tokens / seconds:.0f} tokens/s")
    print(f"  peak memory      {peak:.0f} MB")
    print_answers(desk, said["desk_before"], said["desk_after"])
    print_answers(plain, said["plain_before"], said["plain_after"])


if __name__ == "__main__":
    main()
