"""Published tables of labels, and ways to make tables for tests."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from preceptor.stats import LabelTable, label_table

KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
"""Reliability data of Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section E: 4 labelers, 12 items.

Gwet 2014, "Handbook of inter-rater reliability", 4th edition, page 120, has the same with the last label given by the
third labeler instead of the second, to which none of the coefficients of a pool is sensitive.
"""

FLEISS = """
    00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
    00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
"""Table 1 of Fleiss 1971: for each of 30 patients how many of 6 psychiatrists made each of 5 diagnoses."""

ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
"""Two abstractors on 100 pregnancies, Gwet 2014; the vignette "overview" of his R package irrCAC has the figures."""


def from_rows(rows: Sequence[Sequence[int | None]], scale: Sequence[int]) -> LabelTable:
    """A table from one row of values for each labeler, None where there is no label."""
    cells = [(i, f"l{j}", value) for j, row in enumerate(rows) for i, value in enumerate(row) if value is not None]
    return label_table(*(zip(*cells, strict=True) if cells else ([], [], [])), scale=scale)


def from_counts(counts: Sequence[Sequence[int]]) -> LabelTable:
    """A table from how many labelers gave each item each value."""
    size = sum(counts[0])
    given = [np.repeat(np.arange(len(row)), row).tolist() for row in counts]
    return from_rows([[values[j] for values in given] for j in range(size)], range(len(counts[0])))


def from_contingency(table: Sequence[Sequence[int]]) -> LabelTable:
    """A table from how many items the first labeler gave the row's value and the second the column's."""
    cells = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return from_rows([[i for i, _ in cells], [j for _, j in cells]], range(len(table)))


def noisy(
    seed: int, *, num_items: int, num_labelers: int, overlap: int, accuracy: float, scale: int = 2, share: float = 0.5
) -> LabelTable:
    """Labels of items whose true value is 0 with a share of the items: labelers see it, or else draw by lot."""
    generator = np.random.default_rng(seed)
    rest = (1 - share) / (scale - 1)
    truth = generator.choice(scale, size=num_items, p=[share] + [rest] * (scale - 1))
    cells = []
    for item, true in enumerate(truth.tolist()):
        for labeler in generator.choice(num_labelers, size=overlap, replace=False).tolist():
            seen = generator.random() < accuracy
            cells.append(
                (item, f"l{labeler}", true if seen else int(generator.choice(scale, p=[share] + [rest] * (scale - 1))))
            )
    return label_table(*zip(*cells, strict=True), scale=range(scale))


tables = st.integers(2, 4).flatmap(
    lambda scale: st.lists(
        st.lists(st.none() | st.integers(0, scale - 1), min_size=1, max_size=8), min_size=1, max_size=5
    ).map(lambda rows: from_rows(rows, range(scale)))
)
"""Any small table: items with no, one or many labels, and possibly no item at all."""
