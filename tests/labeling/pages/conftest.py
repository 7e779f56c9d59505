"""Pages of the room in a real Chromium, on a real server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.labeling.pages.visits import Visits
from tests.labeling.rooms import Server


@pytest.fixture
def visits(server: Server, browser: Browser) -> Iterator[Visits]:
    """Opens pages as somebody; at the end none of them may have complained."""
    visits = Visits(server, browser)
    yield visits
    visits.close()
    assert visits.complaints == []
