"""The Quality board: how good the labels of a stage are. All figures are those of `preceptor.stats`.

People and simulated labelers are never in one figure.
"""

import threading
import time
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.labeling.agreeing import Agreed, Couple, agreed_on, couples_on
from preceptor.labeling.habits import Habits, habits_of
from preceptor.labeling.judged import Judged
from preceptor.labeling.label_tables import Gold, Rows, primary_rows
from preceptor.labeling.stages import task_of
from preceptor.stats.measure import group_means
from preceptor.store.tables import Item, Origin, Stage

NUM_DISPUTED = 50
"""Items in the queue."""
KEPT_TIMES = 10
"""Figures are kept for so many times the time that they took, so that looking at them often costs little."""


@dataclass(frozen=True)
class Disputed:
    """An item on which the labelers agree little."""

    item_id: int
    agreement: float
    num_labelers: int


@dataclass(frozen=True)
class Board:
    """All figures of a stage, for people or for simulated labelers."""

    origin: Origin
    num_answers: int
    made_at: float
    took_s: float
    agreed: tuple[Agreed, ...]
    couples_measure: str
    couples: tuple[Couple, ...]
    rows: Rows | None
    """What labelers are compared on one by one; None when nothing is measured."""
    labelers: tuple[Habits, ...]
    disputed: tuple[Disputed, ...]
    """Lowest agreement first."""


class Boards:
    """The boards of a room. What answers say stays in memory, so that only new ones are read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judged: dict[int, Judged] = {}
        self._kept: dict[tuple[int, Origin], tuple[Board, Gold]] = {}

    def board(self, session: Session, stage: Stage, origin: Origin) -> Board:
        """The board of a stage: as of now or, where it takes long to make, as of a moment ago."""
        with self._lock:
            start = time.time()
            kept = self._kept.get((stage.id, origin))
            if kept is not None and start - kept[0].made_at < KEPT_TIMES * kept[0].took_s:
                return kept[0]
            judged = self._judged.setdefault(stage.id, Judged())
            judged.catch_up(session, stage)
            gold = gold_of(session, stage)
            board = make_board(judged, gold, origin, start)
            self._kept[stage.id, origin] = board, gold
            return board

    def forget_figures(self) -> None:
        """Make the next boards new; what was read stays."""
        with self._lock:
            self._kept.clear()


def make_board(judged: Judged, gold: Gold, origin: Origin, start: float) -> Board:
    """All figures."""
    counted = judged.counted(origin)
    rows = primary_rows(judged, counted)
    measure, couples = couples_on(judged, counted)
    return Board(
        origin=origin, num_answers=int(counted.sum()), made_at=start, agreed=tuple(agreed_on(judged, counted)),
        couples_measure=measure, couples=tuple(couples), rows=rows,
        labelers=tuple(habits_of(judged, counted, origin, rows, gold)) if rows else (),
        disputed=tuple(disputed(judged, rows)) if rows else (),
        took_s=time.time() - start,
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
    """The items that two labelers or more judged, lowest agreement first."""
    ids, places = np.unique(judged.unit_items()[rows.units], return_inverse=True)
    by_unit = rows.table.agreement_by_item()
    told = np.isfinite(by_unit)
    agreement = group_means(by_unit[told], places[told], len(ids))
    couples = np.unique(np.stack([places[rows.table.items], rows.table.labelers]), axis=1)[0]
    num_labelers = np.bincount(couples, minlength=len(ids))
    order = [place for place in np.argsort(agreement, kind="stable").tolist() if np.isfinite(agreement[place])]
    return [Disputed(int(ids[i]), float(agreement[i]), int(num_labelers[i])) for i in order[:NUM_DISPUTED]]
