"""The researchers' pages, and the admin's on candidates: what stands there, for whom, and what the forms do."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from preceptor.labeling import answers, assignment
from preceptor.labeling.room import Room
from preceptor.labeling.screening import Cutoffs, alias_of, cutoffs_of
from preceptor.labeling.stages import NewItem, add_items, add_stage, change_stage
from preceptor.records import Prompt
from preceptor.store.tables import Comment, Decision, DemonstrationRating, Item, Stage
from tests.labeling.people import add_ranking_stage, candidates, labeler_named, ranked
from tests.labeling.rooms import Visitor

Visit = Callable[..., Visitor]


def add_demonstrations(room: Room, *prompts: Prompt) -> Stage:
    with room.database.write() as session:
        stage = add_stage(session, "try-outs", "demonstration", group=None, is_screening=True, overlap=99, now=0.0)
        add_items(session, stage, [NewItem(prompt.id, prompt) for prompt in prompts], now=0.0)
        return stage


def do_next(room: Room, name: str, stage: Stage, content: dict[str, object]) -> int:
    labeler, now = labeler_named(room.database, name), time.time()
    with room.database.write() as session:
        claim = assignment.claim_next(session, labeler, stage.id, now=now)
        assert claim is not None
        answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=60, now=now)
        return claim.item_id


def test_a_researcher_comes_to_gold_and_writes_some(room: Room, visit: Visit) -> None:
    stage = add_ranking_stage(room.database, 2)
    rosa = visit("rosa")
    assert rosa.get("/").headers["location"] == "/research"
    page = rosa.get("/research").text
    assert "rankings" in page
    assert "0 of 2 items with gold" in page
    place = rosa.get(f"/stages/{stage.id}/next").headers["location"]
    assert rosa.send("POST", f"{place}/submit", {"content": ranked("ABCD")}).json()["status"] == "gold"
    assert "1 of 2 items with gold" in rosa.get("/research").text
    assert "correction" in rosa.get(place).text


def test_demonstrations_are_rated_one_after_the_other(room: Room, visit: Visit) -> None:
    stage = add_demonstrations(room, candidates(1).prompt, candidates(2).prompt)
    for _ in range(2):
        do_next(room, "carl", stage, {"response": "My **own** words <b>"})
    rosa = visit("rosa")
    assert "2 to rate" in rosa.get("/research").text
    page = rosa.get("/research/demonstrations").text
    assert "My <strong>own</strong> words &lt;b&gt;" in page
    assert "carl" not in page
    for number in (1, 2):
        assert rosa.post(f"/research/demonstrations/{number}", likert=6).status_code == 303
    assert "All demonstrations of candidates are rated." in rosa.get("/research/demonstrations").text
    assert rosa.post("/research/demonstrations/1", likert=8).status_code == 422
    assert rosa.post("/research/demonstrations/77", likert=6).status_code == 404
    with room.database.read() as session:
        assert list(session.scalars(select(DemonstrationRating.likert))) == [6, 6]


def test_questions_are_replied_to_and_the_open_ones_come_first(room: Room, visit: Visit) -> None:
    stage = add_ranking_stage(room.database, 2)
    for name in ("anna", "bert"):
        place = visit(name).get(f"/stages/{stage.id}/next").headers["location"]
        visit(name).send("POST", f"{place}/comments", {"text": f"Is **{name}** right?"})
    rosa, item_id = visit("rosa"), int(place.rsplit("/", 1)[1])
    assert "2 without a reply" in rosa.get("/research").text
    bert = labeler_named(room.database, "bert")
    assert rosa.post(f"/research/questions/{item_id}/{bert.id}", text="Yes.").status_code == 303
    page = rosa.get("/research/questions").text
    assert page.index("Is <strong>anna</strong> right?") < page.index("Is <strong>bert</strong> right?")
    assert "1 without a reply" in rosa.get("/research").text
    assert "Yes." in visit("bert").get(place).text
    assert visit("ada").get("/research/questions").status_code == 200
    for path in (f"/research/questions/{item_id}/999", f"/research/questions/999/{bert.id}"):
        assert rosa.post(path, text="Yes.").status_code == 404
    assert rosa.post(f"/research/questions/{item_id}/{bert.id}", text=" ").status_code == 422
    with room.database.read() as session:
        assert len(list(session.scalars(select(Comment)))) == 3


def test_a_thread_of_an_item_that_was_skipped_since_still_shows(room: Room, visit: Visit) -> None:
    stage = add_ranking_stage(room.database, 1)
    anna = visit("anna")
    place = anna.get(f"/stages/{stage.id}/next").headers["location"]
    anna.send("POST", f"{place}/comments", {"text": "Unclear."})
    anna.send("POST", f"{place}/skip")
    page = visit("rosa").get("/research/questions").text
    assert "Unclear." in page
    assert "Say <strong>0</strong> nicely." in page


def test_candidates_are_judged_without_names_and_taken_on(room: Room, visit: Visit) -> None:
    with room.database.write() as session:
        stage = add_stage(session, "try", "ranking", group=None, is_screening=True, overlap=99, now=0.0)
        add_items(session, stage, [NewItem("p1", candidates(1))], now=0.0)
    shown = ranked("ABCD")
    do_next(room, "rosa", stage, shown)
    do_next(room, "carl", stage, shown)
    ada, carl = visit("ada"), labeler_named(room.database, "carl")
    page, alias = ada.get("/admin/screening").text, alias_of(room.secret, carl.id)
    assert f"Candidate {alias}" in page
    assert "1 of 1 tasks done" in page
    assert "carl" not in page
    assert "nothing rated yet" in page
    assert ada.post(f"/admin/screening/{alias}", is_taken="true", note="good").status_code == 303
    assert labeler_named(room.database, "carl").standing == "active"
    assert alias not in ada.get("/admin/screening").text
    assert ada.post(f"/admin/screening/{alias}", is_taken="true").status_code == 404
    with room.database.read() as session:
        assert session.scalars(select(Decision.note)).one() == "good"


def test_cut_offs_are_set_in_percent(room: Room, visit: Visit) -> None:
    ada = visit("ada")
    assert ada.post("/admin/screening/cutoffs", flagging=80, ranking=70.5, demonstration=5).status_code == 303
    with room.database.read() as session:
        assert cutoffs_of(session) == Cutoffs(flagging=0.8, ranking=0.705, demonstration=5)
    assert ada.post("/admin/screening/cutoffs", flagging=101, ranking=70, demonstration=5).status_code == 422


@pytest.mark.parametrize("path", ["/research", "/research/demonstrations", "/research/questions", "/admin/screening"])
def test_these_pages_are_not_there_for_labelers(visit: Visit, path: str) -> None:
    for name in ("anna", "carl"):
        assert visit(name).get(path).status_code == 404
    assert visit().get(path).headers["location"].startswith("/login")


def test_an_admin_does_not_rate_and_a_researcher_does_not_decide(room: Room, visit: Visit) -> None:
    assert visit("ada").get("/research/demonstrations").status_code == 404
    assert visit("rosa").get("/admin/screening").status_code == 404
    alias = alias_of(room.secret, labeler_named(room.database, "carl").id)
    assert visit("rosa").post(f"/admin/screening/{alias}", is_taken="true").status_code == 404


def test_a_gold_item_looks_like_any_other(room: Room, visit: Visit) -> None:
    stage = add_ranking_stage(room.database, 1)
    do_next(room, "rosa", stage, ranked("ABCD"))
    with room.database.write() as session:
        change_stage(session, stage.id, settings={"gold_share": 0.5})
        add_items(session, stage, [NewItem(f"q{number}", candidates(number)) for number in range(2, 12)], now=0.0)
    anna, seen = visit("anna"), []
    for _ in range(8):
        place = anna.get(f"/stages/{stage.id}/next").headers["location"]
        page = anna.get(place).text
        seen.append(place)
        assert "gold" not in page.lower().replace("golden", "")
        anna.send("POST", f"{place}/submit", {"content": ranked("ABCD")})
    with room.database.read() as session:
        lanes = {session.get_one(Item, int(place.rsplit("/", 1)[1])).lane for place in seen}
    assert lanes == {"gold", "ordinary"}
