"""Fails when a test or source file is in no target, or listed but missing.

Entry point: main().
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def listed_in(cmake_file):
    return set(re.findall(r"[\w/.-]+\.cpp", cmake_file.read_text()))


def check_folder(folder, problems):
    cmake_file = folder / "CMakeLists.txt"
    if not cmake_file.exists():
        return
    listed = listed_in(cmake_file)
    present = {str(path.relative_to(folder))
               for path in folder.rglob("*.cpp")}
    for name in sorted(present - listed):
        problems.append(f"{folder.relative_to(ROOT)}/{name}: in no target")
    for name in sorted(listed - present):
        problems.append(f"{folder.relative_to(ROOT)}/{name}: listed, missing")


def main():
    problems = []
    for parent in ("src", "tests"):
        for folder in sorted((ROOT / parent).iterdir()):
            if folder.is_dir() and folder.name != "consumer":
                check_folder(folder, problems)
    check_folder(ROOT / "cli", problems)
    for problem in problems:
        print(problem)
    print(f"check_tests_listed: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
