"""What was judged, as the tables that the statistics take: rankings, one measure, or all flags together."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from preceptor.labeling.judged import Bools, Ints, Judged
from preceptor.labeling.tasks import Judgement
from preceptor.stats import LabelTable, RankingTable, ranking_table

RANKING = "ranking"
GOLD = "gold"
"""The researchers, among the names of labelers."""
FLAGS = "flags"
"""The name of all yes-or-no questions together."""
NOBODY = -1
"""In place of an answer, on a row of gold."""

Gold = Mapping[int, Sequence[Judgement]]
"""Item → what the researchers say of it."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A table, and where its rows and items come from."""

    measure: str
    table: LabelTable | RankingTable
    answers: Ints
    """For each row of the table the index of its answer in `Judged`; −1 for gold."""
    units: Ints
    """For each item of the table the number of what is judged."""


def label_rows(judged: Judged, measure: str, counted: Bools, gold: Gold | None = None) -> Rows:
    """One measure that is no ranking; with gold, only what has gold, and that as one labeler more."""
    added = _gold_places(judged, measure, gold)
    labels = judged.labels(measure)
    kept = counted[labels.answers]
    if gold is not None:
        kept &= np.isin(labels.units, list(added))
    answers, units, values = labels.answers[kept], labels.units[kept], labels.values[kept]
    labelers = np.array(judged.labeler_ids, dtype=np.int64)[answers]
    seen = set(units.tolist()) if added else set()
    known = [unit for unit in added if unit in seen]
    nobody = np.full(len(known), NOBODY)
    answers, labelers = np.concatenate([answers, nobody]), np.concatenate([labelers, nobody])
    units = np.concatenate([units, np.array(known, dtype=np.int64)])
    values = np.concatenate([values, np.array([added[unit] for unit in known], dtype=np.int64)])
    unit_numbers, items = _numbered(units)
    people, who = _numbered(labelers - NOBODY)
    names = tuple(GOLD if one == NOBODY else str(one) for one in (people + NOBODY).tolist())
    table = LabelTable(labels.scale, tuple(unit_numbers.tolist()), names, items, who, values)
    return Rows(measure, table, answers, unit_numbers)


def flag_rows(judged: Judged, counted: Bools, gold: Gold | None = None) -> Rows:
    """All measures that are no numbers in one table: a thing judged is then a thing with a question."""
    names = [name for name, is_ordinal in judged.measures().items() if not is_ordinal]
    parts = [label_rows(judged, name, counted, gold) for name in names]
    tables = [part.table for part in parts if isinstance(part.table, LabelTable)]
    people = list(dict.fromkeys(name for table in tables for name in table.labeler_names))
    numbers = {name: number for number, name in enumerate(people)}
    items, labelers, values = [], [], []
    item_names: list[Hashable] = []
    scale: list[Hashable] = []
    for name, table in zip(names, tables, strict=True):
        items.append(table.items + len(item_names))
        values.append(table.values + len(scale))
        labelers.append(np.array([numbers[one] for one in table.labeler_names], dtype=np.int64)[table.labelers])
        item_names += [(name, one) for one in table.item_names]
        scale += [(name, one) for one in table.scale]
    merged = LabelTable(
        tuple(scale), tuple(item_names), tuple(people), _joined(items), _joined(labelers), _joined(values)
    )
    answers, units = _joined([part.answers for part in parts]), _joined([part.units for part in parts])
    return Rows(FLAGS, merged, answers, units)


def ranking_rows(judged: Judged, counted: Bools, gold: Gold | None = None) -> Rows:
    """The rankings; with gold, only what has gold, and that as one labeler more."""
    by_unit: dict[int, dict[str, tuple[int, Mapping[str, int]]]] = defaultdict(dict)
    known = set(_gold_ranks(judged, gold))
    for one in judged.rankings:
        if counted[one.answer] and (gold is None or one.unit in known):
            by_unit[one.unit][str(judged.labeler_ids[one.answer])] = one.answer, one.ranks
    for unit, ranks in _gold_ranks(judged, gold).items():
        if unit in by_unit:
            by_unit[unit][GOLD] = NOBODY, ranks
    items = [{name: ranks for name, (_, ranks) in given.items()} for given in by_unit.values()]
    answers = np.array([answer for given in by_unit.values() for answer, _ in given.values()], dtype=np.int64)
    return Rows(RANKING, ranking_table(items), answers, np.array(list(by_unit), dtype=np.int64))


def primary_rows(judged: Judged, counted: Bools, gold: Gold | None = None) -> Rows | None:
    """What labelers are compared on one by one: rankings, else the first number, else all flags; None for nothing."""
    if judged.rankings:
        return ranking_rows(judged, counted, gold)
    measures = judged.measures()
    ordinal = [name for name, is_ordinal in measures.items() if is_ordinal]
    if ordinal:
        return label_rows(judged, ordinal[0], counted, gold)
    return flag_rows(judged, counted, gold) if measures else None


def _gold_places(judged: Judged, measure: str, gold: Gold | None) -> dict[int, int]:
    """Unit → where the researchers' value stands on the scale."""
    places = {}
    for item_id, found in (gold or {}).items():
        for one in found:
            if one.measure == measure:
                places[judged.unit(item_id, one.unit)] = judged.place(measure, one.value)
            elif measure in one.among:
                places[judged.unit(item_id, one.unit)] = int(measure in one.ticked())
    return places


def _gold_ranks(judged: Judged, gold: Gold | None) -> dict[int, dict[str, int]]:
    """Unit → the researchers' ranks."""
    return {
        judged.unit(item_id, one.unit): one.ranks()
        for item_id, found in (gold or {}).items()
        for one in found
        if one.scale == RANKING
    }


def _numbered(ids: Ints) -> tuple[Ints, Ints]:
    """All small numbers that there are, in order, and the place of each: `np.unique` without its sort."""
    is_there = np.bincount(ids) > 0
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[ids]


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
