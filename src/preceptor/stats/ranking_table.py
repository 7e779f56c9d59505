"""Rankings compared two by two, as columns: whatever is said of agreement on rankings is a sum over these."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preceptor.stats.intervals import Floats, Ints, draw_counts
from preceptor.stats.label_table import Bools
from preceptor.stats.measure import Clusters, Reason, group_means, ratios

RankMap = Mapping[str, int]
"""Response id → rank; smaller is better, equal is tied."""

COUPLES_AT_A_TIME = 1 << 15
"""Bounds the memory where many labelers ranked one item."""


@dataclass(frozen=True, eq=False)
class RankingTable:
    """Rankings, and every couple of rankings of one item, by two labelers who both ranked two responses or more of it.

    Of the pairs of responses that both labelers of a couple ranked, C are concordant, D discordant, S in the same one
    of {first better, second better, tie}, T₁ and T₂ tied by either; P are all.
    """

    num_items: int
    labeler_names: tuple[Hashable, ...]
    items: Ints
    """For each ranking the index of its item."""
    labelers: Ints
    """For each ranking the index of its labeler in `labeler_names`."""
    tied: Floats
    """For each ranking the share of its pairs of responses that it ties; 0 where it has no pair."""
    first: Ints
    """For each couple the index of one ranking."""
    second: Ints
    """For each couple the index of the other."""
    concordant: Floats
    """C."""
    untied: Floats
    """C + D."""
    same: Floats
    """S."""
    pairs: Floats
    """P."""
    distance: Floats
    """Kendall's distance with ties, as a share of all pairs: (D + ½·E) / P, where E = P − S − D are tied by one only.

    It is K^(p) at p = ½ of Fagin, Kumar, Mahdian, Sivakumar and Vee 2006, "Comparing partial rankings", where it is
    shown to be a metric, and half the distance of Kemeny and Snell 1962; both divided by P. 0 is the same order, 1 the
    reverse of an order without ties.
    """
    tau_b: Floats
    """(C − D) / √((P − T₁)(P − T₂)) (Kendall 1945); NaN where one of the two ties all."""

    def why_uncompared(self) -> Reason | None:
        """Why no two labelers can be compared; None where some can."""
        if not len(self.items):
            return "nothing was labeled"
        return None if len(self.first) else "no item has two labels"

    def agreement_by_item(self, one: Bools | None = None, other: Bools | None = None) -> Floats:
        """For each item 1 − mean distance of its couples, NaN where it has none: lowest first is what to look at.

        With masks over `labeler_names`, of the couples of a labeler of `one` and another of `other`.
        """
        everyone = np.ones(len(self.labeler_names), dtype=np.bool_)
        in_one = (everyone if one is None else one)[self.labelers]
        in_other = (everyone if other is None else other)[self.labelers]
        a, b = self.first, self.second
        chosen = (in_one[a] & in_other[b]) | (in_one[b] & in_other[a])
        return group_means(1 - self.distance[chosen], self.items[a[chosen]], self.num_items)

    def agreement_with_rest(self) -> Floats:
        """For each ranking 1 − mean distance to the others of its item, NaN where there is none.

        A tie where another labeler sees a difference counts one half, so that nobody gains by tying all.
        """
        rows = np.concatenate([self.first, self.second])
        return group_means(1 - np.tile(self.distance, 2), rows, len(self.items))

    def agreement_with(self, labeler: Hashable) -> Floats:
        """For each ranking 1 − distance to this labeler's of the same item, NaN where there is none.

        Gold rankings stand in the table as those of one labeler more.
        """
        theirs = np.array([name == labeler for name in self.labeler_names], dtype=np.bool_)[self.labelers]
        with_second, with_first = theirs[self.second], theirs[self.first]
        rows = np.concatenate([self.first[with_second], self.second[with_first]])
        distance = np.concatenate([self.distance[with_second], self.distance[with_first]])
        return group_means(1 - distance, rows, len(self.items))

    def resampled_sums(
        self, of_couples: Floats, of_rankings: Floats, *, clusters: Clusters, seed: int, num_resamples: int
    ) -> Floats:
        """Sums of columns over the couples, then of columns over the rankings, in each cluster-bootstrap resample.

        A ranking hangs on one item and one labeler, a couple on one item and two labelers: each weighs the product of
        their counts (the pigeonhole bootstrap of Owen 2007, section 2). Only items and labelers that are compared are
        resampled; a labeler drawn twice is not compared with itself.
        """
        generator = np.random.default_rng(seed)
        item, one, other = self.items[self.first], self.labelers[self.first], self.labelers[self.second]
        compared, comparing = np.unique(item), np.unique(np.concatenate([one, other]))
        if clusters == "items":
            by_item = [_sums(of_couples, item, self.num_items), _sums(of_rankings, self.items, self.num_items)]
            columns = np.concatenate(by_item, axis=1)[compared]
            return np.array([draw_counts(generator, len(compared)) @ columns for _ in range(num_resamples)])
        of_item, of_labeler = np.zeros(self.num_items), np.zeros(len(self.labeler_names))
        drawn = []
        for _ in range(num_resamples):
            of_item[compared] = draw_counts(generator, len(compared))
            of_labeler[comparing] = draw_counts(generator, len(comparing))
            couples = of_item[item] * of_labeler[one] * of_labeler[other]
            rankings = of_item[self.items] * of_labeler[self.labelers]
            drawn.append(np.concatenate([couples @ of_couples, rankings @ of_rankings]))
        return np.array(drawn)


def ranking_table(items: Sequence[Mapping[str, RankMap]]) -> RankingTable:
    """The table of items, each a map from a labeler to that labeler's rank map; labelers are numbered as they come.

    Two labelers are compared on the responses that both ranked.
    """
    codes: dict[str, int] = {}
    item_of: list[int] = []
    labeler_of: list[int] = []
    orders: list[list[float]] = []
    for number, item in enumerate(items):
        responses = list(dict.fromkeys(name for ranks in item.values() for name in ranks))
        for labeler, ranks in item.items():
            item_of.append(number)
            labeler_of.append(codes.setdefault(labeler, len(codes)))
            orders.append([ranks.get(name, np.nan) for name in responses])
    rows = np.array(item_of, dtype=np.int64)
    first, second = _couples(rows)
    tied, compared = np.zeros(len(rows)), np.zeros((6, len(first)))
    place = np.zeros(len(rows), dtype=np.int64)
    for chosen, order in by_length(orders):
        signs, ranked = pair_signs(order)
        tied[chosen] = (ranked & (signs == 0)).sum(axis=1) / np.maximum(1, ranked.sum(axis=1))
        place[chosen] = np.arange(len(chosen))
        (here,) = np.nonzero(np.isin(first, chosen))
        for part in np.array_split(here, len(here) // COUPLES_AT_A_TIME + 1):
            a, b = place[first[part]], place[second[part]]
            compared[:, part] = _compare(signs[a], signs[b], ranked[a] & ranked[b])
    (kept,) = np.nonzero(compared[3] > 0)
    labelers = np.array(labeler_of, dtype=np.int64)
    return RankingTable(len(items), tuple(codes), rows, labelers, tied, first[kept], second[kept], *compared[:, kept])


def by_length(rows: Sequence[Sequence[float]]) -> Iterator[tuple[Ints, Floats]]:
    """For each length which rows have it, and these as one array."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    for length in np.unique(lengths):
        (chosen,) = np.nonzero(lengths == length)
        yield chosen, np.array([rows[row] for row in chosen.tolist()], dtype=np.float64)


