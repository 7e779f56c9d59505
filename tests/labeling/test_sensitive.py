"""Prompts that were flagged as unsafe go to labelers who agreed to such content, and to nobody else."""

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from preceptor.labeling import accounts, answers, assignment
from preceptor.labeling.desk import skipped_by, stage_cards
from preceptor.labeling.intake import Plan, take_in
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.stages import NewItem, add_items, add_stage, progress
from preceptor.records import Candidates, write_artifact
from preceptor.store import Database
from preceptor.store.tables import Item, Labeler, Stage
from tests.labeling.people import add_labelers, add_people, add_ranking_stage, candidates, ranked

NOW = 1_000_000.0


def flagged(number: int) -> Candidates:
    """What `candidates` gives, with a prompt that the screen flagged."""
    row = candidates(number)
    unsafe = {"score": 0.9, "scorer": "labels"}
    return row.model_copy(update={"prompt": row.prompt.model_copy(update={"metadata": {"unsafe": unsafe}})})


def add_flagged(store: Database, stage: Stage, *numbers: int, author_id: int | None = None, gold: bool = False) -> None:
    traits = {"author_id": author_id, "gold": {"content": {}} if gold else None}
    with store.write() as session:
        items = [NewItem(f"flagged-{number}", flagged(number), **traits) for number in numbers]
        add_items(session, session.get_one(Stage, stage.id), items, now=0.0)


def agree(store: Database, labeler: Labeler, agrees: bool = True, now: float = NOW) -> Labeler:
    with store.write() as session:
        assignment.agree_to_sensitive(session, labeler, agrees=agrees, now=now)
        return session.get_one(Labeler, labeler.id)


def claim(store: Database, labeler: Labeler, stage: Stage, now: float = NOW) -> int | None:
    with store.write() as session:
        found = assignment.claim_next(session, labeler, stage.id, now=now)
        return None if found is None else found.item_id


def submit(store: Database, labeler: Labeler, item_id: int, now: float = NOW) -> None:
    with store.write() as session:
        answers.submit(session, labeler, item_id, ranked("ABCD"), guideline_id=None, active_s=9.0, now=now)


def num_waiting(store: Database, stage: Stage) -> int:
    with store.read() as session:
        return progress(session, session.get_one(Stage, stage.id))["num_waiting"]


def test_only_who_agreed_is_given_it(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 0, overlap=2)
    add_flagged(store, stage, 1)
    assert claim(store, people["anna"], stage) is None
    with store.read() as session:
        assert stage_cards(session, people["anna"], NOW)[0].num_left == 0
    item = claim(store, agree(store, people["anna"]), stage)
    assert item is not None
    assert claim(store, people["bert"], stage) is None


def test_who_takes_no_more_gives_back_what_lies_begun(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 0)
    add_flagged(store, stage, 1, 2)
    anna, bert = agree(store, people["anna"]), agree(store, people["bert"])
    begun, skipped = claim(store, anna, stage), claim(store, bert, stage)
    assert begun is not None
    assert skipped is not None
    with store.write() as session:
        answers.skip(session, bert, skipped, reason="", now=NOW)
    anna, bert = agree(store, anna, False), agree(store, bert, False)
    assert claim(store, anna, stage) is None
    with store.write() as session:
        assert stage_cards(session, anna, NOW)[0].num_left == 0
        assert assignment.heartbeat(session, anna, begun, now=NOW) is False
        assert skipped_by(session, bert, limit=9) == []
        with pytest.raises(Missing):
            answers.take_back_skip(session, bert, skipped, now=NOW)
    assert claim(store, agree(store, bert), stage) == begun, "it goes to others at once"
    submit(store, anna, begun)  # what was written before is kept


def test_nobody_reads_for_a_simulated_labeler(store: Database) -> None:
    (robot,) = add_labelers(store, 1)
    stage = add_ranking_stage(store, 0)
    add_flagged(store, stage, 1)
    assert claim(store, robot, stage) is not None


def test_researchers_are_given_it_when_they_agreed_or_open_it_themselves(store: Database) -> None:
    rosa = add_people(store)["rosa"]
    stage = add_ranking_stage(store, 0)
    add_flagged(store, stage, 1, 2)
    assert claim(store, rosa, stage) is None
    with store.write() as session:
        item = session.scalars(select(Item.id)).first()
        assert item is not None
        assignment.claim_for_gold(session, rosa, item, now=NOW)
    assert claim(store, agree(store, rosa), stage) == item


def test_it_is_said_how_many_wait(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 5, overlap=2)
    assert num_waiting(store, stage) == 0
    add_flagged(store, stage, 1, 2, 3)
    add_flagged(store, stage, 4, author_id=people["anna"].id)
    assert num_waiting(store, stage) == 4
    agree(store, people["hana"])
    agree(store, people["carl"])
    assert num_waiting(store, stage) == 4, "neither the held-out group nor candidates work here"
    anna = agree(store, people["anna"])
    assert num_waiting(store, stage) == 4, "each is to have two labelers"
    bert = agree(store, people["bert"])
    assert num_waiting(store, stage) == 1, "anna does not judge what she wrote"
    while (item := claim(store, anna, stage)) is not None:
        submit(store, anna, item)
    assert num_waiting(store, stage) == 1, "the rest is for bert"
    agree(store, bert, False)
    assert num_waiting(store, stage) == 4
    with store.write() as session:
        accounts.forget(session, people["anna"].id, NOW)
    assert num_waiting(store, stage) == 4


