"""A demonstration, written in a real Chromium: by mouse, by keyboard alone, with a model's suggestion."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from preceptor.labeling.room import Room
from preceptor.records import Demonstration, Message, Prompt
from tests.labeling.browser.visits import Visits

PROMPT = Prompt(id="p1", messages=(Message(role="user", content="Where is **Paris**? <b>Now!</b>"),))


class Model:
    """Says always the same, once it is let speak."""

    name = "sft-1"

    def __init__(self) -> None:
        self.may_speak = threading.Event()
        self.may_speak.set()

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        assert self.may_speak.wait(60)
        return "It is in **France**. <script>alert(1)</script>"


@pytest.fixture
def room(room: Room) -> Room:
    return replace(room, respond=Model())


def test_by_mouse(visits: Visits) -> None:
    at = visits.begin("demonstration", PROMPT)
    page = at.page
    expect(page.locator("section").first).to_contain_text("Where is Paris? <b>Now!</b>")
    page.get_by_label("Response of the assistant").fill("In *France*.\n\n<img src=x>")
    preview = page.locator("#preview")
    expect(preview.locator("em")).to_have_text("France")
    expect(preview).to_contain_text("<img src=x>")
    expect(page.get_by_role("button", name="Suggest a response")).to_have_count(0)
    page.get_by_role("button", name="Submit").click()
    at.sent()
    (record,) = at.records()
    assert isinstance(record, Demonstration)
    assert record.response == "In *France*.\n\n<img src=x>"
    assert record.metadata == {"origin": "typed", "pasted_share": 0}
    assert at.answer().content["suggestion"] is None


def test_by_keyboard(visits: Visits) -> None:
    at = visits.begin("demonstration", PROMPT)
    at.press("w")
    at.page.keyboard.type("In France.")
    at.press("Control+A", "Control+X", "Control+V")
    at.submit()
    (record,) = at.records()
    assert isinstance(record, Demonstration)
    assert (record.response, record.metadata["pasted_share"]) == ("In France.", 0)


def test_nothing_written_is_not_submitted(visits: Visits) -> None:
    at = visits.begin("demonstration", PROMPT)
    at.page.get_by_role("button", name="Submit").click()
    expect(at.page.get_by_role("alert")).to_have_text("Still to be answered: Response of the assistant")


def test_a_suggestion_by_keyboard(visits: Visits) -> None:
    at = visits.begin("demonstration", PROMPT, settings={"suggestions": True})
    at.press("a")
    suggestion = at.page.get_by_role("region", name="Suggestion of a model")
    expect(suggestion).to_be_focused()
    expect(suggestion.locator("strong")).to_have_text("France")
    expect(suggestion).to_contain_text("<script>alert(1)</script>")
    at.tab_to("#take")
    at.press("Enter")
    field = at.page.get_by_label("Response of the assistant")
    expect(field).to_be_focused()
    expect(field).to_have_value(Model()([]))
    at.press("Control+Home")
    at.page.keyboard.type("Well: ")
    at.submit()
    (record,) = at.records()
    assert isinstance(record, Demonstration)
    assert record.response == f"Well: {Model()([])}"
    assert record.metadata["origin"] == "edited_suggestion"
    assert record.metadata["model"] == "sft-1"
    assert 0 < record.metadata["distance"] < 0.2
    assert record.metadata["pasted_share"] == 0


def test_a_suggestion_that_is_ignored_stays_on_record(visits: Visits) -> None:
    at = visits.begin("demonstration", PROMPT, settings={"suggestions": True})
    at.page.get_by_role("button", name="Suggest a response").click()
    expect(at.page.get_by_role("button", name="Suggest a response")).to_be_hidden()
    at.page.get_by_label("Response of the assistant").fill("No idea.")
    expect(at.page.locator("#draft-status")).to_have_text("Saved")
    at.open()
    expect(at.page.get_by_role("region", name="Suggestion of a model")).to_contain_text("It is in France.")
    expect(at.page.get_by_label("Response of the assistant")).to_have_value("No idea.")
    at.page.get_by_role("button", name="Submit").click()
    at.sent()
    (record,) = at.records()
    assert isinstance(record, Demonstration)
    assert (record.metadata["origin"], record.metadata["taken_after_s"]) == ("typed", None)


def test_what_is_written_while_the_model_thinks_stays(visits: Visits) -> None:
    at = visits.begin("demonstration", PROMPT, settings={"suggestions": True})
    model, field = visits.server.room.respond, at.page.get_by_label("Response of the assistant")
    assert isinstance(model, Model)
    model.may_speak.clear()
    field.fill("In the north")
    at.page.get_by_role("button", name="Suggest a response").click()
    field.fill("In the north of France.")
    at.page.wait_for_timeout(700)  # longer than a draft waits before it is saved
    model.may_speak.set()
    expect(at.page.get_by_role("region", name="Suggestion of a model")).to_contain_text("France")
    expect(field).to_have_value("In the north of France.")
    at.submit()
    assert at.answer().content["response"] == "In the north of France."
    assert at.answer().content["suggestion"]["taken_after_s"] is None
