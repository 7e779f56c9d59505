"""Every page there is: no serious violation of WCAG 2.2 AA, light, dark and on a phone; in Spanish nothing English;
enlarged to 200 %, nothing is cut and nothing scrolls sideways.

A new page needs a line in `PAGES`.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from preceptor.labeling import accounts
from preceptor.labeling.app import create_app
from preceptor.labeling.i18n import LOCALE, translations
from preceptor.labeling.room import Room
from preceptor.labeling.tasks import kinds
from preceptor.store import Database
from preceptor.store.tables import Answer, Stage
from tests.labeling.browser.visits import PHONE, Visits, add_rankings
from tests.labeling.demo import seed, seed_screening
from tests.labeling.rooms import SECRET, Server

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ZOOMED: dict[str, Any] = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}
"""A window of 1280 × 800 at 200 %."""

PAGES: dict[str, tuple[str | None, ...]] = {
    "/login": (None,), "/join/{token}": (None,), "/": ("anna", "carl"), "/account": ("anna",),
    "/stages/{stage_id}/next": (), "/items/{item_id}": (),
    "/admin": ("ada",), "/admin/people": ("ada",), "/admin/screening": ("ada",), "/admin/guidelines/{name}": ("ada",),
    "/admin/stages/new": ("ada",), "/admin/stages/{stage_id}/items": ("ada",),
    "/admin/quality": ("ada",), "/admin/quality/{stage_id}": ("ada",),
    "/admin/quality/{stage_id}/labelers/{labeler_id}": ("ada",), "/admin/quality/{stage_id}/backgrounds": ("ada",),
    "/research/disputes": ("rosa",), "/research/disputes/{stage_id}": ("rosa",),
    "/research/disputes/{stage_id}/{item_id}": ("rosa",),
    "/research": ("rosa",), "/research/demonstrations": ("rosa",), "/research/questions": ("rosa", "ada"),
}  # fmt: skip
"""Each page by its route, and whose eyes see it; the pages of tasks are those of all kinds, see `addresses`."""
NO_PAGES = {"/session"}
"""Routes that scripts ask."""


@pytest.fixture
def room(sqlite_store: Database) -> Room:
    """The demonstration room, with something on every page."""
    seed(sqlite_store)
    seed_screening(sqlite_store)
    return Room(sqlite_store, SECRET)


def addresses(room: Room) -> Iterator[tuple[str | None, str]]:
    """Who opens which page: all of `PAGES`, pages and forms of each kind, a correction, nothing to do, an error."""
    with room.database.write() as session:
        token = accounts.invite(session, role="labeler", group="training", standing="active", by=None, now=time.time())
        stages = {stage.kind: stage.id for stage in session.scalars(select(Stage).where(~Stage.is_screening))}
        done = session.scalars(select(Answer).where(Answer.status == "counted")).first()
    assert done is not None
    for route, names in PAGES.items():
        for name in names:
            yield (
                name,
                route.format(
                    token=token,
                    name="helpful",
                    stage_id=done.stage_id,
                    item_id=done.item_id,
                    labeler_id=done.labeler_id,
                ),
            )
    for kind, stage_id in stages.items():
        yield "hana" if kinds()[kind].measures else "anna", f"/stages/{stage_id}/next"
        yield "ada", f"/admin/stages/new?kind={kind}"
    yield "carl", f"/items/{done.item_id}"
    yield "carl", "/stages/9/next"
    yield "anna", "/no-such-page"


def opened(visits: Visits, **options: Any) -> Iterator[tuple[Page, str]]:
    """Every page, and what it is called when something is wrong with it."""
    contexts: dict[str | None, Page] = {}
    for name, address in addresses(visits.server.room):
        if name not in contexts:
            contexts[name] = visits.open(visits.context(name, **options), address)
        else:
            visits.go(contexts[name], address)
        folded = contexts[name].locator("main details")
        folded.evaluate_all("all => all.forEach(one => { one.open = true })")
        yield contexts[name], f"{address} of {name or 'nobody'}"


def violations(page: Page, rules: str = "") -> list[str]:
    """What axe calls serious or critical."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(f"axe.run({rules}).then(results => results.violations)")
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_every_page_is_in_the_list(room: Room) -> None:
    pages = {path for path, methods in create_app(room).openapi()["paths"].items() if "get" in methods}
    assert pages == set(PAGES) | NO_PAGES


