"""What the answers of a stage say, as columns that grow: each answer is read once, and only new ones are read again."""

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from preceptor.labeling.crowds import CROWDS, Crowd
from preceptor.labeling.stages import task_of
from preceptor.labeling.tasks import Judgement, Task
from preceptor.store.tables import Answer, Item, Labeler, Stage

NONE = -1
CHUNK = 100
"""Answers that are in memory at once while they are read."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Labels:
    """One measure that is no ranking, row for row."""

    is_ordinal: bool
    scale: tuple[Any, ...]
    """All values in their order; of a measure that is no flag those that were given."""
    answers: Ints
    """Indices in `Judged`."""
    units: Ints
    """Numbers of what is judged."""
    values: Ints
    """Places on the scale."""


@dataclass
class Column:
    """Values of one measure by code; or, of all flags that are ticked together, sums of powers of two."""

    scale: str
    answers: "array[int]" = field(default_factory=lambda: array("q"))
    units: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, answer: int, unit: int, value: int) -> None:
        """One more row."""
        self.answers.append(answer)
        self.units.append(unit)
        self.values.append(value)

    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Answers, units and values."""
        return np.array(self.answers, np.int64), np.array(self.units, np.int64), np.array(self.values, np.int64)


class Ranked(NamedTuple):
    """A ranking, with how the responses were shown."""

    answer: int
    unit: int
    ranks: Mapping[str, int]
    order: tuple[str, ...]
    """Response ids as shown; empty where the kind keeps no order."""
    lengths: tuple[int, ...]
    """Characters of the responses, in that order."""


