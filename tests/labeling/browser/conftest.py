"""`rooms` opens pages of tasks in Chromium; what a page's script or policy complains of fails the test."""

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