def test_a_violation_would_be_found(visits: Visits) -> None:
    page = visits.open(visits.context(None), "/login")
    assert "English: Sign in" in english(page)
    page.evaluate("document.querySelector('main').innerHTML = '<img src=x><input>'")
    assert len(violations(page)) == 2
    page.evaluate("document.querySelector('main').innerHTML = '<p>gray</p>'")
    page.evaluate("document.querySelector('main p').style.color = '#999'")
    assert len(violations(page, "{runOnly: ['color-contrast']}")) == 1
    assert cut(page) == []
    for name, value in (("width", "9000px"), ("overflow", "hidden")):
        page.evaluate("([name, value]) => { document.querySelector('main p').style[name] = value }", [name, value])
        assert len(cut(page)) >= 2


def test_light_and_dark(visits: Visits) -> None:
    found = []
    for page, name in opened(visits):
        found += [f"{name}: {one}" for one in violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{name}, dark: {one}" for one in violations(page, "{runOnly: ['color-contrast']}")]
        page.emulate_media(color_scheme="light")
    assert found == []


def test_on_a_phone(visits: Visits) -> None:
    found = []
    for page, name in opened(visits, **PHONE):
        found += [f"{name}: {one}" for one in [*violations(page), *cut(page)]]
    assert found == []


@pytest.mark.parametrize("options", [{}, PHONE], ids=["screen", "phone"])
def test_at_each_step_of_a_ranking(server: Server, visits: Visits, options: dict[str, Any]) -> None:
    add_rankings(server)
    with server.room.database.read() as session:
        stage_id = session.scalars(select(Stage.id).where(Stage.name == "rankings")).one()
    page = visits.at_task("anna", f"/stages/{stage_id}/next", **options)
    for key in ["5", "v", "m", "x", "k", "j", "?"]:
        page.keyboard.press(key)
        assert violations(page) == [], f"after {key}"


def test_in_spanish_and_at_200_percent(visits: Visits) -> None:
    found = []
    for page, name in opened(visits, locale="es-ES", **ZOOMED):
        assert page.locator("html").get_attribute("lang") == "es"
        found += [f"{name}: {one}" for one in [*english(page), *cut(page)]]
    assert found == []


def english(page: Page) -> list[str]:
    """Words of ours that are not Spanish. Where both languages say the same, either is right."""
    texts = page.evaluate(SHOWN)
    spoken = translations("es")
    return [f"English: {text}" for text in texts if text in ENGLISH and spoken.gettext(text) != text]


def cut(page: Page) -> list[str]:
    """What makes the page scroll sideways, and texts that do not fit into their places."""
    return list(page.evaluate(CUT))


ENGLISH = set(re.findall(r'^msgid(?:_plural)? "(.+)"$', (LOCALE / "es/LC_MESSAGES/messages.po").read_text(), re.M))
SHOWN = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest('.prose, script, .text')) texts.push(walker.currentNode.data.trim());
  }
  for (const one of document.querySelectorAll('[aria-label], [title], [placeholder]')) {
    texts.push(...['aria-label', 'title', 'placeholder'].map((name) => one.getAttribute(name)).filter(Boolean));
  }
  return texts;
}"""
CUT = """() => {
  const width = document.documentElement.clientWidth, found = [];
  const name = (one) => `${one.outerHTML.slice(0, 80)}…`;
  if (document.documentElement.scrollWidth > width) found.push('scrolls sideways');
  for (const one of document.body.querySelectorAll('*')) {
    const style = getComputedStyle(one);
    if (style.clipPath !== 'none' || style.position === 'absolute' || !one.checkVisibility()) continue;
    const hides = ['hidden', 'clip'].includes(style.overflowX);
    if (hides && one.scrollWidth > one.clientWidth + 1) found.push(`cut: ${name(one)}`);
    const scrolled = one.parentElement.closest('.scroll, pre, .panes, .board, [data-scrolls]');
    if (!scrolled && one.getBoundingClientRect().right > width + 1) found.push(`beyond the edge: ${name(one)}`);
  }
  return found;
}"""
