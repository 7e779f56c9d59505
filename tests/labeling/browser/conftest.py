"""`rooms` opens pages of tasks in Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.labeling.browser.at_work import Rooms
from tests.labeling.rooms import Server


@pytest.fixture
def rooms(server: Server, browser: Browser) -> Iterator[Rooms]:
    """Pages of tasks on a served room."""
    made = Rooms(server, browser, [])
    yield made
    for context in made.contexts:
        context.close()
