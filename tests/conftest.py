"""Shared places and settings of all tests."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

pytest_plugins = ["tests.stores"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process per core beats threads that wait for each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A shell may have started us with Ctrl-C ignored, which the tests of Ctrl-C and their children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a third of the time tests wait for browsers, servers and databases."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real human data beside the checkout."""
    path = ROOT.parent / "shared" / "data"
    assert path.is_dir(), f"the real data is missing: {path}"
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium. It ends with its module: its event loop would be in the way of tests that run their own."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    assert chromium, "this test needs Chromium: `make browser` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
