"""llama.cpp as the Python package llama-cpp-python, for one slow test. Entry
point: llama_cpp(), which builds it from source into .cache/llama_cpp on first
use (about 15 minutes on 2 cores; needs a C++ compiler) and imports it.
"""

import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["llama-cpp-python==0.3.36", "diskcache==5.6.3"]
TARGET = ROOT / ".cache/llama_cpp/0.3.36"


def install():
    """Installs beside the target and renames: what was broken off leaves
    nothing that looks whole."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent) as folder:
        command = [sys.executable, "-m", "pip", "install", "-q",
                   "--disable-pip-version-check", "--no-deps", "--target",
                   f"{folder}/new", *PACKAGES]
        if subprocess.run(command).returncode:
            sys.exit(f"llama_cpp_package: pip could not build {PACKAGES[0]}")
        shutil.move(f"{folder}/new", TARGET)


def llama_cpp():
    if not TARGET.exists():
        print(f"building {PACKAGES[0]} into {TARGET.parent} (once)",
              file=sys.stderr, flush=True)
        install()
    if str(TARGET) not in sys.path:
        sys.path.append(str(TARGET))
    return importlib.import_module("llama_cpp")
