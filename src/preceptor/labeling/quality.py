"""The Quality board: how good the labels of a stage are. All figures are those of `preceptor.stats`.

People and simulated labelers are never in one figure, nor are training and held-out labelers.
"""

import threading
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.labeling.agreeing import Agreed, Couple, agreed_on, couples_on
from preceptor.labeling.crowds import Crowd
from preceptor.labeling.habits import Habits, habits_of
from preceptor.labeling.judged import Judged
from preceptor.labeling.label_tables import Gold, Rows, primary_rows
from preceptor.labeling.stages import task_of
from preceptor.stats.measure import group_means
from preceptor.store.tables import Item, Stage


@dataclass(frozen=True)
class Disputed:
    """An item on which labelers do not agree."""

    item_id: int
    agreement: float
    num_labelers: int


@dataclass(frozen=True)
class Board:
    """All figures of a stage, for one crowd."""

    crowd: Crowd
    num_answers: int
    agreed: tuple[Agreed, ...]
    couples_measure: str
    couples: tuple[Couple, ...]
    rows: Rows | None
    """What labelers are compared on one by one; None when nothing is measured."""
    labelers: tuple[Habits, ...]
    disputed: tuple[Disputed, ...]
    """Lowest agreement first."""


class Boards:
    """The boards of a room. What was read stays in memory; a board is made anew when an answer or gold has come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judged: dict[int, Judged] = {}
        self._kept: dict[tuple[int, Crowd], tuple[int, Gold, Board]] = {}

    def crowds(self, session: Session, stage: Stage) -> list[Crowd]:
        """The crowds that worked in a stage."""
        with self._lock:
            return self._caught_up(session, stage).present()

    def board(self, session: Session, stage: Stage, crowd: Crowd) -> Board:
        """The board of a stage as of now."""
        with self._lock:
            judged, gold = self._caught_up(session, stage), gold_of(session, stage)
            last_id, known, board = self._kept.get((stage.id, crowd), (None, None, None))
            if board is None or (last_id, known) != (judged.last_id, gold):
                board = make_board(judged, gold, crowd)
                self._kept[stage.id, crowd] = judged.last_id, gold, board
            return board

    def _caught_up(self, session: Session, stage: Stage) -> Judged:
        judged = self._judged.setdefault(stage.id, Judged())
        judged.catch_up(session, stage)
        return judged


def make_board(judged: Judged, gold: Gold, crowd: Crowd) -> Board:
    """All figures."""
    counted = judged.counted(crowd)
    rows = primary_rows(judged, counted)
    measure, couples = couples_on(judged, counted)
    return Board(
        crowd=crowd, num_answers=int(counted.sum()), agreed=tuple(agreed_on(judged, counted, rows)),
        couples_measure=measure, couples=tuple(couples), rows=rows,
        labelers=tuple(habits_of(judged, counted, crowd, rows, gold)),
        disputed=tuple(disputed(judged, rows)) if rows else (),
    )  # fmt: skip


def gold_of(session: Session, stage: Stage) -> Gold:
    """What the researchers say of the items of a stage."""
    task = task_of(stage)
    items = session.scalars(select(Item).where(Item.stage_id == stage.id, Item.gold.is_not(None)))
    return {
        item.id: task.judgements(
            task.Item.model_validate(item.payload), task.Shown.model_validate(item.gold["shown"]),
            task.Answer.model_validate(item.gold["content"]),
        )
        for item in items if item.gold is not None
    }  # fmt: skip


def disputed(judged: Judged, rows: Rows) -> list[Disputed]:
    """The items on which two labelers or more do not agree wholly, lowest agreement first."""
    ids, places = np.unique(judged.unit_items()[rows.units], return_inverse=True)
    by_unit = rows.table.agreement_by_item()
    told = np.isfinite(by_unit)
    agreement = group_means(by_unit[told], places[told], len(ids))
    couples = np.unique(np.stack([places[rows.table.items], rows.table.labelers]), axis=1)[0]
    num_labelers = np.bincount(couples, minlength=len(ids))
    order = np.argsort(agreement, kind="stable")
    return [Disputed(int(ids[i]), float(agreement[i]), int(num_labelers[i])) for i in order if agreement[i] < 1]
