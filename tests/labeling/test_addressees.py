"""Items that are for certain labelers go to them and to nobody else."""

import time

import pytest
from sqlalchemy import select

from preceptor.errors import UserError
from preceptor.labeling import accounts, answers, assignment
from preceptor.labeling.desk import stage_cards
from preceptor.labeling.stages import NewItem, add_items, add_stage, change_stage, progress
from preceptor.store import Database
from preceptor.store.tables import Item, Labeler, Stage
from tests.labeling.people import add_labelers, candidates, ranked


def addressed(store: Database, labelers: list[Labeler]) -> Stage:
    """Six items for two labelers each, in turn, and one for everybody."""
    with store.write() as session:
        stage = add_stage(session, "rankings", "ranking", group="training", overlap=2, now=0.0)
        pairs = [(labelers[number % 3].id, labelers[(number + 1) % 3].id) for number in range(6)]
        items = [NewItem(f"p{number}", candidates(number), only_for=pair) for number, pair in enumerate(pairs)]
        add_items(session, stage, [*items, NewItem("all", candidates(6))], now=0.0)
        return stage


def work(store: Database, labeler: Labeler, stage: Stage) -> list[str]:
    """Do all that there is; the keys of what it was."""
    keys = []
    while True:
        with store.write() as session:
            claim = assignment.claim_next(session, labeler, stage.id, now=time.time())
            if claim is None:
                return sorted(keys)
            keys.append(session.get_one(Item, claim.item_id).key)
            content = ranked("ABCD")
            answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=1.0, now=time.time())


def test_each_goes_to_those_whom_it_is_for(store: Database) -> None:
    labelers = add_labelers(store, 4)
    stage = addressed(store, labelers)
    assert work(store, labelers[3], stage) == ["all"]
    assert work(store, labelers[1], stage) == ["all", "p0", "p1", "p3", "p4"]
    assert work(store, labelers[0], stage) == ["p0", "p2", "p3", "p5"]
    assert work(store, labelers[2], stage) == ["p1", "p2", "p4", "p5"]
    with store.read() as session:
        assert set(session.scalars(select(Item.num_counted))) == {2}


def test_the_first_page_counts_only_ones_own(store: Database) -> None:
    labelers = add_labelers(store, 4)
    addressed(store, labelers)
    with store.read() as session:
        assert [stage_cards(session, labeler, 0.0)[0].num_left for labeler in labelers] == [5, 5, 5, 1]


def test_items_that_wait_for_who_will_not_come_are_counted(store: Database) -> None:
    labelers = add_labelers(store, 4)
    stage = addressed(store, labelers)

    def num_stuck() -> int:
        with store.read() as session:
            return progress(session, session.get_one(Stage, stage.id))["num_stuck"]

    assert num_stuck() == 0
    with store.write() as session:
        accounts.forget(session, labelers[0].id, 1.0)
    assert num_stuck() == 4, "each of them is for this one and another"
    work(store, labelers[1], stage)
    assert num_stuck() == 4
    with store.write() as session:
        change_stage(session, stage.id, overlap=1)
    assert num_stuck() == 0, "one labeler is enough now"
    with store.write() as session:
        claim = assignment.claim_next(session, labelers[2], stage.id, now=time.time())
        assert claim is not None
        answers.skip(session, labelers[2], claim.item_id, reason="", now=time.time())
    assert num_stuck() == 1


def test_an_item_for_nobody_known_is_refused(store: Database) -> None:
    def add() -> None:
        with store.write() as session:
            stage = add_stage(session, "rankings", "ranking", group="training", now=0.0)
            add_items(session, stage, [NewItem("p", candidates(0), only_for=(99,))], now=0.0)

    with pytest.raises(UserError, match="there is no labeler 99"):
        add()
    with store.read() as session:
        assert session.scalars(select(Item)).all() == []
