"""Sizes that keep files readable: lines a file and a function, columns.

Entry point: main(). Hard limits fail; the softer budgets of the house are
counted and printed. Every C++ file must open with a comment.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HARD_FILE, SOFT_FILE = 600, 400
HARD_HEADER, SOFT_HEADER = 300, 200
HARD_FUNCTION, SOFT_FUNCTION = 60, 40
COLUMNS = {".cpp": 80, ".h": 80, ".py": 80, ".cmake": 80, ".md": 100,
           ".sh": 80, "": 80}
GOLDEN_FILE, GOLDEN_ALL = 512 * 1024, 8 * 1024 * 1024
NOT_FUNCTIONS = ("namespace", "class", "struct", "enum", "union", "extern",
                 "#", "//", "}", "using", "template", "static_assert")


def tracked_files():
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
        check=True, capture_output=True, text=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).exists()]


def functions(lines):
    """(first line, length) of what starts at column 0 with a parenthesis, has
    a body, and closes with } at column 0."""
    start, in_body = None, False
    for number, line in enumerate(lines, 1):
        text = line.rstrip()
        if start is None:
            if (text and not text[0].isspace() and "(" in text
                    and " = " not in text.split("(")[0]  # a variable
                    and not text.startswith(NOT_FUNCTIONS)):
                start, in_body = number, False
            else:
                continue
        if not in_body:
            in_body = text.endswith("{")
            if not in_body and text.endswith((";", "}")):
                start = None
        elif text.startswith("}"):
            yield start, number - start + 1
            start = None


def check_cpp(path, lines, problems, soft):
    name = path.relative_to(ROOT)
    header = path.suffix == ".h" and "include" in name.parts
    hard, budget = ((HARD_HEADER, SOFT_HEADER) if header else
                    (HARD_FILE, SOFT_FILE))
    if len(lines) > hard:
        problems.append(f"{name}: {len(lines)} lines, limit {hard}")
    elif len(lines) > budget:
        soft.append(f"{name}: {len(lines)} lines, budget {budget}")
    if lines and not lines[0].startswith("//"):
        problems.append(f"{name}: does not open with a comment")
    for first, length in functions(lines):
        if length > HARD_FUNCTION:
            problems.append(f"{name}:{first}: function of {length} lines,"
                            f" limit {HARD_FUNCTION}")
        elif length > SOFT_FUNCTION:
            soft.append(f"{name}:{first}: function of {length} lines")


def check_columns(path, lines, problems):
    limit = COLUMNS[path.suffix]
    fenced = False
    for number, line in enumerate(lines, 1):
        if path.suffix == ".md":
            fenced ^= line.startswith("```")
            if fenced or line.startswith("|"):
                continue  # rows of tables and program output do not wrap
        if len(line) > limit and "http" not in line:
            problems.append(f"{path.relative_to(ROOT)}:{number}: "
                            f"{len(line)} columns, limit {limit}")


def main():
    problems, soft, golden = [], [], 0
    for path in tracked_files():
        name = path.relative_to(ROOT)
        if name.parts[:2] == ("tests", "golden"):
            size = path.stat().st_size
            golden += size
            if size > GOLDEN_FILE:
                problems.append(f"{name}: {size} bytes, limit {GOLDEN_FILE}")
        is_script = str(name) in ("dev", ".ci/run")
        if not is_script and (path.suffix not in COLUMNS or not path.suffix):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        check_columns(path, lines, problems)
        if path.suffix in (".cpp", ".h"):
            check_cpp(path, lines, problems, soft)
    if golden > GOLDEN_ALL:
        problems.append(f"tests/golden: {golden} bytes, limit {GOLDEN_ALL}")
    for line in soft:
        print("note:", line)
    for problem in problems:
        print(problem)
    print(f"check_budgets: {len(problems)} problems, {len(soft)} notes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
