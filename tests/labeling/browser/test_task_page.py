"""Nothing that is written is lost: reload, two tabs, no network, signed out. And what stands around a task."""

import time
from collections.abc import Callable

from playwright.sync_api import Page, expect
from sqlalchemy import delete, update

from preceptor.labeling import guidelines
from preceptor.store.tables import Answer, Claim, Comment, Draft, SignIn, Skip
from tests.hostile import HOSTILE
from tests.labeling.browser.visits import Visits, add_rankings
from tests.labeling.people import labeler_named
from tests.labeling.rooms import Server


def status(page: Page, words: str) -> None:
    expect(page.locator("#draft-status")).to_have_text(words)


def note(page: Page) -> str:
    """What stands in the note on the response in view."""
    return page.locator(".pad:not([hidden]) textarea").input_value()


def write(page: Page, words: str) -> None:
    """Write a note on the response in view."""
    if not page.locator(".pad:not([hidden]) .note").evaluate("note => note.open"):
        page.keyboard.press("n")
    page.locator(".pad:not([hidden]) textarea").fill(words)


def test_a_draft_saves_itself_and_is_there_after_a_reload(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    status(page, "")
    write(page, "ünfinished\n<b>")
    page.locator('[name="ratings.A.likert"][value="7"]').check(force=True)
    status(page, "Saved")
    page.reload()
    page.wait_for_selector("#task[data-ready]")
    assert note(page) == "ünfinished\n<b>"
    assert page.locator('[name="ratings.A.likert"][value="7"]').is_checked()
    (draft,) = visits.rows(Draft)
    assert draft.content["ratings"]["A"] == {"likert": 7, "flags": [], "note": "ünfinished\n<b>"}
    assert 0 < draft.active_s < 120


def test_two_tabs_keep_the_work_of_both(server: Server, visits: Visits) -> None:
    add_rankings(server)
    context = visits.context("anna")
    first, second = (visits.open(context, "/stages/1/next") for _ in range(2))
    first.keyboard.press("6")
    status(first, "Saved")
    second.keyboard.press("ArrowRight")
    second.keyboard.press("2")
    status(second, "Saved")
    assert [rating.get("likert") for _, rating in sorted(ratings(visits).items())] == [6, 2, None, None]
    assert second.locator(".card").first.inner_text().split() == ["A", "6"]
    first.keyboard.press("q")
    status(first, "Saved")
    assert ratings(visits)["A"]["flags"] == ["fails_instruction"]
    assert ratings(visits)["B"]["likert"] == 2
    assert second.get_by_role("dialog").count() == first.get_by_role("dialog").count() == 0


def ratings(visits: Visits) -> dict[str, dict[str, object]]:
    (draft,) = visits.rows(Draft)
    return draft.content["ratings"]


def test_what_both_tabs_changed_is_asked(server: Server, visits: Visits) -> None:
    add_rankings(server)
    context = visits.context("anna")
    first, second = (visits.open(context, "/stages/1/next") for _ in range(2))
    first.keyboard.press("6")
    write(first, "mine is this")
    status(first, "Saved")
    second.keyboard.press("1")
    dialog = second.get_by_role("dialog", name="Changed in two places")
    expect(dialog).to_contain_text("A: overall quality")
    dialog.get_by_role("radio", name="In the other place 6").check()
    dialog.get_by_role("button", name="Keep these").click()
    status(second, "Saved")
    assert ratings(visits)["A"] == {"likert": 6, "flags": [], "note": "mine is this"}
    write(second, "the bread is theirs now")
    expect(dialog).not_to_be_visible()
    status(second, "Saved")
    write(first, "the bread is mine now")
    dialog = first.get_by_role("dialog", name="Changed in two places")
    expect(dialog.locator("mark")).to_have_text(["mine", "theirs"])
    dialog.get_by_label("Both, one after the other").check()
    dialog.get_by_role("button", name="Keep these").click()
    status(first, "Saved")
    assert ratings(visits)["A"]["note"] == note(first) == "the bread is mine now\n\nthe bread is theirs now"


def test_submitting_in_an_older_tab_keeps_what_a_newer_one_saved(server: Server, visits: Visits) -> None:
    add_rankings(server)
    context = visits.context("anna")
    first = visits.open(context, "/stages/1/next")
    for point in "1234":
        first.keyboard.press(point)
        first.keyboard.press("ArrowRight")
    for key in ["d", "ArrowDown", "ArrowUp"]:
        first.keyboard.press(key)
    status(first, "Saved")
    second = visits.open(context, "/stages/1/next")
    second.keyboard.press("b")
    second.keyboard.press("1")
    status(second, "Saved")
    (newer,) = [draft.content for draft in visits.rows(Draft)]
    first.get_by_role("button", name="Submit").click()
    expect(first.locator("#problem")).to_contain_text("also changed in another tab")
    assert visits.rows(Answer) == []
    left(first, first.get_by_role("button", name="Submit").click)
    (answer,) = visits.rows(Answer)
    assert answer.content == newer
    assert [move["letter"] for move in newer["moves"]] == ["D", "D", "B"]
    left(second, second.get_by_role("button", name="Submit").click)
    assert [answer.status for answer in visits.rows(Answer)] == ["counted"]


def test_boards_of_two_tabs_are_one_question(server: Server, visits: Visits) -> None:
    add_rankings(server)
    context = visits.context("anna")
    first, second = (visits.open(context, "/stages/1/next") for _ in range(2))
    for key in ["m", "a", "1", "b", "2"]:
        first.keyboard.press(key)
    status(first, "Saved")
    for key in ["m", "c", "1"]:
        second.keyboard.press(key)
    dialog = second.get_by_role("dialog")
    expect(dialog.locator("legend")).to_have_text(["Ranking"])
    expect(dialog).to_contain_text("A > B")
    dialog.get_by_label("In the other place").check()
    dialog.get_by_role("button", name="Keep these").click()
    status(second, "Saved")
    (draft,) = visits.rows(Draft)
    assert draft.content["groups"] == [["A"], ["B"]]
    assert [move["letter"] for move in draft.content["moves"]] == ["A", "B"]


def test_without_a_network_work_goes_on(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    page.context.set_offline(True)
    write(page, "written in a tunnel")
    expect(page.locator("#draft-status")).to_contain_text("No connection")
    for point in "4444":
        page.locator(".pad:not([hidden]) [type=radio]").nth(int(point)).check(force=True)
        page.locator("#next").click()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#problem")).to_contain_text("Not submitted")
    assert visits.rows(Draft) == []
    page.locator("#ranking [data-phase=rate]").click()
    page.locator(".card").first.click()
    write(page, "written in a long tunnel")
    page.context.set_offline(False)
    status(page, "Saved")
    assert ratings(visits)["A"]["note"] == "written in a long tunnel"


def test_what_was_written_without_a_network_outlives_the_page(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    context, path = page.context, page.url.removeprefix(server.url)
    page.keyboard.press("6")
    status(page, "Saved")
    context.set_offline(True)
    write(page, "written in a tunnel")
    expect(page.locator("#draft-status")).to_contain_text("No connection")
    page.close()  # as phones do, without a word
    context.set_offline(False)
    page = visits.open(context, path)
    status(page, "Saved")
    assert note(page) == ratings(visits)["A"]["note"] == "written in a tunnel"
    assert ratings(visits)["A"]["likert"] == 6
    assert unsaved(page) == []


def test_what_was_written_without_a_network_meets_what_another_device_saved(server: Server, visits: Visits) -> None:
    add_rankings(server)
    context = visits.context("anna")
    page, phone = visits.open(context, "/stages/1/next"), visits.at_task("anna")
    context.set_offline(True)
    write(page, "from the laptop")
    expect(page.locator("#draft-status")).to_contain_text("No connection")
    page.close()
    phone.keyboard.press("3")
    write(phone, "from the phone")
    status(phone, "Saved")
    context.set_offline(False)
    page = context.new_page()
    page.goto(phone.url)
    dialog = page.get_by_role("dialog", name="Changed in two places")
    dialog.get_by_label("Both, one after the other").check()
    dialog.get_by_role("button", name="Keep these").click()
    status(page, "Saved")
    assert ratings(visits)["A"] == {"likert": 3, "flags": [], "note": "from the laptop\n\nfrom the phone"}


def test_signing_out_leaves_nothing_behind(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    page.context.set_offline(True)
    write(page, "mine alone")
    expect(page.locator("#draft-status")).to_contain_text("No connection")
    page.close()
    page.context.set_offline(False)
    page = visits.open(page.context, "/")
    assert len(unsaved(page)) == 1
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Name")).to_be_visible()
    assert unsaved(page) == []


def unsaved(page: Page) -> list[str]:
    """What the browser keeps for the server."""
    found: list[str] = page.evaluate("Object.keys(localStorage).filter(name => name.startsWith('unsaved'))")
    return found


def test_who_submits_too_fast_is_told_so(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    for point in "1234":
        page.keyboard.press(point)
        page.keyboard.press("ArrowRight")
    for key in ["d", "ArrowDown", "ArrowUp"]:
        page.keyboard.press(key)
    anna = labeler_named(server.room.database, "anna")
    while server.room.submit_limit.allows(str(anna.id)):
        pass
    page.keyboard.press("Control+Enter")
    expect(page.locator("#problem")).to_contain_text("That was very fast")
    assert visits.rows(Answer) == []


def test_leaving_is_asked_while_something_is_not_saved(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.context.set_offline(True)
    write(page, "not yet saved")
    page.evaluate("setTimeout(() => location.assign('/'))")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    assert note(page) == "not yet saved"
    page.context.set_offline(False)
    status(page, "Saved")
    page.locator(".brand").click()
    expect(page.get_by_role("link", name="Go on: Rate and rank responses")).to_be_visible()
    assert asked == ["beforeunload"]


def test_who_is_signed_out_keeps_the_text_and_signs_in_elsewhere(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    with server.room.database.write() as session:
        session.execute(delete(SignIn))
    write(page, "written after the end of the session")
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_contain_text("Your work is still on this page")
    assert dialog.get_by_role("link").get_attribute("target") == "_blank"
    dialog.get_by_role("button").click()
    expect(dialog).to_contain_text("Not yet")
    server.sign_in(page.context, "anna")
    dialog.get_by_role("button").click()
    expect(dialog).to_be_hidden()
    status(page, "Saved")
    assert note(page) == ratings(visits)["A"]["note"] == "written after the end of the session"


def test_work_is_never_saved_for_who_signed_in_since(server: Server, visits: Visits) -> None:
    add_rankings(server)
    visits.at_task("bert")
    page = visits.at_task("anna")
    server.sign_in(page.context, "bert")
    write(page, "anna's words")
    dialog = page.get_by_role("dialog", name="Somebody else is signed in")
    expect(dialog).to_contain_text("Your work is still on this page")
    dialog.get_by_role("button").click()
    expect(dialog).to_contain_text("Not yet")
    page.context.clear_cookies()
    dialog.get_by_role("button").click()
    expect(page.get_by_role("dialog", name="You are signed out")).to_be_visible()
    assert visits.rows(Draft) == []
    server.sign_in(page.context, "anna")
    page.get_by_role("dialog").get_by_role("button").click()
    status(page, "Saved")
    (draft,) = visits.rows(Draft)
    assert draft.labeler_id == labeler_named(server.room.database, "anna").id
    assert draft.content["ratings"]["A"]["note"] == note(page) == "anna's words"


def test_who_signed_in_anew_elsewhere_is_not_bothered(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    server.sign_in(page.context, "anna")
    write(page, "old page")
    status(page, "Saved")
    assert page.get_by_role("dialog").count() == 0


def test_a_lease_that_ran_out_is_told(server: Server, visits: Visits) -> None:
    add_rankings(server, overlap=1)
    page = visits.context("anna").new_page()
    page.clock.install()
    page.goto(f"{server.url}/stages/1/next")
    page.wait_for_selector("#task[data-ready]")
    assert page.locator("#late").is_hidden()
    with server.room.database.write() as session:
        session.execute(update(Claim).values(expires_at=time.time() - 60))
    visits.at_task("bert", "/stages/1/next")
    page.keyboard.press("Shift")
    page.clock.fast_forward(61_000)
    expect(page.locator("#late")).to_be_visible()


def test_skipping_asks_only_when_something_was_done(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    left(page, lambda: page.keyboard.press("s"))
    page.keyboard.press("4")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog", name="Skip this task?")
    dialog.get_by_role("button", name="Go on with it").click()
    expect(dialog).to_have_count(0)
    assert len(visits.rows(Skip)) == 1
    page.keyboard.press("s")
    left(page, dialog.get_by_role("button", name="Skip").click)
    assert len(visits.rows(Skip)) == 2
    assert len(visits.rows(Draft)) == 1
    page.goto(server.url)
    page.get_by_role("button", name="Take it up again").first.click()
    page.wait_for_selector("#task[data-ready]")
    assert page.locator('[name="ratings.A.likert"][value="4"]').is_checked()


def left(page: Page, action: Callable[[], None]) -> None:
    """Do something that ends the task, and wait for the next one."""
    before = page.url
    action()
    page.wait_for_url(lambda url: url != before)
    page.wait_for_selector("#task[data-ready]")


def test_pressing_submit_twice_submits_once_and_it_can_be_corrected(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    first = page.url
    for point in "1234":
        page.keyboard.press(point)
        page.keyboard.press("ArrowRight")
    for key in ["d", "ArrowDown", "ArrowUp"]:
        page.keyboard.press(key)
    left(page, page.get_by_role("button", name="Submit").dblclick)
    assert [answer.status for answer in visits.rows(Answer)] == ["counted"]
    page.goto(first)
    page.wait_for_selector("#task[data-ready]")
    expect(page.get_by_text("now becomes a correction")).to_be_visible()
    assert page.locator("#skip").count() == 0
    page.keyboard.press("a")
    page.keyboard.press("1")
    page.get_by_role("button", name="Submit the correction").click()
    page.get_by_role("button", name="Submit as it is").click()
    page.wait_for_url(server.url + "/")
    assert [answer.status for answer in visits.rows(Answer)] == ["counted", "revision"]


def test_questions_reach_the_researchers(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    page.get_by_text("Questions", exact=True).click()
    for words in ["What of **ties**?", "\n\n".join(HOSTILE)[:9000]]:
        page.get_by_label("Your question or remark").fill(words)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_label("Your question or remark")).to_have_value("")
    expect(page.locator(".thread > li")).to_have_count(2)
    assert page.locator(".thread strong").first.inner_text() == "ties"
    assert page.evaluate("window.owned") is None
    assert visits.rows(Comment)[0].text == "What of **ties**?"


def test_a_guideline_is_open_until_one_has_read_it(server: Server, visits: Visits) -> None:
    publish(server, "# Old\n\nRead *all* of it.")
    add_rankings(server, guideline="ranking")
    page = visits.at_task()
    body = page.locator("#guideline .panel-body")
    expect(body.locator("h4")).to_have_text("Old")
    body.get_by_role("button", name="Close").click()
    expect(body).to_be_hidden()
    page.reload()
    page.wait_for_selector("#task[data-ready]")
    expect(body).to_be_hidden()
    publish(server, "# New")
    page.reload()
    page.wait_for_selector("#task[data-ready]")
    expect(body.locator("h4")).to_have_text("New")
    body.focus()
    page.keyboard.press("Escape")
    expect(body).to_be_hidden()


def publish(server: Server, text: str) -> None:
    with server.room.database.write() as session:
        guidelines.publish(session, "ranking", text, note="", by=None, now=time.time())


def test_a_task_from_the_first_page_to_the_end_in_spanish(server: Server, visits: Visits) -> None:
    add_rankings(server, num_items=1)
    page = visits.open(visits.context("anna"), "/")
    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_role("link", name="Empezar").click()
    page.wait_for_selector("#task[data-ready]")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Atajos de teclado")).to_be_visible()
    page.keyboard.press("Escape")
    for _ in range(4):
        page.keyboard.press("4")
        page.keyboard.press("ArrowRight")
    status(page, "Guardado")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Todas las respuestas están empatadas.")
    page.get_by_role("button", name="Enviar tal como está").click()
    expect(page.get_by_role("heading", name="Aquí no queda nada por hacer")).to_be_visible()
    assert [answer.status for answer in visits.rows(Answer)] == ["counted"]


def test_keys_are_off_while_one_types_and_can_be_changed(server: Server, visits: Visits) -> None:
    add_rankings(server)
    page = visits.at_task()
    page.keyboard.press("n")
    page.keyboard.type("5q?sz")
    assert note(page) == "5q?sz"
    checked = page.locator(".pad:not([hidden]) :checked")
    assert checked.count() == 0
    page.locator("h1").click()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    keys.get_by_role("button", name="Change the key for: Expresses an opinion").click()
    page.keyboard.press(";")
    keys.get_by_role("button", name="Close").click()
    page.keyboard.press("p")
    assert checked.count() == 0
    page.keyboard.press(";")
    assert checked.get_attribute("value") == "expresses_opinion"
    page.keyboard.press("?")
    keys.get_by_label("Use shortcuts of a single key").uncheck()
    keys.get_by_role("button", name="Close").click()
    for key in "5qm":
        page.keyboard.press(key)
    assert checked.count() == 1
    page.reload()
    page.wait_for_selector("#task[data-ready]")
    page.keyboard.press("5")
    assert page.locator(".pad:not([hidden]) [type=radio]:checked").count() == 0
    assert page.locator("kbd[data-key=phase]").is_hidden()
