"""Screening in a real Chromium: the candidate's sheet by mouse and by keyboard, the rating, the decision."""

from playwright.sync_api import Page, expect

from preceptor.labeling.screening import alias_of
from preceptor.labeling.tasks.screening import ScreeningItem
from tests.labeling.browser.visits import AtWork, Visits
from tests.labeling.people import candidates, labeler_named

ROW = candidates(1, 2)
SHEET = ScreeningItem(prompt=ROW.prompt, responses=ROW.responses, topics=("Chess", "Religion", "Sports"))


def choose(page: Page, text: str, words: str) -> None:
    page.get_by_role("region", name=text, exact=True).get_by_label(words, exact=True).check()


def by_id(at: AtWork) -> dict[str, bool]:
    """What was flagged, by the ids of the texts."""
    answer = at.answer()
    names = dict(zip("AB", answer.shown["order"], strict=True)) | {"prompt": "prompt"}
    return {names[letter]: flag for letter, flag in answer.content["sensitive"].items()}


def test_by_mouse(visits: Visits) -> None:
    at = visits.begin("screening", SHEET, name="carl")
    page = at.page
    said = page.get_by_role("region", name="Prompt", exact=True).locator("strong")
    expect(said).to_be_hidden()
    page.get_by_text("Show the prompt").click()
    expect(said).to_have_text("1")
    expect(said).to_be_visible()
    choose(page, "Prompt", "Not sensitive")
    choose(page, "Response A", "Sensitive")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_have_text("Say whether response B is sensitive.")
    choose(page, "Response B", "Not sensitive")
    page.get_by_label("Religion").check()
    page.get_by_label("Others").fill("Slang")
    expect(page.locator("#draft-status")).to_have_text("Saved")
    at.open()
    expect(page.get_by_role("region", name="Response A").get_by_label("Sensitive", exact=True)).to_be_checked()
    page.get_by_role("button", name="Submit").click()
    at.sent()
    first = at.answer().shown["order"][0]
    assert by_id(at) == {"prompt": False, "p1-0": first == "p1-0", "p1-1": first == "p1-1"}
    assert at.answer().content["topics"] == ["Religion"]
    assert at.answer().content["other_topics"] == "Slang"


def test_by_keyboard(visits: Visits) -> None:
    at = visits.begin("screening", SHEET, name="carl")
    at.tab_to("[name='sensitive.prompt'][value='true']")
    at.press("Space", "Tab", "Tab", "ArrowDown", "Tab", "Tab", "ArrowDown", "ArrowDown")
    at.tab_to("[value='Chess']")
    at.press("Space", "Tab", "Tab", "Space")
    at.submit()
    assert at.answer().content["sensitive"] == {"prompt": True, "A": False, "B": True}
    assert at.answer().content["topics"] == ["Chess", "Sports"]


def test_from_the_sheet_to_the_decision(visits: Visits) -> None:
    at = visits.begin("demonstration", ROW.prompt, name="carl")
    at.page.get_by_label("Response of the assistant").fill("**One**, please.")
    at.submit()
    page, room = at.page, at.server.room
    at.server.sign_in(page.context, "rosa")
    page.goto(f"{at.server.url}/")
    page.get_by_role("link", name="Rate").click()
    expect(page.locator("main strong").filter(has_text="One")).to_be_visible()
    page.get_by_role("radio", name="7 best").check(force=True)
    page.get_by_role("button", name="Rate, and go on").press("Enter")
    expect(page.get_by_text("All demonstrations of candidates are rated.")).to_be_visible()
    at.server.sign_in(page.context, "ada")
    page.goto(f"{at.server.url}/admin")
    page.get_by_role("link", name="Screening").press("Enter")
    alias = alias_of(room.secret, labeler_named(room.database, "carl").id)
    card = page.get_by_role("region", name=f"Candidate {alias}")
    expect(card).to_contain_text("7.00")
    expect(card).to_contain_text("reaches the cut-off")
    card.get_by_label("Why").fill("writes well")
    card.get_by_role("button", name="Take candidate").press("Enter")
    expect(page.get_by_text("There is no candidate now.")).to_be_visible()
    assert labeler_named(room.database, "carl").standing == "active"
