"""In Chromium: `visits` opens pages, and sees that none complains."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.labeling.browser.visits import Visits
from tests.labeling.rooms import Server


@pytest.fixture
def visits(server: Server, browser: Browser) -> Iterator[Visits]:
    """Browsers at a served room; at the end no page may have complained."""
    made = Visits(server, browser)
    yield made
    made.close()
    assert made.complaints == []
