"""A hundred thousand labels stay a matter of seconds: nothing grows with their square."""

import time

import numpy as np

from preceptor.stats import (
    agreement_measures,
    by_labeler,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    label_table,
    ranking_alpha,
    ranking_table,
)

NUM_ITEMS, NUM_LABELERS = 33_334, 60
NAMES = ("A", "B", "C", "D")


def test_a_hundred_thousand_labels_and_rankings() -> None:
    generator = np.random.default_rng(0)
    who = np.argsort(generator.random((NUM_ITEMS, NUM_LABELERS)), axis=1)[:, :3].tolist()
    likert = generator.integers(1, 8, size=3 * NUM_ITEMS).tolist()
    ranks = generator.integers(0, 4, size=(NUM_ITEMS, 3, 4)).tolist()
    items = [
        {f"l{one}": dict(zip(NAMES, order, strict=True)) for one, order in zip(labelers, orders, strict=True)}
        for labelers, orders in zip(who, ranks, strict=True)
    ]
    started = time.process_time()
    labels = label_table(np.repeat(np.arange(NUM_ITEMS), 3).tolist(), np.ravel(who).tolist(), likert, scale=range(1, 8))
    rankings = ranking_table(items)
    measures = [fleiss_kappa(labels, seed=0), gwet_ac1(labels, seed=0), krippendorff_alpha(labels, "ordinal", seed=0)]
    measures += [agreement_measures(rankings, seed=0).ties_excluded, ranking_alpha(rankings, seed=0)]
    per_labeler = [by_labeler(table, table.agreement_with_rest()) for table in (labels, rankings)]
    # Two seconds on an idle core; one that is shared takes several times as long.
    assert time.process_time() - started < 20
    assert all(measure.low is not None for measure in measures)
    assert all(len(found) == NUM_LABELERS for found in per_labeler)


def test_items_that_every_labeler_has_ranked() -> None:
    # Screening: 100 candidates on the same 20 items are 99,000 couples.
    generator = np.random.default_rng(1)
    orders = generator.integers(0, 4, size=(20, 100, 4)).tolist()
    items = [{f"l{i}": dict(zip(NAMES, ranks, strict=True)) for i, ranks in enumerate(item)} for item in orders]
    started = time.process_time()
    rankings = ranking_table(items)
    found = agreement_measures(rankings, seed=0)
    assert time.process_time() - started < 10
    assert len(rankings.first) == 99_000
    assert found.ties_excluded.low is not None
