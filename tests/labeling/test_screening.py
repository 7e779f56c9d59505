"""Candidates against researchers: the four criteria, anonymous rating, the decision and what it changes."""

import time
from typing import Any

import pytest
from sqlalchemy import select

from preceptor.labeling import answers, assignment, screening
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.screening import Cutoffs
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks.screening import ScreeningItem
from preceptor.records import Record
from preceptor.store import Database
from preceptor.store.tables import Decision, DemonstrationRating, Labeler, Stage
from tests.labeling.people import add_people, candidates, labeler_named, ranked

SECRET = b"s" * 64


def add_screening(store: Database, kind: str, *items: Record) -> Stage:
    with store.write() as session:
        stage = add_stage(session, kind, kind, group=None, overlap=1000, is_screening=True, now=0.0)
        add_items(session, stage, [NewItem(f"{kind}-{place}", item) for place, item in enumerate(items)], now=0.0)
        return stage


def do(store: Database, name: str, stage: Stage, content: Any) -> int:
    """Somebody does the next item; `content` may be a function of what was shown."""
    labeler, now = labeler_named(store, name), time.time()
    with store.write() as session:
        claim = assignment.claim_next(session, labeler, stage.id, now=now)
        assert claim is not None
        made = content(claim.shown) if callable(content) else content
        return answers.submit(session, labeler, claim.item_id, made, guideline_id=None, active_s=60, now=now).id


def board(*names: str) -> Any:
    """An answer that ranks response ids as they come, whatever letters they were shown under."""

    def content(shown: dict[str, Any]) -> dict[str, Any]:
        letters = {name: letter for letter, name in zip("ABCDEFGHI", shown["order"], strict=False)}
        return ranked([letters[name] for name in names])

    return content


def sheet(prompt: bool, first: bool, second: bool, **fields: Any) -> Any:
    """An answer that flags by response ids."""

    def content(shown: dict[str, Any]) -> dict[str, Any]:
        flags = {"p1-0": first, "p1-1": second}
        by_letter = {letter: flags[name] for letter, name in zip("AB", shown["order"], strict=True)}
        return {"sensitive": {"prompt": prompt, **by_letter}, "topics": [], "other_topics": "", **fields}

    return content


SHEET = ScreeningItem(prompt=candidates(1).prompt, responses=candidates(1, 2).responses, topics=("Chess", "Religion"))
DEMONSTRATION = {"response": "A **careful** one.", "pasted_share": 0.0}


@pytest.fixture
def people(store: Database) -> dict[str, Labeler]:
    return add_people(store)


def only(store: Database) -> screening.Candidate:
    with store.read() as session:
        (found,) = screening.candidates(session, SECRET)
        return found


def test_flags_rankings_and_topics_are_scored_against_gold(store: Database, people: dict[str, Labeler]) -> None:
    sheets, rankings = add_screening(store, "screening", SHEET), add_screening(store, "ranking", candidates(1))
    do(store, "rosa", sheets, sheet(True, True, False))
    do(store, "rosa", rankings, board("p1-0", "p1-1", "p1-2", "p1-3"))
    before = only(store)
    assert (before.num_done, before.num_items) == (0, 2)
    assert before.scores.flagging.reason == "the two labelers share no item"
    do(store, "carl", sheets, sheet(True, False, False, topics=["Chess"], other_topics="Go"))
    do(store, "carl", rankings, board("p1-0", "p1-1", "p1-3", "p1-2"))
    scores = only(store).scores
    assert scores.flagging.value == pytest.approx(2 / 3)
    assert scores.ranking.value == pytest.approx(5 / 6)
    assert (scores.topics, scores.other_topics) == (("Chess",), "Go")
    assert scores.passed(Cutoffs()) == {"flagging": False, "ranking": True, "demonstration": None}
    assert scores.passed(Cutoffs(flagging=0.6, ranking=0.9))["flagging"]