class Judged:
    """All answers of one stage. `catch_up` reads what is new; a correction takes the place of what it corrects."""

    def __init__(self) -> None:
        self.last_id = 0
        self.rankings: list[Ranked] = []
        self.item_ids = array("q")
        self.labeler_ids = array("q")
        self.repeats = array("q")
        """The item that an answer's item asks again; −1 where it asks for the first time."""
        self.created_at = array("d")
        self.active_s = array("d")
        self.pasted = array("d")
        """Share of what was written that was pasted; NaN where the kind keeps none."""
        self.crowds = array("b")
        """Places in `CROWDS`."""
        self.is_attentive = array("b")
        """1 and 0 where a hidden check was passed or not, −1 where there was none."""
        self.is_latest = array("b")
        self._columns: dict[str, Column] = {}
        self._codes: dict[str, dict[Any, int]] = {}
        self._flags: dict[tuple[str, ...], Column] = {}
        self._places: dict[tuple[int, int], int] = {}
        self._units: dict[tuple[int, str], int] = {}

    def __len__(self) -> int:
        return len(self.item_ids)

    def catch_up(self, session: Session, stage: Stage) -> int:
        """Read the answers that came since; how many."""
        task, before = task_of(stage), len(self)
        # As text: the types of the kind are made straight from JSON.
        statement = (
            select(
                Answer.id, Answer.item_id, Answer.labeler_id, Answer.created_at, Answer.active_s, Item.repeats_id,
                Labeler.origin, Labeler.group, cast(Answer.content, Text).label("content"),
                cast(Answer.shown, Text).label("shown"),
            )
            .join(Item, Item.id == Answer.item_id)
            .join(Labeler, Labeler.id == Answer.labeler_id)
            .where(Answer.stage_id == stage.id, Answer.id > self.last_id, Answer.status != "gold")
        )  # fmt: skip
        rows = session.execute(statement.order_by(Answer.id).execution_options(yield_per=CHUNK))
        for part in rows.partitions():
            payloads = select(Item.id, cast(Item.payload, Text)).where(Item.id.in_({row.item_id for row in part}))
            items = {item_id: task.Item.model_validate_json(text) for item_id, text in session.execute(payloads)}
            for row in part:
                self._add(row, task, items[row.item_id])
        return len(self) - before

    def measures(self) -> dict[str, bool]:
        """Names of all measures that are no rankings, and whether their values are numbers."""
        flags = [name for among in self._flags for name in among]
        return {name: one.scale == "ordinal" for name, one in self._columns.items()} | dict.fromkeys(flags, False)

    def labels(self, measure: str) -> Labels:
        """The rows of a measure."""
        if measure in self._columns:
            column = self._columns[measure]
            answers, units, codes = column.arrays()
            places = [self.place(measure, value) for value in self._codes[measure]]
            values = np.array(places, dtype=np.int64)[codes]
            return Labels(column.scale == "ordinal", self.scale(measure), answers, units, values)
        parts = []
        for among, column in self._flags.items():
            if measure in among:
                answers, units, sums = column.arrays()
                parts.append((answers, units, (sums >> among.index(measure)) & 1))
        return Labels(False, (False, True), *(np.concatenate(part) for part in zip(*parts, strict=True)))

    def scale(self, measure: str) -> tuple[Any, ...]:
        """The values of a measure, in their order."""
        codes = self._codes.get(measure, {})
        is_flag = all(isinstance(value, bool) for value in codes)
        return (False, True) if is_flag else tuple(sorted(codes))

    def place(self, measure: str, value: Any) -> int:
        """Where a value stands on the scale of a measure; a value that is new to it gets a place."""
        if measure in self._columns:
            self._code(measure, value)
        return self.scale(measure).index(value)

    def unit_items(self) -> Ints:
        """For each unit the id of its item."""
        return np.fromiter((item_id for item_id, _ in self._units), dtype=np.int64, count=len(self._units))

    def unit_names(self) -> list[str]:
        """For each unit what it is called within its item."""
        return [name for _, name in self._units]

    def unit(self, item_id: int, name: str) -> int:
        """The number of what is judged."""
        return self._units.setdefault((item_id, name), len(self._units))

    def present(self) -> list[Crowd]:
        """The crowds whose labelers answered something."""
        there = set(self.crowds)
        return [crowd for place, crowd in enumerate(CROWDS) if place in there]

    def counted(self, crowd: Crowd) -> Bools:
        """Which answers are the latest word of labelers of a crowd on an item that is asked for the first time."""
        is_latest: Bools = np.array(self.is_latest, np.bool_)
        is_first: Bools = np.array(self.repeats, np.int64) == NONE
        is_theirs: Bools = np.array(self.crowds, np.int64) == CROWDS.index(crowd)
        return is_latest & is_first & is_theirs

    def repeated(self, crowd: Crowd) -> Iterator[tuple[int, int]]:
        """The first answer and the repeated one, of everybody in a crowd who was asked twice."""
        wanted = CROWDS.index(crowd)
        for place, first_item in enumerate(self.repeats):
            if first_item != NONE and self.is_latest[place] and self.crowds[place] == wanted:
                first = self._places.get((first_item, self.labeler_ids[place]))
                if first is not None:
                    yield first, place

    def _add(self, row: Any, task: Task, item: Any) -> None:
        shown, answer = task.Shown.model_validate_json(row.shown), task.Answer.model_validate_json(row.content)
        judgements, attentive = task.judgements(item, shown, answer), task.is_attentive(item, shown, answer)
        place, earlier = len(self), self._places.get((row.item_id, row.labeler_id))
        if earlier is not None:
            self.is_latest[earlier] = 0
        self._places[row.item_id, row.labeler_id] = place
        self.item_ids.append(row.item_id)
        self.labeler_ids.append(row.labeler_id)
        self.created_at.append(row.created_at)
        self.active_s.append(row.active_s)
        self.repeats.append(NONE if row.repeats_id is None else row.repeats_id)
        self.pasted.append(getattr(answer, "pasted_share", math.nan))
        self.crowds.append(CROWDS.index(Crowd(row.origin, row.group)))
        self.is_latest.append(1)
        self.is_attentive.append(NONE if attentive is None else attentive)
        self.last_id = row.id
        for one in judgements:
            self._judge(place, self.unit(row.item_id, one.unit), item, shown, one)

    def _judge(self, place: int, unit: int, item: Any, shown: Any, one: Judgement) -> None:
        if one.scale == "ranking":
            self.rankings.append(_ranked(place, unit, item, shown, one))
        elif one.scale == "flags":
            if one.among not in self._flags:
                self._flags[one.among] = Column("flags")
            code = sum(1 << one.among.index(name) for name in one.ticked()) if one.value else 0
            self._flags[one.among].add(place, unit, code)
        else:
            if one.measure not in self._columns:
                self._columns[one.measure] = Column(one.scale)
            self._columns[one.measure].add(place, unit, self._code(one.measure, one.value))

    def _code(self, measure: str, value: Any) -> int:
        codes = self._codes.setdefault(measure, {})
        return codes.setdefault(value, len(codes))


def _ranked(place: int, unit: int, item: Any, shown: Any, one: Judgement) -> Ranked:
    """A ranking with what its item and its display say of the responses."""
    ranks = one.ranks()
    lengths = {response.id: len(response.text) for response in getattr(item, "responses", ())}
    order = tuple(name for name in dict.fromkeys(getattr(shown, "order", ())) if name in ranks and name in lengths)
    return Ranked(place, unit, ranks, order, tuple(lengths[name] for name in order))
