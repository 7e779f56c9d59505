"""Labelers one by one and group by group: agreement with the rest and with gold, as mean shares of their labels."""

from collections.abc import Hashable, Mapping
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike

from preceptor.stats.label_table import LabelTable
from preceptor.stats.measure import Measure, Reason, mean_share
from preceptor.stats.ranking_table import RankingTable

Table = LabelTable | RankingTable


def by_labeler(
    table: Table, shares: ArrayLike, *, empty: Reason = "this labeler shares no item with another"
) -> dict[Hashable, Measure]:
    """Mean of each labeler's shares, one for each row of the table, with Wilson's interval over items.

    For `table.agreement_with_rest()`, `agreement_with("gold")` and the preferences of `habits`. A labeler has one row
    for an item, so rows are the clusters.

    Raises:
        ValueError: the number of shares is not that of the rows.
    """
    values = np.asarray(shares, dtype=np.float64)
    if values.shape != table.labelers.shape:
        raise ValueError(f"{values.size} shares for {len(table.labelers)} rows")
    order = np.argsort(table.labelers, kind="stable")
    sizes = np.bincount(table.labelers, minlength=len(table.labeler_names))
    parts = np.split(values[order], np.cumsum(sizes)[:-1])
    return {name: mean_share(part, empty=empty) for name, part in zip(table.labeler_names, parts, strict=False)}


def by_group(table: Table, group_of: Mapping[Hashable, str]) -> dict[tuple[str, str], Measure]:
    """Agreement of labelers of one group with each other, and with those of another, with Wilson's interval over items.

    The mean over items of `agreement_by_item`. Where a group agrees with itself more than with others, people see the
    matter differently, which is no fault of theirs. Labelers without a group are left out.
    """
    groups = sorted(set(group_of.values()))
    members = {
        group: np.array([group_of.get(name) == group for name in table.labeler_names], dtype=np.bool_)
        for group in groups
    }
    return {
        (one, other): mean_share(table.agreement_by_item(members[one], members[other]), empty="no item has two labels")
        for one, other in combinations_with_replacement(groups, 2)
    }
