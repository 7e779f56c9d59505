"""What researchers submit is gold: others are compared with it, and it never counts as a labeler's."""

import time

import pytest
from sqlalchemy import select

from preceptor.labeling import answers, assignment
from preceptor.labeling.outcomes import Missing
from preceptor.labeling.stages import change_stage, stages_for
from preceptor.store import Database
from preceptor.store.tables import Answer, Claim, Item, Labeler, Stage
from tests.labeling.people import add_people, add_ranking_stage, ranked


def do_next(store: Database, labeler: Labeler, stage: Stage, likert: int = 4) -> Answer | None:
    now = time.time()
    with store.write() as session:
        claim = assignment.claim_next(session, labeler, stage.id, now=now)
        if claim is None:
            return None
        content = ranked("ABCD", likert)
        return answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=60, now=now)


def item_of(store: Database, answer: Answer | None) -> Item:
    assert answer is not None
    with store.read() as session:
        return session.get_one(Item, answer.item_id)


def test_gold_is_strewn_among_the_others_and_does_not_count(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 2, settings={"gold_share": 0.5})
    gold = do_next(store, people["rosa"], stage)
    assert gold is not None
    item = item_of(store, gold)
    assert (gold.status, item.lane, item.num_counted) == ("gold", "gold", 0)
    assert item.gold == {"content": gold.content, "shown": gold.shown}
    seen = {}
    for name in ("anna", "bert"):
        for _ in range(3):
            if answer := do_next(store, people[name], stage):
                seen.setdefault(answer.item_id, []).append(answer.status)
    assert sorted(seen.pop(item.id, ["counted"])) in (["counted"], ["counted", "counted"])
    assert [len(statuses) for statuses in seen.values()] == [1]


def test_a_stage_for_candidates_keeps_its_items_in_line(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 2, is_screening=True, overlap=100)
    assert do_next(store, people["carl"], stage) is not None
    first, second = do_next(store, people["rosa"], stage), do_next(store, people["rosa"], stage)
    assert do_next(store, people["rosa"], stage) is None
    assert {item_of(store, one).key for one in (first, second)} == {"p0", "p1"}
    assert {item_of(store, one).lane for one in (first, second)} == {"ordinary"}
    assert do_next(store, people["carl"], stage) is not None


def test_what_is_begun_by_labelers_is_left_to_them(sqlite_store: Database) -> None:
    people = add_people(sqlite_store)
    stage = add_ranking_stage(sqlite_store, 3, overlap=2)
    counted = do_next(sqlite_store, people["anna"], stage)
    with sqlite_store.write() as session:
        claim = assignment.claim_next(session, people["anna"], stage.id, now=time.time())
    assert claim is not None
    gold = do_next(sqlite_store, people["rosa"], stage)
    assert gold is not None
    assert counted is not None
    assert gold.item_id not in (counted.item_id, claim.item_id)
    assert do_next(sqlite_store, people["rosa"], stage) is None


def test_the_latest_gold_holds_and_the_earlier_one_is_kept(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 1)
    gold = do_next(store, people["rosa"], stage)
    assert gold is not None
    with store.write() as session:
        better = answers.submit(
            session, people["rosa"], gold.item_id, ranked("BACD", 6), guideline_id=None, active_s=9, now=1.0
        )
        again = answers.submit(
            session, people["rosa"], gold.item_id, ranked("BACD", 6), guideline_id=None, active_s=9, now=2.0
        )
    assert again.id == better.id != gold.id
    assert item_of(store, gold).gold == {"content": ranked("BACD", 6), "shown": gold.shown}
    with store.read() as session:
        assert [row.status for row in session.scalars(select(Answer).order_by(Answer.id))] == ["gold", "gold"]
        assert session.scalar(select(Claim)) is None


def test_researchers_see_every_stage_that_is_not_closed(sqlite_store: Database) -> None:
    rosa = add_people(sqlite_store)["rosa"]
    stages = [
        add_ranking_stage(sqlite_store, 1, name=name, **traits)
        for name, traits in {
            "training": {}, "held-out": {"group": "held_out"}, "candidates": {"is_screening": True}, "closed": {},
            "paused": {},
        }.items()
    ]  # fmt: skip
    with sqlite_store.write() as session:
        change_stage(session, stages[3].id, state="closed")
        change_stage(session, stages[4].id, state="paused")
        seen = [stage.name for stage in stages_for(session, rosa)]
    assert seen == ["training", "held-out", "candidates", "paused"]
    with pytest.raises(Missing):
        do_next(sqlite_store, rosa, stages[3])
