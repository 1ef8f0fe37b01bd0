"""Runs the benchmarks by name (all without one): `./dev bench [NAME ...]`.

Each prints JSON lines; the first line of every benchmark names the CPU.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = {"chat": "chat/run_chat.py", "load": "load/run_load.py",
           "merge": "merge/run_merge.py",
           "selection": "selection/run_selection.py",
           "startup": "startup/run_startup.py", "step": "step/run_step.py"}


def main():
    names = sys.argv[1:] or sorted(SCRIPTS)
    for name in names:
        if name not in SCRIPTS:
            print(f"bench: no benchmark '{name}': {', '.join(SCRIPTS)}",
                  file=sys.stderr)
            return 2
        subprocess.run([sys.executable, HERE / SCRIPTS[name]], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