def pair_signs(order: Floats) -> tuple[NDArray[np.int8], Bools]:
    """Sign of earlier − later for every pair of numbers of each row, 0 where one is missing, and where none is."""
    i, j = np.triu_indices(order.shape[1], k=1)
    gaps = order[:, i] - order[:, j]
    there = np.isfinite(gaps)
    return np.sign(np.where(there, gaps, 0)).astype(np.int8), there


def _compare(a: NDArray[np.int8], b: NDArray[np.int8], shared: Bools) -> Floats:
    """Rows concordant, untied, same, pairs, distance, tau_b of the couples of signs a and b."""
    product = a * b
    concordant, untied = (product > 0).sum(axis=1), (product != 0).sum(axis=1)
    same, pairs = (shared & (a == b)).sum(axis=1), shared.sum(axis=1)
    distance = (untied - concordant + pairs - same) / (2 * np.maximum(1, pairs))
    scale = np.sqrt((shared & (a != 0)).sum(axis=1) * (shared & (b != 0)).sum(axis=1))
    tau_b = ratios(2 * concordant - untied, scale)
    return np.array([concordant, untied, same, pairs, distance, tau_b], dtype=np.float64)


def _couples(items: Ints) -> tuple[Ints, Ints]:
    """Every two rows of one item; the rows of an item stand together."""
    _, starts, sizes = np.unique(items, return_index=True, return_counts=True)
    first, second = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for size in np.unique(sizes):
        i, j = np.triu_indices(size, k=1)
        rows = starts[sizes == size][:, None]
        first.append((rows + i).ravel())
        second.append((rows + j).ravel())
    return np.concatenate(first), np.concatenate(second)


def _sums(columns: Floats, groups: Ints, num_groups: int) -> Floats:
    """Sums of columns over the rows of each group."""
    sums = np.zeros((num_groups, columns.shape[1]))
    for place, column in enumerate(columns.T):
        sums[:, place] = np.bincount(groups, weights=column, minlength=num_groups)
    return sums
