"""Prompts, written in a real Chromium: plain by mouse, few-shot by keyboard alone, rows added and removed."""

from playwright.sync_api import Locator, expect

from preceptor.labeling.tasks.prompt import PromptRequest
from preceptor.records import Demonstration, Prompt
from tests.labeling.browser.visits import AtWork, Visits

FEW_SHOT = {"prompt_kind": "few_shot"}


def example(at: AtWork, number: int) -> Locator:
    return at.page.get_by_role("group", name=f"Example {number}", exact=True)


def test_plain_by_mouse(visits: Visits) -> None:
    at = visits.begin("prompt", PromptRequest())
    at.page.get_by_role("textbox", name="Prompt").fill("Where is **Paris**?")
    expect(at.page.locator("#preview strong")).to_have_text("Paris")
    at.page.get_by_role("button", name="Submit").click()
    at.sent()
    (record,) = at.records()
    assert isinstance(record, Prompt)
    assert record.messages[0].content == "Where is **Paris**?"
    assert record.metadata == {"kind": "plain"}


def test_for_a_use_case(visits: Visits) -> None:
    settings = {"prompt_kind": "user_based", "use_cases": ["A tutor for **children**"]}
    at = visits.begin("prompt", PromptRequest(), settings=settings)
    expect(at.page.get_by_role("region", name="What to write").locator("strong")).to_have_text("children")
    at.page.get_by_role("textbox", name="Prompt").fill("Why is the sky blue?")
    at.submit()
    (record,) = at.records()
    assert isinstance(record, Prompt)
    assert record.metadata == {"kind": "user_based", "asked_for": "A tutor for **children**"}


def test_few_shot_by_keyboard(visits: Visits) -> None:
    at = visits.begin("prompt", PromptRequest(), settings=FEW_SHOT)
    keyboard = at.page.keyboard
    at.press("w")
    keyboard.type("Say how the tweet sounds.")
    for name in ("Tweet", "Sound"):
        at.press("Tab", "Control+A")
        keyboard.type(name)
    for asked, said in (("What a day!", "glad"), ("Rain again.", "sad")):
        at.press("Tab")
        keyboard.type(asked)
        at.press("Tab")
        keyboard.type(said)
        at.press("Tab")  # past Remove
    at.tab_to("[aria-label='Remove example 3']")
    at.press("Enter")
    expect(example(at, 3)).to_have_count(0)
    at.tab_to("#add")
    at.press("Enter")
    expect(example(at, 3).get_by_label("Tweet")).to_be_focused()
    keyboard.type("Bus at 8.")
    at.press("Tab")
    keyboard.type("neither")
    expect(at.page.locator("#preview")).to_contain_text("Tweet: Bus at 8.")
    at.submit()
    records = at.records()
    prompts = [row for row in records if isinstance(row, Prompt)]
    assert [row.response for row in records if isinstance(row, Demonstration)] == ["glad", "sad", "neither"]
    assert prompts[2].messages[0].content == (
        "Say how the tweet sounds.\n\nTweet: What a day!\nSound: glad\n\nTweet: Rain again.\nSound: sad\n\n"
        "Tweet: Bus at 8.\nSound:"
    )


def test_a_removed_example_can_be_put_back(visits: Visits) -> None:
    at = visits.begin("prompt", PromptRequest(), settings=FEW_SHOT)
    for number, word in enumerate(("one", "two", "three"), start=1):
        example(at, number).get_by_label("Input").fill(word)
    example(at, 2).get_by_role("button", name="Remove").click()
    expect(example(at, 2).get_by_label("Input")).to_have_value("three")
    expect(example(at, 2).get_by_label("Input")).to_be_focused()
    at.page.get_by_role("button", name="Put the removed example back").click()
    expect(example(at, 2).get_by_label("Input")).to_have_value("two")
    expect(example(at, 3).get_by_label("Input")).to_have_value("three")
    expect(at.page.get_by_role("button", name="Put the removed example back")).to_be_hidden()


def test_rows_are_there_again_after_a_reload(visits: Visits) -> None:
    at = visits.begin("prompt", PromptRequest(), settings=FEW_SHOT)
    at.page.get_by_role("button", name="Add an example").click()
    example(at, 4).get_by_label("Output").fill("four")
    expect(at.page.locator("#draft-status")).to_have_text("Saved")
    at.open()
    expect(example(at, 4).get_by_label("Output")).to_have_value("four")


def test_half_an_example_is_not_submitted(visits: Visits) -> None:
    at = visits.begin("prompt", PromptRequest(), settings=FEW_SHOT)
    at.page.get_by_role("textbox", name="Instruction").fill("Say how the tweet sounds.")
    example(at, 2).get_by_label("Input").fill("What a day!")
    at.page.get_by_role("button", name="Submit").click()
    expect(at.page.get_by_role("alert")).to_have_text("Example 2 is only half written.")