def test_an_item_for_one_who_did_not_agree_waits(store: Database) -> None:
    people = add_people(store)
    agree(store, people["anna"])
    with store.write() as session:
        stage = add_stage(session, "rankings", "ranking", group="training", now=0.0)
        items = [NewItem(name, flagged(1), only_for=(people[name].id,)) for name in ("anna", "bert")]
        add_items(session, stage, items, now=0.0)
    assert num_waiting(store, stage) == 1


def test_what_a_source_calls_unsafe_is_not_the_screens_finding() -> None:
    prompt = candidates(1).prompt
    assert not prompt.model_copy(update={"metadata": {"unsafe": False}}).is_unsafe
    assert not prompt.model_copy(update={"metadata": {"unsafe": True}}).is_unsafe
    assert flagged(1).prompt.is_unsafe


def test_a_flag_that_comes_later_counts_and_keeps_the_work(sqlite_store: Database, tmp_path: Path) -> None:
    anna = add_people(sqlite_store)["anna"]
    plan = Plan(held_out_share=0.0, labelers_per_test_prompt=1)

    def take_in_rows(*rows: Candidates) -> list[str]:
        write_artifact(tmp_path / "rankings", rows, "candidates")
        return take_in(sqlite_store, tmp_path, plan, now=NOW)

    take_in_rows(candidates(0), candidates(1))
    with sqlite_store.read() as session:
        stage = session.scalars(select(Stage).where(Stage.name == "rankings")).one()
    item = claim(sqlite_store, anna, stage)
    assert item is not None
    submit(sqlite_store, anna, item)
    assert take_in_rows(flagged(0), flagged(1)) == []
    with sqlite_store.read() as session:
        kept = session.scalars(select(Item).where(Item.stage_id == stage.id).order_by(Item.position)).all()
    assert [(one.num_counted, one.is_sensitive, one.is_retired) for one in kept] == [(1, True, False), (0, True, False)]
    assert kept[0].payload["prompt"]["metadata"] == flagged(0).prompt.metadata
    assert claim(sqlite_store, anna, stage) is None
    other = candidates(0).model_copy(update={"prompt": flagged(9).prompt})
    assert take_in_rows(other, flagged(1)) == ["rankings: 1 items have changed and begin anew"]


@pytest.mark.parametrize("seed", range(2))
def test_nobody_who_did_not_agree_ever_gets_one(store: Database, seed: int) -> None:
    """Whatever happens in whatever order, with gold and repeats among the items."""
    draw, now = random.Random(seed), NOW
    people = _humans(store, 5)
    settings = {"gold_share": 0.2, "repeat_share": 0.3, "repeat_after_hours": 0.1}
    stage = add_ranking_stage(store, 12, overlap=2, settings=settings)
    add_flagged(store, stage, *range(20, 32))
    add_flagged(store, stage, *range(40, 46), gold=True)
    given: list[tuple[bool, str]] = []

    def take(item_id: int | None, labeler: Labeler) -> None:
        if item_id is None:
            return
        with store.read() as session:
            item = session.get_one(Item, item_id)
        assert labeler.profile.get("takes_sensitive") or not item.is_sensitive
        given.append((item.is_sensitive, item.lane))

    for _ in range(250):
        place = draw.randrange(len(people))
        labeler, now = people[place], now + draw.choice((60, 900, 3600))
        match draw.choice(("agree", "refuse", "work", "work", "work", "begin", "skip", "return")):
            case "agree":
                people[place] = agree(store, labeler, True, now)
            case "refuse":
                people[place] = agree(store, labeler, False, now)
            case "work":
                take(item := claim(store, labeler, stage, now), labeler)
                if item is not None:
                    submit(store, labeler, item, now)
            case "begin":
                take(claim(store, labeler, stage, now), labeler)
            case "skip":
                take(item := claim(store, labeler, stage, now), labeler)
                if item is not None:
                    with store.write() as session:
                        answers.skip(session, labeler, item, reason="", now=now)
            case "return":
                take(_taken_back(store, labeler, now), labeler)
    lanes = {lane for is_sensitive, lane in given if is_sensitive}
    assert {"ordinary", "gold", "repeat"} == lanes, "those who agreed had some of each"
    assert sum(not is_sensitive for is_sensitive, _ in given) > 10


def _humans(store: Database, num: int) -> list[Labeler]:
    with store.write() as session:
        return [accounts.add_labeler(session, f"person {number}", now=0.0) for number in range(num)]


def _taken_back(store: Database, labeler: Labeler, now: float) -> int | None:
    """The item of a skip that a labeler takes back; None when there is none, or enough is begun."""
    with store.write() as session:
        skips = skipped_by(session, labeler, limit=1)
        if not skips:
            return None
        try:
            found = answers.take_back_skip(session, labeler, skips[0][0].item_id, now=now)
        except Refused:
            return None
        return found.item_id
