"""Tables of labels: what they refuse, and what single labels, items and labelers say."""

import numpy as np
import pytest
from hypothesis import given, settings

from preceptor.stats import LabelTable, by_group, by_labeler, label_table
from tests.stats.judgements import from_rows, noisy, tables


def test_columns_must_fit() -> None:
    with pytest.raises(ValueError, match="2 items, 1 labelers"):
        label_table(["a", "b"], ["x"], [1, 1], scale=(0, 1))
    with pytest.raises(ValueError, match="7 is not on the scale"):
        label_table(["a"], ["x"], [7], scale=(0, 1))
    with pytest.raises(ValueError, match="None is not on the scale"):
        label_table(["a"], ["x"], [None], scale=(0, 1))
    with pytest.raises(ValueError, match="twice"):
        label_table(["a"], ["x"], [1], scale=(0, 1, 1))
    with pytest.raises(ValueError, match="labels an item twice"):
        label_table(["a", "b", "a"], ["x", "x", "x"], [1, 1, 0], scale=(0, 1))


def test_counts_by_hand() -> None:
    table = label_table(["a", "b", "a"], ["x", "x", "y"], ["no", "yes", "yes"], scale=("no", "yes", "unsure"))
    assert table.item_names == ("a", "b")
    np.testing.assert_array_equal(table.counts(), [[1, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(table.counts(np.array([5.0, 3.0, 2.0])), [[5, 2, 0], [0, 3, 0]])


def test_agreement_with_the_rest_by_hand() -> None:
    # Item 0: 1 1 2; item 1: 1 2; item 2: a single label.
    table = from_rows([[1, 1, 1], [1, 2, None], [2, None, None]], scale=(1, 2))
    np.testing.assert_allclose(table.agreement_with_rest(), [1 / 2, 0, np.nan, 1 / 2, 0, 0])
    # The others of item 0 are split for the first two labelers: a majority by lot says 1 half the time.
    np.testing.assert_allclose(table.agreement_with_majority(), [1 / 2, 0, np.nan, 1 / 2, 0, 0])
    np.testing.assert_allclose(table.agreement_by_item(), [1 / 3, 0, np.nan])
    measures = by_labeler(table, table.agreement_with_rest())
    assert measures["l0"].value == pytest.approx(1 / 4)
    assert measures["l2"].value == 0


def test_the_majority_outvotes_the_share() -> None:
    table = from_rows([[1], [1], [1], [2]], scale=(1, 2))
    np.testing.assert_allclose(table.agreement_with_majority(), [1, 1, 1, 0])
    np.testing.assert_allclose(table.agreement_with_rest(), [2 / 3, 2 / 3, 2 / 3, 0])


def test_gold_is_a_labeler_more() -> None:
    table = label_table("abcab", ["anna", "anna", "anna", "gold", "gold"], [1, 0, 0, 1, 1], scale=(0, 1))
    np.testing.assert_allclose(table.agreement_with("gold"), [1, 0, np.nan, np.nan, np.nan])
    measures = by_labeler(table, table.agreement_with("gold"))
    assert measures["anna"].value == 1 / 2
    assert (measures["gold"].value, measures["gold"].reason) == (None, "this labeler shares no item with another")
    assert np.isnan(table.agreement_with("nobody")).all()


@settings(deadline=None)
@given(tables)
def test_labels_items_and_labelers_tell_the_same(table: LabelTable) -> None:
    rest, items = table.agreement_with_rest(), table.agreement_by_item()
    for item in range(len(items)):
        np.testing.assert_allclose(np.mean(rest[table.items == item]), items[item])
    assert len(by_labeler(table, rest)) == len(table.labeler_names)


def test_groups_that_see_it_differently() -> None:
    generator = np.random.default_rng(0)
    rows = []
    views = generator.integers(0, 2, size=(2, 300))
    for labeler in range(6):
        seen = generator.random(300) < 0.9
        rows.append(np.where(seen, views[labeler // 3], 1 - views[labeler // 3]).tolist())
    table = from_rows(rows, scale=(0, 1))
    measures = by_group(table, {f"l{i}": "ab"[i // 3] for i in range(6)})
    assert set(measures) == {("a", "a"), ("a", "b"), ("b", "b")}
    assert measures["a", "a"].value == pytest.approx(0.9**2 + 0.1**2, abs=0.03)
    assert measures["a", "b"].value == pytest.approx(0.5, abs=0.05)
    alike = by_group(
        noisy(0, num_items=400, num_labelers=6, overlap=4, accuracy=0.8), {f"l{i}": "ab"[i // 3] for i in range(6)}
    )
    assert alike["a", "b"].value == pytest.approx(alike["a", "a"].value, abs=0.06)


def test_groups_by_hand() -> None:
    table = from_rows([[1, 1], [1, 2], [2, 2], [1, None]], scale=(1, 2))
    measures = by_group(table, {"l0": "a", "l1": "a", "l2": "b"})  # l3 said nothing of itself
    assert measures["a", "a"].value == pytest.approx((1 + 0) / 2)
    assert measures["a", "b"].value == pytest.approx((0 + 1 / 2) / 2)
    assert measures["b", "b"].reason == "no item has two labels"


def test_shares_must_fit_the_rows() -> None:
    with pytest.raises(ValueError, match="2 shares for 1 rows"):
        by_labeler(from_rows([[1]], scale=(1,)), [0.5, 0.5])
