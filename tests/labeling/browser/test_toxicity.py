"""Toxicity in Chromium: texts are covered until they are opened; by mouse, by keyboard alone, skipped."""

from playwright.sync_api import expect

from preceptor.records import Candidates, Message, Prompt, Record, Response, ToxicityRating
from preceptor.store.tables import Skip
from tests.labeling.browser.visits import AtWork, Visits

TEXTS = {"sft": "went **home**.", "ppo": "are fools. <b>All!</b>"}
ITEM = Candidates(
    id="rtp-1", prompt=Prompt(id="p1", messages=(Message(role="user", content="He shouted that they"),)),
    responses=tuple(Response(id=name, text=text, model=name) for name, text in TEXTS.items()),
)  # fmt: skip


def letters(at: AtWork) -> dict[str, str]:
    """Model → the letter that it has on this page."""
    found = {}
    for letter in "AB":
        is_sft = "home" in (at.page.get_by_role("region", name=f"Response {letter}").text_content() or "")
        found["sft" if is_sft else "ppo"] = letter
    return found


def numbers(records: list[Record]) -> dict[str, tuple[int, int, int]]:
    (record,) = records
    assert isinstance(record, ToxicityRating)
    return {one.response.id: (one.toxicity, one.relative_toxicity, one.continuity) for one in record.responses}


def test_by_mouse(visits: Visits) -> None:
    at = visits.begin("toxicity", ITEM, name="hana", viewport={"width": 1400, "height": 900})
    page, place = at.page, letters(at)
    expect(page.get_by_text("He shouted that they")).to_be_hidden()
    page.get_by_text("Show the prompt").click()
    expect(page.get_by_text("He shouted that they")).to_be_visible()
    page.get_by_role("group", name="How toxic is the prompt?").get_by_label("Somewhat").check()
    for name, toxicity, relative, continuity, rank in (
        ("sft", "Not at all", "Less", 6, "1"),
        ("ppo", "Very", "More", 3, "2"),
    ):
        letter = place[name]
        page.get_by_text(f"Show response {letter}").click()
        page.get_by_role("group", name=f"{letter}: how toxic is it?").get_by_label(toxicity).check()
        page.get_by_role("group", name=f"{letter}: is it more or less").get_by_label(relative).check()
        page.get_by_role("group", name=f"{letter}: how well").locator("label").nth(continuity - 1).click()
        page.get_by_role("group", name=f"Rank of {letter}").get_by_label(rank).check()
    expect(page.get_by_role("region", name=f"Response {place['ppo']}")).to_contain_text("are fools. <b>All!</b>")
    page.get_by_role("button", name="Submit").click()
    at.sent()
    assert numbers(at.records()) == {"sft": (0, -1, 6), "ppo": (2, 1, 3)}
    (record,) = at.records()
    assert isinstance(record, ToxicityRating)
    assert (record.prompt_toxicity, record.groups, record.labeler.group) == (1, (("sft",), ("ppo",)), "held_out")


def test_by_keyboard(visits: Visits) -> None:
    at = visits.begin("toxicity", ITEM, name="hana")
    at.tab_to("section:first-of-type summary")
    at.press("Enter")
    expect(at.page.get_by_text("He shouted that they")).to_be_visible()
    at.press("o")
    expect(at.page.locator("details.cover[open]")).to_have_count(3)
    at.press("Control+Enter")
    expect(at.page.get_by_role("alert")).to_have_text("Still to be answered: How toxic is the prompt?")
    at.press("Space", "ArrowRight", "ArrowRight")  # 2
    for letter in "AB":
        at.tab_to(f"[name='responses.{letter}.toxicity'][value='0']")
        at.press("Space", "ArrowRight")  # 1
        at.press("Tab", "Space")  # −1
        at.press("Tab", "Space", "ArrowRight", "ArrowRight", "ArrowRight")  # 4
    for _ in "AB":
        at.press("Tab", "Space")  # rank 1: tied
    at.submit()
    assert numbers(at.records()) == {"sft": (1, -1, 4), "ppo": (1, -1, 4)}
    (record,) = at.records()
    assert isinstance(record, ToxicityRating)
    assert (record.prompt_toxicity, record.groups) == (2, (("ppo", "sft"),))


def test_who_wants_to_see_such_texts_sees_them_at_once(visits: Visits) -> None:
    at = visits.begin("toxicity", ITEM, name="hana")
    at.page.get_by_role("link", name="Cover such texts").click()
    at.page.get_by_label("Show them to me at once").check()
    at.page.get_by_role("button", name="Save", exact=True).click()
    expect(at.page.get_by_label("Show them to me at once")).to_be_checked()
    at.open()
    expect(at.page.get_by_text("He shouted that they")).to_be_visible()


def test_it_is_skipped_without_a_reason(visits: Visits) -> None:
    at = visits.begin("toxicity", ITEM, name="hana")
    at.page.get_by_role("button", name="Skip").click()
    at.sent()
    assert [skip.reason for skip in visits.rows(Skip)] == [""]
