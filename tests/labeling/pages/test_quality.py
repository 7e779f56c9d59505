"""The Quality board: its numbers are those of `preceptor.stats`, and nobody is shown who would not want to be."""

import re
import time
from collections.abc import Callable

from preceptor import stats
from preceptor.labeling import answers, assignment, backgrounds
from preceptor.labeling.room import Room
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.stats import Measure
from preceptor.store.tables import Labeler
from tests.labeling.labeled import ORDERS, add_labeled, one_more, rank
from tests.labeling.people import add_ranking_stage, candidates, labeler_named
from tests.labeling.rooms import Visitor

Visit = Callable[..., Visitor]
HOSTILE = "<img src=x onerror=alert(1)>"


def words(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def said(measure: Measure, scale: float = 100, digits: int = 1, unit: str = " %") -> str:
    """A figure with its interval as pages print it."""
    assert measure.value is not None
    assert measure.low is not None
    assert measure.high is not None
    value, low, high = (f"{one * scale:.{digits}f}" for one in (measure.value, measure.low, measure.high))
    return f"{value}{unit} {low} to {high}{unit}"


def rankings_of(*names: str) -> list[dict[str, dict[str, int]]]:
    """Who of `add_labeled` ranks the four items how."""

    def ranks(name: str, item: int) -> dict[str, int]:
        order = ORDERS[name][::-1] if (name, item) == ("bert", 0) else ORDERS[name]
        return {f"p{item}-{'ABCD'.index(letter)}": place for place, letter in enumerate(order)}

    return [{name: ranks(name, item) for name in names} for item in range(4)]


def test_numbers_are_those_of_the_statistics(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    page = words(visit("ada").get("/admin/quality/1").text)
    table = stats.ranking_table(rankings_of("anna", "bert"))
    pairwise = stats.agreement_measures(table, seed=0, num_resamples=200)
    assert f"Same order, ties left out {said(pairwise.ties_excluded)}" in page
    assert f"Same verdict, ties included {said(pairwise.tie_as_class)}" in page
    assert f"τ-b {said(pairwise.kendall_tau_b, 1, 2, '')}" in page
    alpha = stats.ranking_alpha(table, seed=0, num_resamples=200)
    assert f"α of rankings {said(alpha, 1, 2, '')}" in page
    by_labeler = stats.by_labeler(table, table.agreement_with_rest())
    assert f"anna 4 {said(by_labeler['anna'])}" in page


def test_a_figure_that_is_undefined_says_why(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    page = words(visit("ada").get("/admin/quality/1").text)
    # Everybody of `add_labeled` rates all responses alike and ticks nothing.
    assert "Everybody said the same of these, so nothing was tested: Overall quality, 1 to 7" in page
    assert "Agrees with gold" in page
    assert "nothing done yet that has gold" in page


def test_crowds_are_apart_and_simulated_ones_marked(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    ada = visit("ada")
    for address, there, mark in (
        ("?origin=human&group=training", {"anna", "bert"}, 0),
        ("?origin=human&group=held_out", {"hana", "hugo"}, 0),
        ("?origin=simulated&group=training", {"robot", "machine"}, 5),
    ):
        page = ada.get(f"/admin/quality/1{address}").text
        assert {name for name in ORDERS if f">{name}</a>" in page} == there
        assert page.count('class="simulated"') >= mark
        assert ('class="simulated"' in page) == bool(mark)
    for path in ("/admin/quality/1/backgrounds", "/research/disputes/1", "/research/disputes/1/1"):
        assert "simulated" in words(ada.get(f"{path}?origin=simulated&group=training").text), path
    robot = labeler_named(room.database, "robot")
    assert 'class="simulated"' in ada.get(f"/admin/quality/1/labelers/{robot.id}").text
    assert ada.get("/admin/quality/1?origin=simulated&group=held_out").status_code == 404


def test_new_answers_are_in_the_figures_at_once(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    ada = visit("ada")
    assert "8 answers" in ada.get("/admin/quality/1").text
    rank(room.database, one_more(room.database, "dora"), 1, "ABCD", time.time())
    page = ada.get("/admin/quality/1").text
    assert "9 answers" in page
    assert ">dora</a>" in page


def test_one_labeler_beside_the_others(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    anna = labeler_named(room.database, "anna")
    ada = visit("ada")
    text = ada.get(f"/admin/quality/1/labelers/{anna.id}").text
    page = words(text)
    assert f"With the rest {said(stats.by_labeler(*_shares())['anna'])}" in page
    assert "Prefers what is shown first" in page
    assert "Active seconds for an item 60" in page
    assert text.count("<tr>") >= 2
    assert ada.get(f"/admin/quality/1/labelers/{labeler_named(room.database, 'carl').id}").status_code == 404


def test_a_drift_over_weeks_is_drawn_and_told(room: Room, visit: Visit) -> None:
    add_ranking_stage(room.database, 3, overlap=2)
    anna, bert = (labeler_named(room.database, name) for name in ("anna", "bert"))
    for week in range(3):
        for labeler in (anna, bert):
            rank(room.database, labeler, 1 + week, "ABCD", time.time() - week * 7 * 86_400)
    text = visit("ada").get(f"/admin/quality/1/labelers/{anna.id}").text
    assert text.count("<circle") == 3
    assert 'role="img"' in text
    assert words(text).count("100.0 %") >= 3


def test_hostile_names_and_notes_are_only_words(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    with room.database.write() as session:
        session.get_one(Labeler, labeler_named(room.database, "anna").id).name = HOSTILE
    ada = visit("ada")
    ada.post("/research/disputes/1/1", note=f"# {HOSTILE} [x](javascript:alert(1))")
    anna = labeler_named(room.database, HOSTILE)
    for path in ("/admin/quality/1", f"/admin/quality/1/labelers/{anna.id}", "/research/disputes/1/1"):
        page = ada.get(path).text
        assert "<img" not in page, path
        assert 'href="javascript' not in page, path
    assert "&lt;img" in ada.get("/admin/quality/1").text


def test_groups_of_a_few_are_not_shown(room: Room, visit: Visit) -> None:
    stage = add_labeled(room.database)
    people = [one_more(room.database, f"labeler {number}") for number in range(9)]
    for number, person in enumerate(people):
        Visitor(room, person.name).post("/account/background", gender="female" if number < 5 else "male", age="18-24")
        rank(room.database, person, 1, "ABCD" if number < 5 else "DCBA", time.time())
    page = words(visit("ada").get(f"/admin/quality/{stage.id}/backgrounds").text)
    assert "Female: 5 labelers" in page
    assert "Female, among themselves 100.0 %" in page
    assert "Male" not in page
    assert "18–24: 9 labelers" in page
    assert page.count("No group is large enough to be shown.") == 3
    Visitor(room, people[0].name).post("/account/background")
    page = words(visit("ada").get(f"/admin/quality/{stage.id}/backgrounds").text)
    assert "Female" not in page
    assert "18–24: 8 labelers" in page


def test_what_is_told_is_voluntary_and_can_be_taken_back(room: Room, visit: Visit) -> None:
    anna = visit("anna")
    assert "Delete all that I told" not in anna.get("/account").text
    anna.post("/language", language="es")
    anna.post("/account/background", gender="female", country="PT", age="very old", education="")
    assert backgrounds.told_by(labeler_named(room.database, "anna")) == {"gender": "female", "country": "PT"}
    page = anna.get("/account").text
    assert 'value="PT" selected' in page
    anna.post("/account/background")
    assert labeler_named(room.database, "anna").profile == {"language": "es"}
    assert "background" not in visit("ada").get("/account").text


def _shares() -> tuple[stats.RankingTable, object]:
    table = stats.ranking_table(rankings_of("anna", "bert"))
    return table, table.agreement_with_rest()


def test_a_stage_without_judgements_shows_pace_and_pasting(room: Room, visit: Visit) -> None:
    now, anna = time.time(), labeler_named(room.database, "anna")
    with room.database.write() as session:
        stage = add_stage(session, "write", "demonstration", group=None, now=now)
        add_items(session, stage, [NewItem("p", candidates(1).prompt)], now=now)
        claim = assignment.claim_next(session, anna, stage.id, now=now)
        assert claim is not None
        written = {"response": "Nice.", "pasted_share": 0.25}
        answers.submit(session, anna, claim.item_id, written, guideline_id=None, active_s=33, now=now)
    assert "no agreement to measure" in visit("ada").get("/admin/quality/1").text
    page = words(visit("ada").get(f"/admin/quality/1/labelers/{anna.id}").text)
    assert "Active seconds for an item 33" in page
    assert "Pasted 25.0 %" in page


def test_candidates_keep_their_aliases(room: Room, visit: Visit) -> None:
    add_ranking_stage(room.database, 2, group=None, is_screening=True, overlap=9)
    carl, ada = labeler_named(room.database, "carl"), visit("ada")
    rank(room.database, carl, 1, "ABCD", time.time())
    for path in ("/admin/quality", "/research/disputes"):
        assert "rankings" not in words(ada.get(path).text)
    for path in (
        "/admin/quality/1", "/admin/quality/1/backgrounds", f"/admin/quality/1/labelers/{carl.id}",
        "/research/disputes/1", "/research/disputes/1/1",
    ):  # fmt: skip
        assert ada.get(path).status_code == 404, path


def test_the_board_in_spanish(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    ada = visit("ada")
    ada.post("/language", language="es")
    page = words(ada.get("/admin/quality/1").text)
    assert "Mismo orden, sin empates 66,7 %" in page
