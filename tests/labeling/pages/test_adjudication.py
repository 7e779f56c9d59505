"""The adjudication queue: what is disputed comes first, models and labelers are not named, what is settled is gone."""

import re
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from preceptor.labeling import answers, assignment
from preceptor.labeling.room import Room
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks import kinds
from preceptor.store.tables import Adjudication, Answer, Item
from tests.labeling.labeled import add_labeled, one_more, rank
from tests.labeling.pages.test_quality import words
from tests.labeling.people import labeler_named, ranked
from tests.labeling.rooms import Visitor
from tests.labeling.tasks.samples import SAMPLES

Visit = Callable[..., Visitor]
QUEUE = "/research/disputes/1?origin=human&group=training"


def disputed(visitor: Visitor) -> list[str]:
    """Keys of the items in the queue."""
    return re.findall(r'<a href="/research/disputes/1/\d+\?[^"]*">([^<]*)</a>', visitor.get(QUEUE).text)


@pytest.mark.parametrize("name", ["ada", "rosa"])
def test_lowest_agreement_comes_first(room: Room, visit: Visit, name: str) -> None:
    add_labeled(room.database)
    rank(room.database, one_more(room.database, "dora"), 3, "ABDC", 0.0)
    assert disputed(visit(name)) == ["p0", "p1", "p3", "p2"]
    page = words(visit(name).get(QUEUE).text)
    assert "p0 17 % 2" in page
    assert "p1 83 % 2" in page
    assert "p2 89 % 3" in page


def test_all_is_side_by_side_and_nobody_is_named(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    text = visit("rosa").get("/research/disputes/1/1").text
    page = words(text)
    assert "Say 0 nicely." in page
    orders = re.findall(r"[A-D](?: &gt; [A-D]){3}", page)
    # Bert says the reverse of what he says elsewhere, and so nearly the reverse of what anna says.
    assert len(orders) == 2
    first, second = (order.split(" &gt; ") for order in orders)
    assert second == [first[2], first[3], first[1], first[0]]
    shown = dict(re.findall(r'<h3 id="response-([A-D])">.*?Response (\d) to 0', text, re.DOTALL))
    assert [shown[letter] for letter in first] == ["0", "1", "2", "3"]
    for secret in ("anna", "bert", "sft", "ppo", "p0-0"):
        assert secret not in text, secret


def test_what_holds_becomes_gold_and_the_item_leaves_the_queue(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    with room.database.read() as session:
        given = session.scalars(select(Answer).where(Answer.item_id == 1).order_by(Answer.id)).first()
    assert given is not None
    rosa = visit("rosa")
    reply = rosa.post("/research/disputes/1/1", holds=given.id, note="Ties are **welcome**.")
    assert reply.headers["location"] == QUEUE
    assert disputed(rosa) == ["p1", "p2", "p3"]
    assert "1 settled" in rosa.get(QUEUE).text
    page = rosa.get("/research/disputes/1/1").text
    assert "Holds: labeler 1" in page
    assert "Ties are <strong>welcome</strong>." in page
    with room.database.read() as session:
        assert session.get_one(Item, 1).gold == {"content": given.content, "shown": given.shown}
    board = words(visit("ada").get("/admin/quality/1").text)
    assert re.search(r"anna 4 [^%]*% [^%]*% 100\.0 %", board)


def test_a_note_alone_settles_and_nothing_does_not(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    ada = visit("ada")
    assert ada.post("/research/disputes/1/1", note="  ", holds="").status_code == 422
    assert disputed(ada) == ["p0", "p1", "p2", "p3"]
    assert ada.post("/research/disputes/1/1", note="Unclear prompt.", holds="").status_code == 303
    ada.post("/research/disputes/1/1", note="It is clear after all.")
    assert disputed(ada) == ["p1", "p2", "p3"]
    with room.database.read() as session:
        assert session.get_one(Item, 1).gold is None
        notes = list(session.scalars(select(Adjudication.note).order_by(Adjudication.id)))
    assert notes == ["Unclear prompt.", "It is clear after all."]


def test_an_answer_to_another_item_does_not_hold(room: Room, visit: Visit) -> None:
    add_labeled(room.database)
    with room.database.read() as session:
        other = session.scalars(select(Answer.id).where(Answer.item_id == 2)).first()
    ada = visit("ada")
    assert ada.post("/research/disputes/1/1", holds=other).status_code == 404
    assert ada.post("/research/disputes/1/99", note="?").status_code == 404
    assert ada.post("/research/disputes/7/1", note="?").status_code == 404
    assert ada.get("/research/disputes/7/1").status_code == 404


def test_a_researcher_answers_as_gold_and_takes_no_room(room: Room, visit: Visit) -> None:
    add_labeled(room.database, overlap=7)
    rosa = visit("rosa")
    place = rosa.post("/research/disputes/1/1/gold").headers["location"]
    assert place == "/items/1"
    assert 'id="late" hidden' in rosa.get(place).text
    assert rosa.send("POST", f"{place}/heartbeat").json()["is_late"] is False
    late = rank(room.database, one_more(room.database, "dora"), 1, "ABCD", time.time())
    assert late.status == "counted"
    assert rosa.send("POST", f"{place}/submit", {"content": ranked("ABCD")}).json()["status"] == "gold"
    assert disputed(rosa) == ["p1", "p2", "p3"]
    assert rosa.post("/research/disputes/1/1/gold").headers["location"] == place
    assert "correction" in rosa.get(place).text


@pytest.mark.parametrize("kind", [kind for kind in SAMPLES if kind != "screening"])
def test_every_kind_has_its_page(room: Room, visit: Visit, kind: str) -> None:
    sample, now, task = SAMPLES[kind], time.time(), kinds()[kind]
    hana, hugo = (labeler_named(room.database, name) for name in ("hana", "hugo"))
    with room.database.write() as session:
        stage = add_stage(session, "s", kind, group="held_out", overlap=2, now=now)
        add_items(session, stage, [NewItem("one", sample.item)], now=now)
        for labeler in (hana, hugo):
            claim = assignment.claim_next(session, labeler, stage.id, now=now)
            assert claim is not None
            content = sample.answer(task.Shown.model_validate(claim.shown))
            answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=60, now=now)
    ada, crowd = visit("ada"), "?origin=human&group=held_out"
    for path in ("/admin/quality/1", f"/admin/quality/1/labelers/{hana.id}", "/admin/quality/1/backgrounds"):
        assert ada.get(path + (crowd if "labelers" not in path else "")).status_code == 200, path
    page = ada.get(f"/research/disputes/1/1{crowd}").text
    assert "Labeler 2" in words(page)
    assert "sft" not in page
    assert ('class="cover"' in page) == (kind == "toxicity")
