"""Ctrl-C ends `preceptor label` soon: with a page open in a browser, and while somebody waits for a model."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from preceptor.labeling.project import store_url
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks.dialogue import DialogueItem
from preceptor.store import Database
from tests.commands import start
from tests.labeling.browser.visits import PATIENCE_MS
from tests.labeling.people import PASSWORD

MOST_SECONDS = 4.5
"""From Ctrl-C to the end: it takes one and a bit, more on a machine that is busy with other tests, and less than the
five that uvicorn by itself would wait for a reply."""


@pytest.fixture
def silent_model() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(60)
        yield listening


@pytest.fixture
def process(tmp_path: Path, silent_model: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """`preceptor label` with a model that never replies."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{silent_model.getsockname()[1]}/v1"
    running = start("label", "--project", tmp_path, "--port", str(port), "--model-url", url, "--model", "m")
    yield running
    running.kill()
    running.communicate()


@pytest.fixture
def page(process: subprocess.Popen[str], browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The admin at a conversation with the model, in a room that has just begun."""
    assert process.stdout is not None
    links = (line.strip() for line in process.stdout if "http://" in line)
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    join = next(links)
    next(links)  # the room is open
    page.goto(join.replace("localhost", "127.0.0.1"))
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", name="Stages")).to_be_visible()
    with closing(Database.open(store_url(tmp_path, None))) as store, store.write() as session:
        stage = add_stage(session, "talks", "dialogue", group=None, settings={"assistant": "model"}, now=time.time())
        add_items(session, stage, [NewItem("talk", DialogueItem())], now=time.time())
    page.get_by_role("link", name="Tasks").click()
    page.get_by_role("link", name="Begin: Have a conversation").click()
    page.wait_for_selector("#task[data-ready]")
    yield page
    context.close()


def seconds_to_end(process: subprocess.Popen[str]) -> float:
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Traceback" not in said
    return time.monotonic() - before


def test_with_a_page_open(process: subprocess.Popen[str], page: Page) -> None:
    assert seconds_to_end(process) < MOST_SECONDS


def test_while_a_model_is_waited_for(process: subprocess.Popen[str], page: Page, silent_model: socket.socket) -> None:
    page.locator("textarea:visible").first.fill("Where do rivers go?")
    page.keyboard.press("Control+Enter")
    with closing(silent_model.accept()[0]):
        assert seconds_to_end(process) < MOST_SECONDS
