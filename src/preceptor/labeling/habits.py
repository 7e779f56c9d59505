"""Each labeler beside the others: agreement with the rest, with gold and with oneself, pace, what sways, drift."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from preceptor import stats
from preceptor.labeling.crowds import Crowd
from preceptor.labeling.judged import NONE, Bools, Ints, Judged
from preceptor.labeling.label_tables import Gold, Rows, primary_rows
from preceptor.stats import Drift, Measure, Pace, ranking_table
from preceptor.stats.intervals import Floats
from preceptor.stats.measure import mean_share

WINDOW_S = 7 * 86_400.0
"""Length of the time windows of a drift."""


@dataclass(frozen=True)
class Habits:
    """One labeler beside the others."""

    labeler: str
    num_answers: int
    with_rest: Measure
    with_gold: Measure
    with_self: Measure
    """On items that were asked again."""
    attentive: Measure
    """Share of hidden checks passed."""
    pace: Pace | None
    """Active seconds for an item."""
    prefers_first: Measure
    prefers_longer: Measure
    pasted: Measure
    """Share of what was written that was pasted, answer by answer."""
    drift: Drift
    """Of the agreement with the rest, in weeks."""


def habits_of(judged: Judged, counted: Bools, crowd: Crowd, rows: Rows | None, gold: Gold) -> list[Habits]:
    """All labelers of a crowd, who did most first; without rows nothing is said of their agreement."""
    labelers = np.array(judged.labeler_ids, dtype=np.int64)
    people, num_answers = np.unique(labelers[counted], return_counts=True)
    agreeing, drifts = _beside_the_rest(judged, rows) if rows else ({}, {})
    with_gold, with_self = _with_gold(judged, counted, gold), _with_self(judged, crowd)
    first, longer = _swayed(judged, counted)
    found = []
    for person, num in sorted(zip(people.tolist(), num_answers.tolist(), strict=True), key=lambda pair: -pair[1]):
        name, mine = str(person), counted & (labelers == person)
        found.append(
            Habits(
                labeler=name, num_answers=num,
                with_rest=agreeing.get(name, Measure(reason="this labeler shares no item with another")),
                with_gold=with_gold.get(name, Measure(reason="the two labelers share no item")),
                with_self=with_self.get(name, Measure(reason="nothing was labeled")),
                attentive=_attentive(judged, mine), pace=stats.pace(np.array(judged.active_s)[mine]),
                prefers_first=_mean(first[person]), prefers_longer=_mean(longer[person]),
                pasted=_mean(np.array(judged.pasted)[mine]),
                drift=drifts.get(name, Drift((), Measure(reason="too few labels"))),
            )
        )  # fmt: skip
    return found


def _beside_the_rest(judged: Judged, rows: Rows) -> tuple[Mapping[Hashable, Measure], dict[Hashable, Drift]]:
    """Each labeler's agreement with the rest, and how it moves."""
    shares, table = rows.table.agreement_with_rest(), rows.table
    seconds = np.array(judged.created_at)[rows.answers]
    drifts = {
        name: stats.drift(seconds[table.labelers == place], shares[table.labelers == place], window=WINDOW_S)
        for place, name in enumerate(table.labeler_names)
    }
    return stats.by_labeler(table, shares), drifts


def _with_gold(judged: Judged, counted: Bools, gold: Gold) -> Mapping[Hashable, Measure]:
    rows = primary_rows(judged, counted, gold) if gold else None
    if rows is None:
        return {}
    return stats.by_labeler(rows.table, rows.table.agreement_with("gold"), empty="the two labelers share no item")


def _with_self(judged: Judged, crowd: Crowd) -> dict[str, Measure]:
    """Agreement of the first with the repeated answer, item by item."""
    couples = list(judged.repeated(crowd))
    told = _told(judged, {place for couple in couples for place in couple})
    shares: dict[str, list[float]] = defaultdict(list)
    for first, second in couples:
        shares[str(judged.labeler_ids[second])].append(_alike(told[first], told[second]))
    return {name: mean_share(found, empty="nothing was labeled") for name, found in shares.items()}


def _told(judged: Judged, places: set[int]) -> dict[int, dict[tuple[str, str], Any]]:
    """What some answers say, by measure and unit."""
    names = judged.unit_names()
    told: dict[int, dict[tuple[str, str], Any]] = defaultdict(dict)
    for one in judged.rankings:
        if one.answer in places:
            told[one.answer]["ranking", names[one.unit]] = one.ranks
    for measure in judged.measures():
        labels = judged.labels(measure)
        for row in np.nonzero(np.isin(labels.answers, list(places)))[0].tolist():
            told[int(labels.answers[row])][measure, names[labels.units[row]]] = int(labels.values[row])
    return told


def _alike(first: Mapping[tuple[str, str], Any], second: Mapping[tuple[str, str], Any]) -> float:
    """On rankings 1 − distance if there are some, else the share of equal judgements; NaN where nothing is shared."""
    shared = [key for key in first if key in second]
    ranked = [{"first": first[key], "second": second[key]} for key in shared if key[0] == "ranking"]
    if ranked:
        return float(np.nanmean(ranking_table(ranked).agreement_by_item()))
    return float(np.mean([first[key] == second[key] for key in shared])) if shared else float("nan")


def _swayed(judged: Judged, counted: Bools) -> tuple[dict[int, Floats], dict[int, Floats]]:
    """For each labeler how far the earlier shown and the longer response was preferred, ranking by ranking."""
    told = [one for one in judged.rankings if counted[one.answer] and one.order]
    ranks = [[float(one.ranks[name]) for name in one.order] for one in told]
    lengths = [[float(length) for length in one.lengths] for one in told]
    first, longer = stats.position_preference(ranks), stats.length_preference(ranks, lengths)
    people = np.array([judged.labeler_ids[one.answer] for one in told], dtype=np.int64)
    return _by_person(people, first), _by_person(people, longer)


def _by_person(people: Ints, shares: Floats) -> dict[int, Floats]:
    nothing: Floats = np.zeros(0)
    return defaultdict(lambda: nothing, {person: shares[people == person] for person in np.unique(people).tolist()})


def _attentive(judged: Judged, mine: Bools) -> Measure:
    passed = np.array(judged.is_attentive, dtype=np.float64)[mine]
    return _mean(passed[passed != NONE])


def _mean(shares: Floats) -> Measure:
    return mean_share(shares, empty="nothing was labeled")
