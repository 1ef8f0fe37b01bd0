"""llama.cpp as the Python package xllamacpp, for slow tests. Entry point:
llama_cpp(), which installs the pinned wheel into .cache/llama_cpp on first use
(34 MB; it holds llama.cpp compiled for any x86-64 CPU) and imports it. Why not
llama-cpp-python, which most people know: it comes as source and takes a
quarter of an hour to build, and its API lags behind llama.cpp's.
"""

import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "xllamacpp==2026.10.11549"
TARGET = ROOT / ".cache/llama_cpp" / PACKAGE.partition("==")[2]


def install():
    """Installs beside the target and renames: what was broken off leaves
    nothing that looks whole."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent) as folder:
        command = [sys.executable, "-m", "pip", "install", "-q",
                   "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--target", f"{folder}/new",
                   PACKAGE]
        if subprocess.run(command).returncode:
            sys.exit(f"llama_cpp_package: pip could not install {PACKAGE}")
        shutil.move(f"{folder}/new", TARGET)


def llama_cpp():
    if not TARGET.exists():
        print(f"installing {PACKAGE} into {TARGET.parent} (once)",
              file=sys.stderr, flush=True)
        install()
    if str(TARGET) not in sys.path:
        sys.path.append(str(TARGET))
    return importlib.import_module("xllamacpp")
