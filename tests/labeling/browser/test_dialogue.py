"""Conversations in a real Chromium: both sides by mouse, with a suggestion by keyboard alone, and with a model."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from preceptor.labeling.following import Follower
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.room import Room
from preceptor.labeling.tasks.dialogue import DialogueItem
from preceptor.records import Conversation, Demonstration, Message
from preceptor.store.tables import Item
from tests.labeling.browser.visits import AtWork, Visits

TALK = DialogueItem(topic="Where **rivers** go", opening=(Message(role="system", content="Be brief."),))


class Model:
    """Says how many messages it heard; its seed makes another response."""

    name = "sft-1"
    is_down = False

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        if self.is_down:
            raise Refused("The model cannot be reached now: {problem}", problem="down")
        return f"I *heard* {len(messages)}. <b>{seed % 1000}</b>"


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def room(room: Room, model: Model) -> Room:
    return replace(room, respond=model)


def turns(page: Page) -> Locator:
    return page.locator("#turns li")


def conversation(at: AtWork) -> Conversation:
    found = at.records()[0]
    assert isinstance(found, Conversation)
    return found


def test_both_sides_by_mouse(visits: Visits) -> None:
    at = visits.begin("dialogue", TALK, settings={"suggestions": False, "min_exchanges": 1})
    page, said = at.page, turns(at.page)
    expect(page.locator(".topic strong")).to_have_text("rivers")
    expect(page.get_by_role("log")).to_contain_text("Be brief.")
    expect(page.get_by_role("button", name="Suggest")).to_have_count(0)
    page.get_by_label("You speak as the user").fill("Where does the **Elbe** go? <img src=x>")
    page.get_by_role("button", name="Say it").click()
    expect(said.locator("strong")).to_have_text("Elbe")
    expect(said).to_contain_text("<img src=x>")
    page.get_by_label("You speak as the assistant").fill("To the sea.")
    page.get_by_role("button", name="Say it").click()
    expect(said).to_have_count(2)
    page.get_by_role("button", name="Take back the last turn").click()
    expect(said).to_have_count(1)
    field = page.get_by_label("You speak as the assistant")
    expect(field).to_have_value("To the sea.")
    field.fill("To the North Sea.")
    page.get_by_role("button", name="Say it").click()
    expect(said.last).to_contain_text("To the North Sea.")
    page.get_by_role("button", name="Submit").click()
    at.sent()
    assert [(one.role, one.content, one.origin) for one in conversation(at).turns] == [
        ("user", "Where does the **Elbe** go? <img src=x>", "typed"),
        ("assistant", "To the North Sea.", "typed"),
    ]
    demonstration = at.records()[1]
    assert isinstance(demonstration, Demonstration)
    assert demonstration.response == "To the North Sea."


def test_both_sides_with_suggestions_by_keyboard(visits: Visits) -> None:
    at = visits.begin("dialogue", TALK)
    keyboard, suggestion = at.page.keyboard, at.page.get_by_role("region", name="Suggestion of a model")
    at.press("w")
    keyboard.type("Hello")
    at.press("Control+Enter")
    expect(turns(at.page)).to_have_count(1)
    at.tab_to("#ask")
    at.press("Enter")
    expect(suggestion).to_be_focused()
    first = suggestion.inner_text()
    at.press("a")
    expect(suggestion).not_to_have_text(first)
    at.press("t", "Control+Enter")
    expect(turns(at.page)).to_have_count(2)
    expect(turns(at.page).last.locator("em")).to_have_text("heard")
    keyboard.type("And?")
    at.press("Control+Enter")
    expect(turns(at.page)).to_have_count(3)
    at.tab_to("#ask")
    at.press("Enter")
    expect(suggestion).to_be_focused()
    at.press("t", "Control+End")
    keyboard.type(" So there.")
    at.press("Control+Enter")
    expect(turns(at.page)).to_have_count(4)
    at.submit()
    user, taken, _, edited = conversation(at).turns
    assert (user.origin, taken.origin, edited.origin) == ("typed", "suggestion", "edited_suggestion")
    assert (taken.distance, taken.model, user.model) == (0, "sft-1", None)
    assert edited.distance is not None
    assert 0 < edited.distance < 0.5


def test_with_a_model_by_keyboard_and_what_is_ranked_after(visits: Visits, room: Room, model: Model) -> None:
    at = visits.begin("dialogue", TALK, settings={"assistant": "model", "min_exchanges": 1})
    at.press("w")
    at.page.keyboard.type("Hello")
    at.press("Control+Enter")
    expect(turns(at.page)).to_have_count(2)
    expect(turns(at.page).last).to_contain_text("Assistant (model)")
    expect(at.page.get_by_label("You speak as the user")).to_be_focused()
    at.submit()
    assert [one.origin for one in conversation(at).turns] == ["typed", "model"]
    assert len(at.records()) == 1
    assert Follower(room.database, model).catch_up() == 1
    with room.database.read() as session:
        item = session.get_one(Item, 2)
    assert len(item.payload["responses"]) == 4
    assert item.payload["responses"][0]["text"] == conversation(at).turns[1].content


def test_when_the_model_cannot_be_reached_nothing_is_lost(visits: Visits, model: Model) -> None:
    model.is_down = True
    at = visits.begin("dialogue", TALK, settings={"assistant": "model"})
    field = at.page.get_by_label("You speak as the user")
    field.fill("Hello")
    at.page.get_by_role("button", name="Say it").click()
    expect(at.page.get_by_role("alert")).to_have_text("The model cannot be reached now: down")
    expect(field).to_have_value("Hello")
    expect(field).to_be_editable()
    model.is_down = False
    at.page.get_by_role("button", name="Say it").click()
    expect(turns(at.page)).to_have_count(2)


def test_a_conversation_is_there_again_after_a_reload_and_in_another_tab(visits: Visits) -> None:
    at = visits.begin("dialogue", TALK, settings={"assistant": "model"})
    other = at.page.context.new_page()
    other.goto(at.page.url)
    other.wait_for_selector("form#task[data-ready]")
    other.get_by_label("You speak as the user").fill("half a")
    expect(other.locator("#draft-status")).to_have_text("Saved")
    at.open()
    expect(at.page.get_by_label("You speak as the user")).to_have_value("half a")
    at.page.get_by_label("You speak as the user").fill("Hello")
    at.page.get_by_role("button", name="Say it").click()
    expect(turns(at.page)).to_have_count(2)
    other.get_by_label("You speak as the user").fill("half a thought")
    other.get_by_role("button", name="Keep these").click()
    expect(turns(other)).to_have_count(2)
    expect(other.get_by_label("You speak as the user")).to_have_value("half a thought")
    at.open()
    expect(turns(at.page)).to_have_count(2)


def test_an_opening_question_is_for_the_model(visits: Visits) -> None:
    asked = DialogueItem(opening=(Message(role="user", content="Hello"),))
    at = visits.begin("dialogue", asked, settings={"assistant": "model", "min_exchanges": 1})
    expect(at.page.locator("#speaker")).to_have_text("The model speaks next")
    expect(at.page.get_by_role("button", name="Say it")).to_be_hidden()
    at.page.get_by_role("button", name="Let the model respond").click()
    expect(turns(at.page)).to_contain_text("I heard 1.")
    at.submit()


def test_what_is_not_said_is_asked_about(visits: Visits) -> None:
    at = visits.begin("dialogue", TALK, settings={"assistant": "model"})
    at.page.get_by_label("You speak as the user").fill("Hello")
    at.page.get_by_role("button", name="Say it").click()
    expect(turns(at.page)).to_have_count(2)
    at.page.get_by_label("You speak as the user").fill("one more")
    at.page.get_by_role("button", name="Submit").click()
    points = at.page.get_by_role("dialog").get_by_role("listitem")
    expect(points).to_have_count(2)
    expect(points.first).to_contain_text("is not said yet")
