"""A prompt, labeled in a real Chromium: by mouse, by keys, and not half."""

from playwright.sync_api import expect

from preceptor.records import Message, Prompt
from tests.labeling.browser.visits import Visits

PROMPT = Prompt(
    id="p1", use_case="chat",
    messages=(Message(role="user", content="Hi"), Message(role="assistant", content="Yes?"),
              Message(role="user", content="Sum up: <b>rain</b>")),
)  # fmt: skip


def labels(record: object) -> dict[str, object]:
    assert isinstance(record, Prompt)
    found = record.metadata["labels"]
    assert isinstance(found, dict)
    properties = found["properties"]
    assert isinstance(properties, dict)
    return {"use_case": found["use_case"], "true": sorted(name for name, is_true in properties.items() if is_true)}


def test_by_mouse(visits: Visits) -> None:
    at = visits.begin("prompt_labels", PROMPT)
    expect(at.page.get_by_role("region", name="Prompt")).to_contain_text("Sum up: <b>rain</b>")
    at.page.get_by_text("say the essence of a given text").click()
    at.page.get_by_role("checkbox", name="Ambiguous").check()
    at.page.get_by_role("checkbox", name="Closed domain").check()
    at.page.get_by_role("checkbox", name="Ambiguous").uncheck()
    at.page.get_by_role("button", name="Submit").click()
    at.sent()
    (record,) = at.records()
    assert labels(record) == {"use_case": "summarization", "true": ["closed_domain"]}
    assert isinstance(record, Prompt)
    assert (record.use_case, record.metadata["use_case_before"]) == ("summarization", "chat")


def test_by_keyboard(visits: Visits) -> None:
    at = visits.begin("prompt_labels", PROMPT)
    at.press("6", "q", "e", "q")
    at.tab_to("input[value='requests_advice']")
    at.press("Space")
    at.submit()
    (record,) = at.records()
    assert labels(record) == {"use_case": "summarization", "true": ["closed_domain", "requests_advice"]}


def test_without_a_use_case_it_is_not_submitted(visits: Visits) -> None:
    at = visits.begin("prompt_labels", PROMPT, settings={"properties": ["ambiguous"]})
    expect(at.page.get_by_role("checkbox")).to_have_count(1)
    at.press("Control+Enter")
    expect(at.page.get_by_role("alert")).to_have_text("Still to be answered: Use case")
    expect(at.page.get_by_role("radio", name="Generation")).to_be_focused()


def test_an_unclear_prompt_is_skipped_without_a_reason(visits: Visits) -> None:
    at = visits.begin("prompt_labels", PROMPT)
    at.press("s")
    at.sent()
