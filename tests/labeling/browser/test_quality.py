"""The quality board in Chromium: its figures, disputes to settle, and what labelers tell of themselves."""

import time
from typing import Any

import pytest
from playwright.sync_api import expect

from preceptor.labeling import backgrounds
from preceptor.store.tables import Adjudication
from tests.labeling.browser.test_every_page import violations
from tests.labeling.browser.visits import PHONE, Visits
from tests.labeling.labeled import DAY_S, add_labeled, one_more, rank
from tests.labeling.people import labeler_named
from tests.labeling.rooms import Server

LOOKS = pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])


@LOOKS
def test_pages_of_figures(server: Server, visits: Visits, options: dict[str, Any]) -> None:
    store = server.room.database
    add_labeled(store)
    people = [one_more(store, f"labeler {number}") for number in range(5)]
    with store.write() as session:
        for person in people:
            backgrounds.tell(session, person, {"gender": "female", "country": "PT"})
    for person in people:
        for item_id in range(1, 5):
            rank(store, person, item_id, "ACBD", time.time() - item_id * 9 * DAY_S)
    first, robot = labeler_named(store, "labeler 0"), labeler_named(store, "robot")
    crowd = "?origin=simulated&group=training"
    pages = [
        "/admin", "/admin/quality", "/admin/quality/1", f"/admin/quality/1{crowd}", "/admin/quality/1/backgrounds",
        f"/admin/quality/1/labelers/{first.id}", f"/admin/quality/1/labelers/{robot.id}", "/research/disputes",
        "/research/disputes/1", "/research/disputes/1/1",
    ]  # fmt: skip
    context = visits.context("ada", **options)
    for path in pages:
        page = visits.open(context, path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"
        page.close()


def test_a_dispute_is_settled_with_the_keyboard_alone(server: Server, visits: Visits) -> None:
    add_labeled(server.room.database)
    page = visits.open(visits.context("rosa"), "/research/disputes/1")
    page.get_by_role("link", name="p0").focus()
    page.keyboard.press("Enter")
    page.get_by_role("radio", name="None, or more than one").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Labeler 1")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("Ties are welcome.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 settled")).to_be_visible()
    (written,) = visits.rows(Adjudication)
    assert (written.item_id, written.note) == (1, "Ties are welcome.")
    assert written.answer_id is not None


def test_what_labelers_tell_is_saved_and_deleted(server: Server, visits: Visits) -> None:
    page = visits.open(visits.context("anna"), "/account")
    page.get_by_label("Country").select_option(label="Portugal")
    page.get_by_role("button", name="Save what I told").click()
    expect(page.get_by_label("Country")).to_have_value("PT")
    expect(page.get_by_label("Age")).to_have_value("")
    page.get_by_role("button", name="Delete all that I told").click()
    expect(page.get_by_label("Country")).to_have_value("")
    assert backgrounds.told_by(labeler_named(server.room.database, "anna")) == {}
