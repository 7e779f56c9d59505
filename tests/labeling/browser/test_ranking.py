"""Rating and ranking as people do it: by keyboard, by mouse, on a phone; whole texts, ties, comparisons, questions."""

import pytest
from playwright.sync_api import Page, expect

from preceptor.store.tables import Answer, Draft
from tests.hostile import HOSTILE
from tests.labeling.browser.visits import LONG, PHONE, TEXTS, Visits, add_rankings, letters_of
from tests.labeling.rooms import Server


def board(page: Page) -> str:
    """'A=C B . D': what is on the slots, as the labeler sees it."""
    slots = "slots => slots.map(slot => [...slot.querySelectorAll('.card')].map(card => card.dataset.letter))"
    return " ".join("=".join(letters) or "." for letters in page.locator(".slot").evaluate_all(slots))


def rate(page: Page, points: str) -> None:
    """Give the responses these points by keyboard, and go on to the board."""
    for point in points:
        page.keyboard.press(point)
        page.keyboard.press("ArrowRight")
    expect(page.locator("#ranking")).to_have_attribute("data-phase", "rank")


def leave(page: Page, *names: str) -> None:
    """Press these buttons, the last of which submits, and wait for the next task."""
    before = page.url
    for name in names:
        page.get_by_role("button", name=name).click()
    page.wait_for_url(lambda url: url != before)


def saved(page: Page) -> None:
    expect(page.locator("#draft-status")).to_have_text("Saved")


