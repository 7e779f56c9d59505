"""axe-core finds no serious violation of WCAG 2.2 AA on the pages that labelers see, light, dark and on a phone."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page

from tests.labeling.browser.visits import PHONE, Visits, add_rankings
from tests.labeling.rooms import Server

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then(results => results.violations)")
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_a_violation_would_be_found(visits: Visits) -> None:
    page = visits.open(visits.context(None), "/login")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=x><input>'")
    assert len(violations(page)) == 2


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_pages_of_a_labeler(server: Server, visits: Visits, options: dict[str, Any]) -> None:
    add_rankings(server)
    assert violations(visits.open(visits.context(None, **options), "/login")) == []
    context = visits.context("anna", **options)
    for path in ("/", "/account", "/no-such-page"):
        assert violations(visits.open(context, path)) == [], path
    page = visits.open(context, "/stages/1/next")
    for key in ["", "5", "v", "m", "x", "k", "j", "?"]:
        if key:
            page.keyboard.press(key)
        assert violations(page) == [], f"after {key}"
