"""Options and fixtures of the oracle tests, which compare the graft command
with transformers and peft. Entry points: --match, --slow, the fixtures graft
and tiny_model. GRAFT_BIN names the command (default build/bin/graft).
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))  # smollm_gguf


def pytest_addoption(parser):
    parser.addoption("--match", default=None,
                     help="run only tests whose id matches this regex")
    parser.addoption("--slow", action="store_true",
                     help="also run tests marked slow (real model)")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs a real model, minutes")


def pytest_collection_modifyitems(config, items):
    pattern = config.getoption("--match")
    slow = config.getoption("--slow")
    kept, dropped = [], []
    for item in items:
        wanted = pattern is None or re.search(pattern, item.nodeid)
        if item.get_closest_marker("slow") and not slow:
            wanted = False
        (kept if wanted else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_sessionfinish(session, exitstatus):
    """No test matching a pattern is no failure: ctest ran its own part."""
    if exitstatus == 5 and session.config.getoption("--match"):
        session.exitstatus = 0


class Graft:
    """Runs the command; every method fails the test on a non-zero exit."""

    def __init__(self, program):
        self.program = str(program)

    def result(self, *args, stdin=None):
        return subprocess.run([self.program, *map(str, args)], input=stdin,
                              capture_output=True, text=True, timeout=1200)

    def __call__(self, *args, stdin=None):
        done = self.result(*args, stdin=stdin)
        assert done.returncode == 0, f"{args}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def graft():
    program = pathlib.Path(
        os.environ.get("GRAFT_BIN", ROOT / "build/bin/graft"))
    assert program.exists(), f"{program} is missing: run ./dev build"
    return Graft(program)


@pytest.fixture(scope="session")
def tiny_model():
    return ROOT / "examples/tiny/model"


@pytest.fixture(scope="session")
def tiny_rows():
    return ROOT / "examples/tiny/train.jsonl", ROOT / "examples/tiny/eval.jsonl"
