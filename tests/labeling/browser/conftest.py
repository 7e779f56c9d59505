"""In Chromium: `rooms` opens pages of tasks, `visits` any pages, and sees that none complains."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.labeling.browser.at_work import Rooms
from tests.labeling.browser.visits import Visits
from tests.labeling.rooms import Server


@pytest.fixture
def rooms(server: Server, browser: Browser) -> Iterator[Rooms]:
    """Pages of tasks on a served room."""
    made = Rooms(server, browser, [])
    yield made
    for context in made.contexts:
        context.close()


@pytest.fixture
def visits(server: Server, browser: Browser) -> Iterator[Visits]:
    """Browsers at a served room; at the end no page may have complained."""
    made = Visits(server, browser)
    yield made
    made.close()
    assert made.complaints == []
