"""Labels as columns of codes, so that a hundred thousand of them are a few array operations."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preceptor.stats.intervals import Floats, Ints, number_names
from preceptor.stats.measure import Reason, ratios

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Which labeler gave which item which value of one scale; a labeler labels an item once."""

    scale: tuple[Hashable, ...]
    """All values that could be given, in their order: also those that nobody gave."""
    item_names: tuple[Hashable, ...]
    labeler_names: tuple[Hashable, ...]
    items: Ints
    """For each label the index of its item in `item_names`."""
    labelers: Ints
    """For each label the index of its labeler in `labeler_names`."""
    values: Ints
    """For each label the index of its value in `scale`."""

    def counts(self, weights: Floats | None = None) -> Floats:
        """(items, scale): how many labelers gave an item each value; with weights, the sum of those of its labels."""
        shape = (len(self.item_names), len(self.scale))
        cells = self.items * shape[1] + self.values
        return np.bincount(cells, weights, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    def why_uncompared(self) -> Reason | None:
        """Why no two labelers can be compared; None where some can."""
        if not len(self.items):
            return "nothing was labeled"
        return None if len(self.items) > len(self.item_names) else "no item has two labels"

    def agreement_by_item(self, one: Bools | None = None, other: Bools | None = None) -> Floats:
        """For each item the share of couples of its labelers who gave the same value, NaN where it has no couple.

        With masks over `labeler_names`, of the couples of a labeler of `one` and another of `other`.
        """
        everyone = np.ones(len(self.labeler_names), dtype=np.bool_)
        in_one = (everyone if one is None else one)[self.labelers].astype(np.float64)
        in_other = (everyone if other is None else other)[self.labelers].astype(np.float64)
        ones, others, both = self.counts(in_one), self.counts(in_other), self.counts(in_one * in_other)
        # A label is not compared with itself: one in both groups would count as a couple of its own.
        agreeing = (ones * others - both).sum(axis=1)
        couples = ones.sum(axis=1) * others.sum(axis=1) - both.sum(axis=1)
        return ratios(agreeing, couples)

    def agreement_with_rest(self) -> Floats:
        """For each label the share of the item's other labelers who gave the same value, NaN where there is none."""
        counts = self.counts()
        others = counts.sum(axis=1)[self.items] - 1
        same = counts[self.items, self.values] - 1
        return ratios(same, others)

    def agreement_with_majority(self) -> Floats:
        """For each label 1 where it is what most of the item's other labelers gave, 0 where not, NaN without others.

        Where k values are as frequent among the others, each counts 1/k, as under a majority drawn by lot.
        """
        others = self.counts()[self.items]
        rows = np.arange(len(self.items))
        others[rows, self.values] -= 1
        most = others.max(axis=1, initial=0)
        is_mode = others == most[:, None]
        return np.where(most > 0, is_mode[rows, self.values] / is_mode.sum(axis=1), np.nan)

    def agreement_with(self, labeler: Hashable) -> Floats:
        """For each label 1 where it is the value of this labeler's label of the same item, else 0; NaN without one.

        Gold labels stand in the table as those of one labeler more.
        """
        given = np.full(len(self.item_names), -1)
        theirs = np.array([name == labeler for name in self.labeler_names], dtype=np.bool_)[self.labelers]
        given[self.items[theirs]] = self.values[theirs]
        gold = given[self.items]
        return np.where(theirs | (gold < 0), np.nan, gold == self.values)


def label_table(
    items: Sequence[Hashable], labelers: Sequence[Hashable], values: Sequence[Hashable], *, scale: Sequence[Hashable]
) -> LabelTable:
    """A table of labels, from columns of equal length; names are numbered as they come.

    Raises:
        ValueError: the lengths differ, a value is not on the scale or stands on it twice, or a labeler labels an item
            twice.
    """
    if not len(items) == len(labelers) == len(values):
        raise ValueError(f"{len(items)} items, {len(labelers)} labelers and {len(values)} values")
    place = {value: code for code, value in enumerate(scale)}
    if len(place) != len(scale):
        raise ValueError("the scale holds a value twice")
    if strange := [value for value in values if value not in place]:
        raise ValueError(f"{strange[0]!r} is not on the scale {list(scale)}")
    item_codes, item_names = number_names(items)
    labeler_codes, labeler_names = number_names(labelers)
    if len(np.unique(item_codes * len(labeler_names) + labeler_codes)) != len(items):
        raise ValueError("a labeler labels an item twice")
    value_codes = np.array([place[value] for value in values], dtype=np.int64)
    return LabelTable(tuple(scale), item_names, labeler_names, item_codes, labeler_codes, value_codes)