def test_by_keyboard_alone(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    keys = page.keyboard
    for key in ["5", "q", "p", "ArrowRight", "3", "ArrowRight", "5", "l", "ArrowRight", "2", "ArrowRight"]:
        keys.press(key)
    assert board(page) == "A=C B D ."
    for key in ["c", "ArrowUp", "d", "=", "b", "4", "z"]:
        keys.press(key)
    assert board(page) == "C A B=D ."
    expect(page.locator("#said")).to_have_text("B: rank 3 of 3, tied with D")
    before = page.url
    keys.press("Control+Enter")
    page.wait_for_url(lambda url: url != before)
    (answer,) = visits.rows(Answer)
    assert answer.status == "counted"
    assert answer.content["groups"] == [["C"], ["A"], ["B", "D"]]
    assert answer.content["initial_board"] == [["A", "C"], ["B"], ["D"]]
    assert [(move["letter"], move["by"]) for move in answer.content["moves"]] == [
        ("C", "key"), ("D", "key"), ("B", "key"), ("B", "undo"),
    ]  # fmt: skip
    assert answer.content["moves"][1]["board"] == [["C"], ["A"], ["B", "D"]]
    assert answer.content["ratings"]["A"] == {
        "likert": 5, "flags": ["fails_instruction", "expresses_opinion"], "note": "",
    }  # fmt: skip
    assert answer.content["ratings"]["C"]["flags"] == ["expresses_moral_judgment"]
    assert answer.content["unread"] == []


def test_by_mouse_alone(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task(viewport={"width": 1400, "height": 900})
    for points in (6, 4, 4, 1):
        page.locator(".pad:not([hidden]) .points label").nth(points - 1).click()
        page.locator("#next").click()
    assert board(page) == "A B=C D ."
    drag(page, "D", "A", share=0.05)
    assert board(page) == "D A B=C ."
    drag(page, "B", "A", share=0.5)
    assert board(page) == "D A=B C ."
    drag(page, "A", "C", share=0.95)
    assert board(page) == "D B C A"
    page.get_by_role("button", name="Better").click()
    assert board(page) == "D B A C"
    page.locator("#undo").click()
    page.get_by_label("Rank", exact=True).select_option("1")
    assert board(page) == "D=A B C ."
    leave(page, "Submit", "Submit as it is")
    (answer,) = visits.rows(Answer)
    assert answer.content["groups"] == [["D", "A"], ["B"], ["C"]]
    assert {move["by"] for move in answer.content["moves"]} == {"pointer", "undo"}


def drag(page: Page, letter: str, onto: str, *, share: float) -> None:
    """Drag a card to a share of the width of the slot that another one is on."""
    card = page.locator(f'.card[data-letter="{letter}"]').bounding_box()
    slot = page.locator(".slot", has=page.locator(f'.card[data-letter="{onto}"]')).bounding_box()
    assert card
    assert slot
    page.mouse.move(card["x"] + card["width"] / 2, card["y"] + card["height"] / 2)
    page.mouse.down()
    page.mouse.move(slot["x"] + slot["width"] * share, slot["y"] + slot["height"] / 2, steps=5)
    page.mouse.up()


def test_on_a_phone_by_questions(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task(**PHONE)
    wanted = dict(zip(letters_of(page), (3, 3, 1, 2), strict=True))
    for _ in TEXTS:
        page.locator(".pad:not([hidden]) .points label").nth(3).tap()
        page.locator("#next").tap()
    expect(page.locator("#question")).to_have_text("Which is better? At most 5 more.")
    for _ in range(5):
        if page.locator("#verdict").is_hidden():
            break
        left, right = (page.locator(f"#{side}").input_value() for side in ("left", "right"))
        difference = wanted[left] - wanted[right]
        page.locator(f'[data-verdict="{"left" if difference > 0 else "right" if difference else "tie"}"]').tap()
    expect(page.locator("#verdict")).to_be_hidden()
    expect(page.locator("#said")).to_have_text("All responses are ranked.")
    leave(page, "Submit")
    (answer,) = visits.rows(Answer)
    best = sorted(letter for letter, value in wanted.items() if value == 3)
    assert sorted(answer.content["groups"][0]) == best
    assert [wanted[group[0]] for group in answer.content["groups"]] == [3, 2, 1]
    assert {move["by"] for move in answer.content["moves"]} == {"guided"}


def test_a_board_that_begins_empty(server: Server, visits: Visits) -> None:
    add_rankings(server, settings={"empty_board_share": 1.0})
    page = visits.at_task()
    rate(page, "5352")
    assert board(page) == ". . . ."
    for key in ["a", "3", "b", "1", "c", "2", "d", "2"]:
        page.keyboard.press(key)
    assert board(page) == "B C=D A ."
    saved(page)
    (draft,) = visits.rows(Draft)
    assert draft.content["initial_board"] == []
    assert draft.content["groups"] == [["B"], ["C", "D"], ["A"]]


def test_ratings_sort_the_board_until_it_is_touched(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    rate(page, "1234")
    assert board(page) == "D C B A"
    page.keyboard.press("m")
    page.keyboard.press("7")
    page.keyboard.press("m")
    assert board(page) == "A C B D" if page.locator(".card[aria-pressed=true]").inner_text()[0] == "A" else "D C B A"
    page.keyboard.press("b")
    page.keyboard.press("ArrowUp")
    before = board(page)
    page.keyboard.press("m")
    page.keyboard.press("1")
    page.keyboard.press("m")
    assert board(page) == before


def test_the_whole_text_is_there(server: Server, visits: Visits) -> None:
    texts = (LONG, *TEXTS[1:])
    add_rankings(server, texts)
    page = visits.at_task()
    letter = letters_of(page, texts)[0]
    article = page.locator(f'article[data-letter="{letter}"]')
    page.locator(f'.card[data-letter="{letter}"]').click()
    for number in range(30):
        assert f"Paragraph {number} of" in article.inner_text()
    last = article.get_by_text("End.", exact=True)
    assert letter in unread(page)
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box
    hit = page.evaluate("([x, y]) => document.elementFromPoint(x, y).textContent", [box["x"] + 5, box["y"] + 5])
    assert hit == "End."


def unread(page: Page) -> list[str]:
    """Letters that the concerns would name, by way of a rating that makes a draft."""
    page.keyboard.press("4")
    saved(page)
    draft = page.evaluate("fetch(location.href).then(reply => reply.text())")
    return [letter for letter in "ABCD" if f'"{letter}"' in draft.split('"unread": [')[1].split("]")[0]]


def test_two_beside_each_other(server: Server, visits: Visits) -> None:
    add_rankings(server, (LONG, LONG.replace("long", "short"), *TEXTS[2:]))
    page = visits.at_task(viewport={"width": 1400, "height": 800})
    first, second = letters_of(page, (LONG, LONG.replace("long", "short")))
    rate(page, "4444")
    for key in [first.lower(), second.lower(), "x"]:
        page.keyboard.press(key)
    panes = [page.locator(f'article[data-letter="{letter}"]') for letter in (first, second)]
    boxes = [pane.bounding_box() for pane in panes]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    marked = page.evaluate("[...CSS.highlights.get('differs')].map(range => range.toString())")
    assert set(marked) == {"long", "short"}
    panes[0].evaluate("pane => { pane.scrollTop = pane.scrollHeight }")
    page.wait_for_function(
        "pane => pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 2", arg=panes[1].element_handle()
    )
    page.keyboard.press("ArrowRight")
    order = board(page).split()
    assert order[0] == second
    page.keyboard.press("=")
    assert any({first, second} <= set(slot.split("=")) for slot in board(page).split())
    page.get_by_label("Mark differences").uncheck()
    assert page.evaluate("CSS.highlights.size") == 0


def test_texts_with_little_in_common_are_not_marked(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    first, second = letters_of(page)[1:3]
    rate(page, "4444")
    for key in [first.lower(), second.lower(), "x"]:
        page.keyboard.press(key)
    expect(page.locator("#marks-note")).to_contain_text("too little in common")
    assert page.evaluate("CSS.highlights.size") == 0


def test_what_was_written_is_one_click_away(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    page.locator(f'.card[data-letter="{letters_of(page)[0]}"]').click()
    assert page.locator("article:not([hidden]) .rendered strong").is_visible()
    page.keyboard.press("j")
    assert page.locator("article:not([hidden]) .source").inner_text() == TEXTS[0]
    assert page.locator("article:not([hidden]) .rendered").is_hidden()


def test_an_arrow_key_after_a_click_does_not_change_the_rating(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    page.locator(".pad:not([hidden]) .points label").nth(4).click()
    page.keyboard.press("ArrowRight")
    assert page.locator(".card").all_inner_texts() == ["A\n5", "B\n–", "C\n–", "D\n–"]
    assert page.locator("article:not([hidden]) h2").inner_text() == "B"


def test_concerns_are_shown_once_and_stop_nobody(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    rate(page, "4444")
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("All responses are tied.")
    dialog.get_by_role("button", name="Look again").click()
    assert visits.rows(Answer) == []
    leave(page, "Submit")
    assert [answer.content["groups"] for answer in visits.rows(Answer)] == [[["A", "B", "C", "D"]]]


def test_what_is_missing_is_said(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    for key in ["4", "ArrowRight", "ArrowRight", "4", "m", "Control+Enter"]:
        page.keyboard.press(key)
    expect(page.locator("#problem")).to_have_text("Still to be answered: B: overall quality")
    expect(page.locator('[name="ratings.B.likert"]').first).to_be_focused()
    page.keyboard.press("4")
    page.locator(".card").last.click()
    for key in ["4", "m", "b", "Backspace", "Control+Enter"]:
        page.keyboard.press(key)
    expect(page.locator("#problem")).to_have_text("Response B is not on the board yet.")
    assert visits.rows(Answer) == []


def test_models_are_blinded_and_texts_inert(server: Server, visits: Visits) -> None:
    add_rankings(server, ["\n\n".join(HOSTILE[start::3]) for start in range(3)] + ["fine"], prompt="\n".join(HOSTILE))
    page = visits.at_task()
    html = page.content()
    assert "model-" not in html
    assert "secret-" not in html
    page.keyboard.press("j")
    rate(page, "4444")
    page.keyboard.press("v")
    assert page.evaluate("window.owned") is None
    assert page.locator("article :is(img, script, svg, iframe, a, style, form)").count() == 0


@pytest.mark.parametrize("width", [320, 390, 640, 1024, 1400])
def test_no_width_scrolls_sideways(server: Server, visits: Visits, width: int) -> None:
    nine = [f"{TEXTS[place % 4]} {place}" for place in range(8)] + ["x" * 300]
    add_rankings(server, nine)
    page = visits.at_task(viewport={"width": width, "height": 800})
    rate(page, "123456712")
    for key in ["x", "v", "k", "m"]:
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, key
