"""Agreement of a whole pool of labelers as one coefficient, with its cluster-bootstrap interval."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from preceptor.stats.intervals import Floats, Ints, draw_counts
from preceptor.stats.label_table import LabelTable
from preceptor.stats.measure import Clusters, Measure, bootstrap_measure

Coefficient = Callable[[Floats, Floats, Floats], float]
"""(counts, squares, weights) → the coefficient, NaN where it is undefined.

`counts` is (items, scale): how many labels of each value an item has, a labeler drawn twice counting twice; `squares`
adds up the squares of those multiplicities, so that counts² − squares are the ordered couples of different labelers who
gave that value; `weights` says how often each item is there.
"""


Resample = tuple[Floats, Floats, Floats]


def pooled_measure(
    labels: LabelTable,
    coefficient: Coefficient,
    *,
    clusters: Clusters,
    seed: int,
    num_resamples: int,
    confidence: float,
) -> Measure:
    """A coefficient on all labels, with the percentile interval of its cluster bootstrap (Owen 2007).

    Where all labels that can be compared are the same value nothing was tested, and there is a reason instead of a
    figure, even for coefficients whose formula would give 1.
    """
    if reason := labels.why_uncompared():
        return Measure(reason=reason)
    counts = labels.counts()
    if (counts[counts.sum(axis=1) > 1].sum(axis=0) > 0).sum() < 2:
        return Measure(reason="all labelers gave the same value")
    draw = _by_items if clusters == "items" else _by_items_and_labelers
    generator = np.random.default_rng(seed)
    value = coefficient(counts, counts, np.ones(len(counts)))
    resamples = [coefficient(*drawn) for drawn in islice(draw(labels, counts, generator), num_resamples)]
    return bootstrap_measure(value, resamples, confidence=confidence)


def couples_of(counts: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """For each item its labels, and its ordered couples of different labelers."""
    # A product with ones: numpy's sum over a short last axis takes ten times as long.
    ones = np.ones(counts.shape[1])
    sizes = counts @ ones
    return sizes, sizes * sizes - squares @ ones


def over(numerators: Floats, denominators: Floats) -> Floats:
    """numerator / denominator for each item; 0 where the denominator is, so that the item drops out of a sum."""
    return np.divide(numerators, denominators, out=np.zeros(len(numerators)), where=denominators > 0)


def _by_items(labels: LabelTable, counts: Floats, generator: np.random.Generator) -> Iterator[Resample]:
    # Items with equal counts are one to every coefficient: how often each kind of item is drawn is multinomial.
    kinds, frequencies = _kinds(counts)
    while True:
        drawn = generator.multinomial(len(counts), frequencies / len(counts)).astype(np.float64)
        yield kinds, kinds, drawn


def _kinds(counts: Floats) -> tuple[Floats, Ints]:
    """Every row that there is, in lexicographic order, and how often.

    Column by column, without a sort: `np.unique` of rows takes ten times as long.
    """
    codes = np.zeros(len(counts), dtype=np.int64)
    base = int(counts.max()) + 1
    for column in counts.T.astype(np.int64):
        codes = codes * base + column
        is_there = np.bincount(codes) > 0
        codes = (np.cumsum(is_there) - 1)[codes]
    frequencies = np.bincount(codes)
    kinds = np.empty((len(frequencies), counts.shape[1]))
    kinds[codes] = counts
    return kinds, frequencies


def _by_items_and_labelers(labels: LabelTable, counts: Floats, generator: np.random.Generator) -> Iterator[Resample]:
    # Items with the same labels by the same labelers are one, too: two labelers on many items make few of them.
    kinds, frequencies = _alike(labels)
    while True:
        times = draw_counts(generator, len(kinds.labeler_names))[kinds.labelers]
        drawn = generator.multinomial(len(counts), frequencies / len(counts)).astype(np.float64)
        yield kinds.counts(times), kinds.counts(times**2), drawn


def _alike(labels: LabelTable) -> tuple[LabelTable, Ints]:
    """One item for all that have the same labels by the same labelers, and for each how many there are."""
    cells = labels.labelers * len(labels.scale) + labels.values
    order = np.lexsort((cells, labels.items))
    sizes = np.bincount(labels.items, minlength=len(labels.item_names))
    starts = np.cumsum(sizes) - sizes
    items: list[Ints] = []
    kept: list[Ints] = []
    frequencies: list[Ints] = []
    num = 0
    for size in np.unique(sizes).tolist():
        (chosen,) = np.nonzero(sizes == size)
        rows = cells[order[starts[chosen][:, None] + np.arange(size)]]
        found, times = np.unique(rows, axis=0, return_counts=True)
        items.append(np.repeat(np.arange(num, num + len(found)), size))
        kept.append(found.ravel())
        frequencies.append(times)
        num += len(found)
    who, values = np.divmod(np.concatenate(kept), len(labels.scale))
    table = LabelTable(labels.scale, tuple(range(num)), labels.labeler_names, np.concatenate(items), who, values)
    return table, np.concatenate(frequencies)
