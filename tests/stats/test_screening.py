"""The three screening scores by hand, and candidates who are good, careless, and playing the score."""

import numpy as np
import pytest

from preceptor.stats import Measure, demonstration_score, flagging_agreement, mean_interval, ranking_agreement


def test_flagging_by_hand() -> None:
    gold = {"a": True, "b": True, "c": False, "d": False, "e": False, "unseen": False}
    found = flagging_agreement({"a": True, "b": False, "c": False, "d": False, "e": True, "not gold": True}, gold)
    assert found.value == pytest.approx(3 / 5)
    assert flagging_agreement({"x": True}, {"y": True}) == Measure(reason="the two labelers share no item")


def test_ranking_by_hand() -> None:
    gold = {"p": {"A": 0, "B": 1, "C": 2}, "q": {"A": 0, "B": 1}, "unseen": {"A": 0, "B": 1}}
    given = {"p": {"A": 0, "B": 2, "C": 1}, "q": {"A": 1, "B": 1}}
    # p: one of three pairs reversed; q: one pair tied by the candidate alone.
    assert ranking_agreement(given, gold).value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert ranking_agreement(given, {}) == Measure(reason="the two labelers share no item")
    assert ranking_agreement({"p": {"A": 0}}, {"p": {"A": 0}}).value is None


def test_demonstrations_by_hand() -> None:
    found, expected = (
        demonstration_score({"a": [7, 5], "b": [6], "c": [4, 4, 1], "unrated": []}),
        mean_interval([6, 6, 3]),
    )
    assert (found.value, found.low, found.high) == (expected.value, expected.low, expected.high)
    assert demonstration_score({"a": []}) == Measure(reason="nothing was labeled")
    assert demonstration_score({"a": [7, 6]}) == Measure(6.5, reason="too few labels")
    assert demonstration_score({"a": [7], "b": [7]}) == Measure(7, reason="nothing varies from item to item")


def test_scores_part_the_good_from_the_careless_and_the_cunning() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(60, 5))
    names = "ABCDE"

    def rank(utilities: np.ndarray) -> dict[int, dict[str, int]]:
        return {
            p: dict(zip(names, (-row).argsort().argsort().tolist(), strict=True)) for p, row in enumerate(utilities)
        }

    gold = rank(truth)
    good = ranking_agreement(rank(truth + 0.5 * generator.normal(size=truth.shape)), gold)
    careless = ranking_agreement(rank(generator.normal(size=truth.shape)), gold)
    all_tied = ranking_agreement({prompt: dict.fromkeys(names, 0) for prompt in gold}, gold)
    in_shown_order = ranking_agreement({prompt: dict(zip(names, range(5), strict=True)) for prompt in gold}, gold)
    # Ties everywhere but at the surest pair: with ties excluded this would score 100 %.
    timid = {prompt: {name: min(rank, 1) for name, rank in ranks.items()} for prompt, ranks in gold.items()}
    assert good.value is not None
    assert good.value > 0.75
    for bad in (careless, all_tied, in_shown_order):
        assert bad.value == pytest.approx(0.5, abs=0.08)
    assert ranking_agreement(timid, gold).value == pytest.approx(0.7)