def test_a_correction_counts_and_what_it_corrects_does_not(store: Database, people: dict[str, Labeler]) -> None:
    sheets = add_screening(store, "screening", SHEET)
    do(store, "rosa", sheets, sheet(True, True, False))
    do(store, "carl", sheets, sheet(False, False, True))
    assert only(store).scores.flagging.value == 0
    with store.write() as session:
        _, shown = answers.place_of(session, people["carl"], 1)
        right = sheet(True, True, False)(shown)
        answers.submit(session, people["carl"], 1, right, guideline_id=None, active_s=1, now=time.time())
    assert only(store).scores.flagging.value == 1


def test_demonstrations_are_rated_without_names_and_averaged(store: Database, people: dict[str, Labeler]) -> None:
    stage = add_screening(store, "demonstration", candidates(1).prompt, candidates(2).prompt)
    written = [do(store, "carl", stage, DEMONSTRATION), do(store, "carl", stage, DEMONSTRATION)]
    with store.write() as session:
        first = screening.next_unrated(session, people["rosa"])
        assert first is not None
        assert first.num_left == 2
        assert first.answer_id in written
        assert first.demonstration.response == "A **careful** one."
        assert first.demonstration.labeler.id == "candidate"
        screening.rate(session, people["rosa"], first.answer_id, 7, now=0.0)
        second = screening.next_unrated(session, people["rosa"])
        assert second is not None
        assert {first.answer_id, second.answer_id} == set(written)
        screening.rate(session, people["rosa"], second.answer_id, 2, now=0.0)
        screening.rate(session, people["rosa"], second.answer_id, 4, now=1.0)
        assert screening.next_unrated(session, people["rosa"]) is None
    assert only(store).scores.demonstration.value == 5.5
    assert only(store).scores.passed(Cutoffs())["demonstration"] is False


def test_only_ratings_of_demonstrations_are_taken(sqlite_store: Database) -> None:
    people = add_people(sqlite_store)
    sheets = add_screening(sqlite_store, "screening", SHEET)
    other = do(sqlite_store, "carl", sheets, sheet(True, True, True))
    with sqlite_store.write() as session:
        for answer_id in (other, 99):
            with pytest.raises(Missing):
                screening.rate(session, people["rosa"], answer_id, 7, now=0.0)
        with pytest.raises(Refused):
            screening.rate(session, people["rosa"], other, 8, now=0.0)
        assert session.scalar(select(DemonstrationRating)) is None


@pytest.mark.parametrize(("take", "standing"), [(True, "active"), (False, "paused")])
def test_the_decision_makes_a_labeler_or_not_and_keeps_its_reasons(
    store: Database, people: dict[str, Labeler], take: bool, standing: str
) -> None:
    sheets = add_screening(store, "screening", SHEET)
    do(store, "rosa", sheets, sheet(True, True, False))
    do(store, "carl", sheets, sheet(True, True, False))
    alias = only(store).alias
    with store.write() as session:
        screening.set_cutoffs(session, Cutoffs(flagging=0.5))
        screening.decide(session, people["ada"], SECRET, alias, take=take, note="careful", now=5.0)
    assert labeler_named(store, "carl").standing == standing
    with store.read() as session:
        assert screening.candidates(session, SECRET) == []
        decision = session.scalars(select(Decision)).one()
    assert (decision.labeler_id, decision.decided_by) == (people["carl"].id, people["ada"].id)
    assert (decision.is_taken, decision.note) == (take, "careful")
    assert decision.scores["cutoffs"]["flagging"] == 0.5
    assert decision.scores["scores"]["flagging"]["value"] == 1
    with store.write() as session, pytest.raises(Missing):
        screening.decide(session, people["ada"], SECRET, alias, take=True, note="", now=6.0)


def test_an_alias_tells_nothing_without_the_secret(store: Database, people: dict[str, Labeler]) -> None:
    alias = only(store).alias
    assert alias == screening.alias_of(SECRET, people["carl"].id)
    assert alias != screening.alias_of(b"t" * 64, people["carl"].id)
    assert len(alias) == 10


def test_cut_offs_are_the_paper_s_until_they_are_set(sqlite_store: Database) -> None:
    with sqlite_store.write() as session:
        assert screening.cutoffs_of(session) == Cutoffs(flagging=0.75, ranking=0.75, demonstration=6)
        for flagging in (0.5, 0.6):
            screening.set_cutoffs(session, Cutoffs(flagging=flagging))
        assert screening.cutoffs_of(session).flagging == 0.6
