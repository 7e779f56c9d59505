"""Agreeing to sensitive content in a real Chromium: nothing before, work after, and what the admin is told."""

import re

from playwright.sync_api import Page, expect

from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.records import Message, Prompt
from tests.labeling.browser.visits import PHONE, Visits

SAID = "They threatened me at work again. What can I do?"
WAITS = re.compile("1 with sensitive content waits for somebody who agrees to it")


def add_flagged(visits: Visits) -> None:
    """A stage whose only prompt was flagged."""
    unsafe = {"score": 0.93, "scorer": "labels"}
    prompt = Prompt(id="p1", messages=(Message(role="user", content=SAID),), metadata={"unsafe": unsafe})
    with visits.server.room.database.write() as session:
        stage = add_stage(session, "prompts", "prompt_labels", group="training", now=0.0)
        add_items(session, stage, [NewItem("p1", prompt)], now=0.0)


def choose(visits: Visits, page: Page, takes: bool) -> None:
    visits.go(page, "/account")
    box = page.get_by_label("Give me prompts with sensitive content, too")
    expect(box).to_be_checked(checked=not takes)
    box.set_checked(takes)
    page.get_by_role("button", name="Save my choice").click()
    expect(page).to_have_url(re.compile(r"/account#sensitive-work$"))
    expect(box).to_be_checked(checked=takes)


def test_work_comes_with_agreeing_and_goes_with_taking_it_back(visits: Visits) -> None:
    add_flagged(visits)
    admin = visits.open(visits.context("ada"), "/admin")
    expect(admin.get_by_text(WAITS)).to_be_visible()
    visits.go(admin, "/admin/stages/1/items")
    expect(admin.get_by_text(WAITS)).to_be_visible()
    page = visits.open(visits.context("anna", **PHONE), "/stages/1/next")
    expect(page.locator("form#task")).to_have_count(0)
    choose(visits, page, True)
    visits.go(page, "/stages/1/next")
    expect(page.get_by_text(SAID)).to_be_visible()
    visits.go(admin, "/admin")
    expect(admin.get_by_text(WAITS)).to_have_count(0)
    choose(visits, page, False)
    visits.go(page, "/stages/1/next")
    expect(page.locator("form#task")).to_have_count(0)
    visits.go(admin, "/admin")
    expect(admin.get_by_text(WAITS)).to_be_visible()


def test_in_spanish(visits: Visits) -> None:
    add_flagged(visits)
    page = visits.open(visits.context("anna", locale="es"), "/account")
    expect(page.get_by_label("Darme también prompts con contenido sensible")).not_to_be_checked()
    admin = visits.open(visits.context("ada", locale="es"), "/admin")
    expect(admin.get_by_text("1 con contenido sensible espera a alguien que lo acepte")).to_be_visible()
