"""Final evaluation in Chromium, by a held-out labeler: by mouse, by keyboard; who wrote what stays secret."""

from playwright.sync_api import expect

from preceptor.records import Candidates, Message, Prompt, Ranking, Rating, Record, Response
from tests.labeling.browser.visits import AtWork, Visits

TEXTS = {"sft": "It is **raining**.", "ppo": "Rain.", "gpt": "I do not know. <script>alert(1)</script>"}
ITEM = Candidates(
    id="test-1", prompt=Prompt(id="p1", messages=(Message(role="user", content="How is the weather?"),)),
    responses=tuple(Response(id=name, text=text, model=name) for name, text in TEXTS.items()),
)  # fmt: skip


def letters(at: AtWork) -> dict[str, str]:
    """Model → the letter that it has on this page."""
    shown = at.page.locator("article.response").evaluate_all(
        "all => all.map(one => [one.dataset.letter, one.querySelector('.source pre').textContent])"
    )
    return {name: letter for name, text in TEXTS.items() for letter, written in shown if written == text}


def evidence(records: list[Record]) -> tuple[Ranking, dict[str, Rating]]:
    """The ranking, and each model's rating."""
    ranking, *ratings = records
    assert isinstance(ranking, Ranking)
    return ranking, {row.response.id: row for row in ratings if isinstance(row, Rating)}


def test_by_keyboard(visits: Visits) -> None:
    at = visits.begin("evaluation", ITEM, name="hana")
    assert not [name for name in TEXTS if f'"{name}"' in at.page.content()], "a model is named"
    place = letters(at)
    likert = {place["sft"]: "6", place["ppo"]: "6", place["gpt"]: "2"}
    for letter in "ABC":
        at.press(likert[letter], *(["u"] if letter == place["gpt"] else []), "ArrowRight")
    expect(at.page.locator(".slot .card")).to_have_count(0)
    at.press(place["sft"].lower(), "1", place["ppo"].lower(), "1", place["gpt"].lower(), "2")
    at.submit()
    ranking, ratings = evidence(at.records())
    assert [sorted(group) for group in ranking.groups] == [["ppo", "sft"], ["gpt"]]
    assert (ranking.labeler.group, ranking.metadata["board"]) == ("held_out", "empty")
    assert {name: row.likert for name, row in ratings.items()} == {"sft": 6, "ppo": 6, "gpt": 2}
    assert ratings["gpt"].flags == {"encourages_violence"}
    assert ratings["gpt"].response.model == "gpt"


def test_by_mouse(visits: Visits) -> None:
    at = visits.begin("evaluation", ITEM, name="hana", viewport={"width": 1400, "height": 900})
    place = letters(at)
    points = {place["sft"]: 7, place["ppo"]: 4, place["gpt"]: 1}
    for letter in "ABC":
        at.page.locator(".pad:not([hidden]) .points label").nth(points[letter] - 1).click()
        at.page.locator("#next").click()
    for rank, name in enumerate(("sft", "ppo", "gpt"), start=1):
        at.page.locator(f".card[data-letter='{place[name]}']").click()
        at.page.get_by_label("Rank", exact=True).select_option(label=str(rank))
    at.page.get_by_role("button", name="Submit").click()
    at.sent()
    ranking, ratings = evidence(at.records())
    assert ranking.groups == (("sft",), ("ppo",), ("gpt",))
    assert {name: row.likert for name, row in ratings.items()} == {"sft": 7, "ppo": 4, "gpt": 1}
