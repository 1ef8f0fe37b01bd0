"""Proves the include table: who may include whom, and who may see LibTorch.

Entry point: main(). The table is that of docs/design/01-house.md; a table that
turns out wrong is changed there and here, never worked around.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {
    "base": [],
    "io": ["base"],
    "match": ["base"],
    "formats": ["base", "io", "match"],
    "text": ["base", "io"],
    "recipe": ["base", "match"],
    "merge": ["base", "io", "match", "formats"],
    "nn": ["base"],
    "peft": ["base", "match", "nn"],
    "models": ["base", "nn"],
    "checkpoint": ["base", "io", "match", "formats", "nn", "peft", "models"],
    "train": ["base", "match", "text", "nn", "peft"],
    "generate": ["base", "text", "nn"],
}
WITH_TORCH = {"nn", "peft", "models", "checkpoint", "train", "generate"}
UMBRELLAS = {"graft/graft.h", "graft/core.h"}
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
PUBLIC_THIRD_PARTY = re.compile(
    r"^(nlohmann|CLI|yaml-cpp|pcre2|utf8proc|gtest|gmock|benchmark)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def includes(path):
    return [(kind == '"', name)
            for kind, name in INCLUDE.findall(path.read_text())]


def layer_of_include(name):
    parts = name.split("/")
    if parts[0] == "graft" and len(parts) > 2:
        return parts[1]
    return parts[0] if parts[0] in ALLOWED else None


def layer_of_file(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "src":
        return parts[1]
    if parts[:2] == ("include", "graft") and len(parts) > 3:
        return parts[2]
    return None


def check_layer_file(path, layer, problems):
    public = "include" in path.relative_to(ROOT).parts
    for quoted, name in includes(path):
        if TORCH.match(name) and layer not in WITH_TORCH:
            problems.append(f"{path}: {layer} may not see LibTorch ({name})")
        if public and PUBLIC_THIRD_PARTY.match(name):
            problems.append(f"{path}: third party in a public header: {name}")
        if public and quoted and not name.startswith("graft/"):
            problems.append(f"{path}: private file in a public header: {name}")
        if name in UMBRELLAS:
            problems.append(f"{path}: umbrella header inside the library")
        target = layer_of_include(name) if quoted else None
        if target and target != layer and target not in ALLOWED[layer]:
            problems.append(f"{path}: {layer} may not include {target}"
                            f" ({name})")


def check_front_end(path, problems):
    """cli, examples and benchmarks use public headers only."""
    for quoted, name in includes(path):
        if not quoted or name.startswith("graft/"):
            continue
        if not any((folder / name).exists()
                   for folder in (path.parent, ROOT / "cli")):
            problems.append(f"{path}: private include {name}")


def reachable(header, seen):
    if header in seen or not header.exists():
        return seen
    seen.add(header)
    for quoted, name in includes(header):
        if quoted:
            reachable(ROOT / "include" / name, seen)
    return seen


def check_core_header(problems):
    """graft/core.h must never reach LibTorch, whatever it includes."""
    for header in reachable(ROOT / "include/graft/core.h", set()):
        for _, name in includes(header):
            if TORCH.match(name):
                problems.append(f"{header}: core.h reaches LibTorch: {name}")


def check_umbrellas(problems):
    """Every public header is in graft.h, those of core also in core.h."""
    for umbrella, layers in (("core.h", set(ALLOWED) - WITH_TORCH),
                             ("graft.h", WITH_TORCH)):
        listed = {name for _, name in
                  includes(ROOT / "include/graft" / umbrella)}
        for header in sorted((ROOT / "include/graft").rglob("*.h")):
            name = str(header.relative_to(ROOT / "include"))
            if layer_of_file(header) in layers and name not in listed:
                problems.append(f"{umbrella}: does not include {name}")


def main():
    problems = []
    for folder in ("src", "include"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            layer = layer_of_file(path)
            if layer is None:
                continue
            if layer not in ALLOWED:
                problems.append(f"{path}: unknown layer {layer}")
                continue
            check_layer_file(path, layer, problems)
    for folder in ("cli", "examples", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                check_front_end(path, problems)
    check_core_header(problems)
    check_umbrellas(problems)
    for problem in problems:
        print(problem.replace(str(ROOT) + "/", ""))
    print(f"check_layers: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
