"""Shared places and settings of all tests."""

import os
import signal
from pathlib import Path

import pytest

pytest_plugins = ["tests.stores"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process per core beats threads that wait for each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A shell may have started us with Ctrl-C ignored, which the tests of Ctrl-C and their children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real human data beside the checkout."""
    path = ROOT.parent / "shared" / "data"
    assert path.is_dir(), f"the real data is missing: {path}"
    return path
