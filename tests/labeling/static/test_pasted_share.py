"""Which share of a text was pasted: real keys and a real clipboard in a real field."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

OUTSIDE = "Ten words from elsewhere."

START = """async ([text, share]) => {
  document.body.innerHTML = '<p id="page">What the page says.</p><textarea></textarea>';
  const { PastedShare } = await import("/pasted_share.js");
  const area = document.querySelector("textarea");
  area.value = text;
  window.pasted = new PastedShare(area, share);
  area.focus();
}"""


@pytest.fixture
def field(page: Page) -> Iterator[Page]:
    """An empty field that has the focus."""
    start(page)
    yield page
    page.goto("http://room.test/")


def start(page: Page, text: str = "", share: float = 0) -> None:
    page.evaluate(START, [text, share])


def share(page: Page) -> float:
    return float(page.evaluate("window.pasted.share"))


def paste(page: Page, text: str) -> None:
    """Paste what was copied on another page."""
    assert page.context.browser
    other = page.context.browser.new_page()
    other.set_content("<textarea></textarea>")
    other.locator("textarea").fill(text)
    other.locator("textarea").press("Control+A")
    other.locator("textarea").press("Control+C")
    other.close()
    page.bring_to_front()
    page.keyboard.press("Control+V")


def select(page: Page, start: int, end: int) -> None:
    page.evaluate("([start, end]) => document.querySelector('textarea').setSelectionRange(start, end)", [start, end])


def test_what_is_typed_is_not_pasted(field: Page) -> None:
    assert share(field) == 0
    field.keyboard.type("Some words.")
    assert share(field) == 0


def test_what_is_pasted_counts_by_its_length(field: Page) -> None:
    field.keyboard.type("12345")
    paste(field, OUTSIDE)
    assert share(field) == len(OUTSIDE) / (5 + len(OUTSIDE))
    field.keyboard.type("x" * 20)
    assert share(field) == len(OUTSIDE) / (25 + len(OUTSIDE))


def test_what_was_pasted_and_deleted_does_not_count(field: Page) -> None:
    paste(field, OUTSIDE)
    field.keyboard.press("Control+A")
    field.keyboard.type("My own.")
    assert share(field) == 0


def test_only_what_is_left_of_it_counts(field: Page) -> None:
    field.keyboard.type("12345")
    paste(field, OUTSIDE)
    select(field, 10, 5 + len(OUTSIDE))
    field.keyboard.press("Delete")
    assert share(field) == 5 / 10


def test_moving_ones_own_words_is_not_pasting(field: Page) -> None:
    field.keyboard.type("first second ")
    select(field, 0, 6)
    field.keyboard.press("Control+X")
    field.keyboard.press("Control+End")
    field.keyboard.press("Control+V")
    assert field.locator("textarea").input_value() == "second first "
    assert share(field) == 0


def test_moving_what_was_pasted_leaves_it_pasted(field: Page) -> None:
    field.keyboard.type("1234 ")
    paste(field, OUTSIDE)
    select(field, 5, 5 + len(OUTSIDE))
    field.keyboard.press("Control+X")
    assert share(field) == 0
    field.keyboard.press("Control+Home")
    field.keyboard.press("Control+V")
    assert share(field) == pytest.approx(len(OUTSIDE) / (5 + len(OUTSIDE)))


def test_undoing_and_redoing_change_nothing(field: Page) -> None:
    field.keyboard.type("12345")
    paste(field, OUTSIDE)
    field.keyboard.press("Control+Z")
    assert share(field) == 0
    field.keyboard.press("Control+Shift+Z")
    assert field.locator("textarea").input_value() == f"12345{OUTSIDE}"
    assert share(field) == pytest.approx(len(OUTSIDE) / (5 + len(OUTSIDE)))


def test_quoting_the_page_is_not_pasting(field: Page) -> None:
    field.evaluate("getSelection().selectAllChildren(document.querySelector('#page'))")
    field.evaluate("document.querySelector('textarea').blur()")
    field.keyboard.press("Control+C")
    field.locator("textarea").focus()
    field.keyboard.press("Control+V")
    assert field.locator("textarea").input_value() == "What the page says."
    assert share(field) == 0


def test_after_a_reload_the_share_that_is_known_goes_on(field: Page) -> None:
    start(field, "1234567890", 0.4)
    assert share(field) == pytest.approx(0.4)
    field.keyboard.press("Control+End")
    field.keyboard.type("1234567890")
    assert share(field) == pytest.approx(0.2)
