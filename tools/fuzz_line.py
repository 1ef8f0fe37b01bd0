"""One line about one run of a libFuzzer target, for `./dev fuzz`.

Entry point: fuzz_line.py NAME LOG EXIT_CODE. Names the input of a finding, and
the log that explains it.
"""

import re
import sys


def last(pattern, text, default="0"):
    found = re.findall(pattern, text)
    return found[-1] if found else default


def first(pattern, text, default="0"):
    found = re.search(pattern, text)
    return found.group(1) if found else default


def line(name, log, text, code):
    runs = last(r"stat::number_of_executed_units:\s*(\d+)", text)
    edges = int(last(r"cov: (\d+)", text))
    fresh = edges - int(first(r"INITED\s+cov: (\d+)", text, str(edges)))
    out = f"{name:<14} {runs:>9} executions, {edges} edges ({fresh} new): "
    if code == 0:
        return out + "ok"
    cause = first(r"(?:SUMMARY: \w+: |broken promise: |runtime error: )(.+)",
                  text, "it ended with exit code " + str(code))
    file = last(r"Test unit written to (\S+)", text, "no input was written")
    return f"{out}FINDING\n  {cause}\n  input {file}\n  log {log}"


def main():
    name, log, code = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(log, errors="replace") as file:
        print(line(name, log, file.read(), code))


if __name__ == "__main__":
    main()
