"""When a stage will be done: from answers that counted, and nothing is made up where there is none."""

import time
from collections.abc import Callable

import pytest

from preceptor.labeling import answers, assignment
from preceptor.labeling.forecast import WINDOW_S, Forecast, forecast
from preceptor.labeling.room import Room
from preceptor.labeling.stages import change_stage
from preceptor.store import Database
from preceptor.store.tables import Labeler, Stage
from tests.labeling.pages.test_quality import words
from tests.labeling.people import add_people, add_ranking_stage, labeler_named, ranked
from tests.labeling.rooms import Visitor

HOUR_S = 3600.0
NOW = 50 * 86_400.0


def do(store: Database, labeler: Labeler, stage: Stage, begun: float, done: float) -> None:
    """One item, from its claim to its answer."""
    with store.write() as session:
        claim = assignment.claim_next(session, labeler, stage.id, now=begun)
        assert claim is not None
        answers.submit(session, labeler, claim.item_id, ranked("ABCD"), guideline_id=None, active_s=60, now=done)


def seen(store: Database, stage: Stage, now: float) -> Forecast:
    with store.read() as session:
        return forecast(session, session.get_one(Stage, stage.id), now)


def test_the_rate_is_that_of_the_last_week_or_since_the_work_began(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 5, overlap=2)
    assert seen(store, stage, NOW) == Forecast(10, None)
    assert seen(store, stage, NOW).seconds_left is None
    do(store, people["anna"], stage, NOW - 4 * HOUR_S, NOW - 3.9 * HOUR_S)
    do(store, people["bert"], stage, NOW - 2 * HOUR_S, NOW - 1.9 * HOUR_S)
    found = seen(store, stage, NOW)
    assert found == Forecast(8, pytest.approx(0.5))
    assert found.seconds_left == pytest.approx(16 * HOUR_S)
    later = NOW + WINDOW_S - 3 * HOUR_S
    assert seen(store, stage, later) == Forecast(8, pytest.approx(1 / (WINDOW_S / HOUR_S - 1)))
    assert seen(store, stage, NOW + WINDOW_S) == Forecast(8, None)


def test_gold_and_what_came_too_late_are_not_counted(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 3)
    do(store, people["rosa"], stage, NOW - 2 * HOUR_S, NOW - HOUR_S)
    assert seen(store, stage, NOW) == Forecast(2, None)
    do(store, people["anna"], stage, NOW - 2 * HOUR_S, NOW - HOUR_S)
    assert seen(store, stage, NOW) == Forecast(1, pytest.approx(0.5))


def test_the_page_says_it_or_why_not(room: Room, visit: Callable[..., Visitor]) -> None:
    stage = add_ranking_stage(room.database, 3)
    ada = visit("ada")
    assert "no answer in the last week" in ada.get("/admin").text
    anna, rate = labeler_named(room.database, "anna"), 3600 / 600
    now = time.time()
    do(room.database, anna, stage, now - 600, now)
    page = words(ada.get("/admin").text)
    assert f"{rate:.1f} answers an hour" in page or "5.9 answers an hour" in page
    assert "done in about 20 minutes" in page
    with room.database.write() as session:
        change_stage(session, stage.id, state="paused")
    assert "done in about" not in ada.get("/admin").text
