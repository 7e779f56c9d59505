"""Reward-model evaluations on planted preferences: accuracy, baselines, ceiling, calibration, and the gate."""

import numpy as np
import pytest

from preceptor.evals import AccuracyConfig, check_gate, labeler_agreement, pairs_of, reward_accuracy
from preceptor.evals.baselines import learn_length, learn_tfidf, longer_wins
from preceptor.evals.calibration import calibration_by_margin, in_words
from preceptor.records import Labeler, Message, Prompt, Ranking, Response
from preceptor.stats import accuracy

FAST = AccuracyConfig(num_resamples=300, tfidf_l2=1.0)
WORDS = ["amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "lagoon"]


def rank(
    number: int, texts: list[str], utilities: list[float], labeler: str = "l0", group: str = "training"
) -> Ranking:
    """A ranking of texts by utility; equal utilities share a group."""
    levels = sorted(set(utilities), reverse=True)
    groups = tuple(tuple(str(i) for i, u in enumerate(utilities) if u == level) for level in levels)
    return Ranking(
        id=f"{number}/{labeler}",
        prompt=Prompt(id=f"p{number}", messages=(Message(role="user", content="Say something."),)),
        responses=tuple(Response(id=str(i), text=text) for i, text in enumerate(texts)),
        groups=groups,
        labeler=Labeler(id=labeler, group=group),
    )


def order_of_words(text: str) -> float:
    """A truth that neither length nor counted words see: whether the first word precedes the last in the alphabet."""
    words = text.split()
    return float(words[0] < words[-1])


def planted(
    count: int, seed: int, *, noise: float = 0.0, shuffle: bool = False
) -> tuple[list[Ranking], list[list[float]]]:
    """Rankings by `order_of_words` with flips, and the scores of a reward model that knows the truth."""
    generator = np.random.default_rng(seed)
    rankings, scores = [], []
    for number in range(count):
        texts = [" ".join(generator.choice(WORDS, size=int(generator.integers(4, 7)), replace=False)) for _ in range(4)]
        truth = [order_of_words(text) for text in texts]
        flips = generator.random(4) < noise
        seen = [
            float(generator.integers(2)) if shuffle else t if not f else 1 - t
            for t, f in zip(truth, flips, strict=True)
        ]
        group = "training" if number % 2 else "held_out"
        rankings.append(rank(number + 10_000 * seed, texts, seen, f"l{number % 5}", group))
        scores.append([2 * t for t in truth])
    return rankings, scores


def test_pairs_leave_out_ties_and_identical_texts_and_count_them() -> None:
    rankings = [rank(0, ["a", "b", "a", "c"], [3, 2, 1, 1])]
    pairs, dropped = pairs_of(rankings, [[0.5, 0.25, 0.5, -1]])
    assert [(pair.chosen, pair.rejected, pair.margin) for pair in pairs] == [
        ("a", "b", 0.25),
        ("a", "c", 1.5),
        ("b", "a", -0.25),
        ("b", "c", 1.25),
    ]
    assert dropped == {"pair tied by the labeler": 1, "pair of identical responses": 1}
    with pytest.raises(ValueError, match="one score per response"):
        pairs_of(rankings, [[1.0, 2.0]])
    with pytest.raises(ValueError, match="finite"):
        pairs_of(rankings, [[1.0, 2.0, float("nan"), 0.0]])


def test_perfect_worst_and_constant_reward_models_get_the_extremes() -> None:
    rankings, scores = planted(40, 1)
    train, _ = planted(40, 2)
    perfect = reward_accuracy(rankings, scores, train, config=FAST)
    worst = reward_accuracy(rankings, [[-s for s in row] for row in scores], train, config=FAST)
    constant = reward_accuracy(rankings, [[0.0] * 4 for _ in scores], train, config=FAST)
    assert (perfect.accuracy.value, worst.accuracy.value, constant.accuracy.value) == (1.0, 0.0, 0.5)
    assert perfect.accuracy.low == perfect.accuracy.high == 1.0
    assert set(perfect.by_group) == {"training", "held_out"}
    assert perfect.num_prompts <= 40
    assert [check_gate(report).open for report in (perfect, worst, constant)] == [True, False, False]


def test_accuracy_by_group_keeps_the_groups_apart() -> None:
    train, _ = planted(20, 2)
    rankings = [rank(i, ["x y", "y x"], [1, 0], group="training" if i % 4 else "held_out") for i in range(40)]
    scores = [[1.0, 0.0] if i % 4 else [0.0, 1.0] for i in range(40)]
    report = reward_accuracy(rankings, scores, train, config=FAST)
    assert report.by_group["training"].value == 1.0
    assert report.by_group["held_out"].value == 0.0
    assert report.accuracy.value == 0.75


def test_length_rule_learns_its_sign_and_longer_wins_is_told_as_it_stands() -> None:
    shorter = [rank(i, ["a" * (i + 2), "a" * (i + 3) + " b"], [1, 0]) for i in range(30)]
    pairs, _ = pairs_of(shorter)
    assert accuracy(longer_wins(pairs)) == 0.0
    assert learn_length(pairs).words == "shorter wins"
    assert learn_length([]).words == "longer wins"
    report = reward_accuracy(shorter, [[1.0, 0.0]] * 30, shorter, config=FAST)
    assert report.baselines["longer_wins"].value == 0.0
    assert report.baselines["length"].value == 1.0
    assert report.length_rule == "shorter wins"


def test_a_reward_model_that_only_likes_length_is_caught_at_the_gate() -> None:
    """rlhf-correctness 12: a planted "longer wins" reward model is flagged, however accurate."""
    longer = [rank(i, ["word " * (1 + i % 3), "word " * (4 + i % 5)], [0, 1]) for i in range(60)]
    report = reward_accuracy(
        longer, [[float(len(r.text)) for r in row.responses] for row in longer], longer, config=FAST
    )
    gate = check_gate(report)
    assert report.accuracy.value == 1.0
    assert not gate.open
    assert "does not beat the length of the response alone (longer wins: 100.0 %)" in gate.message


def test_tfidf_learns_a_word_and_not_what_it_cannot_see() -> None:
    generator = np.random.default_rng(0)

    def rude(number: int) -> Ranking:
        base = generator.choice(WORDS, size=4).tolist()
        return rank(number, [" ".join(base), " ".join([*base[:3], "idiot"])], [1, 0])

    train, heldout = [rude(i) for i in range(60)], [rude(100 + i) for i in range(40)]
    assert accuracy(learn_tfidf(pairs_of(train)[0])(pairs_of(heldout)[0])) == 1.0
    shuffled_train, _ = planted(150, 3, shuffle=True)
    shuffled_test, _ = planted(150, 4, shuffle=True)
    blind = accuracy(learn_tfidf(pairs_of(shuffled_train)[0])(pairs_of(shuffled_test)[0]))
    assert abs(blind - 0.5) < 0.1


def test_tfidf_margin_is_antisymmetric() -> None:
    pairs, _ = pairs_of(planted(30, 5)[0])
    swapped, _ = pairs_of([rank(i, [pair.rejected, pair.chosen], [1, 0]) for i, pair in enumerate(pairs)])
    margins = learn_tfidf(pairs, l2=1.0)
    np.testing.assert_allclose(margins(pairs), -margins(swapped), atol=1e-12)


def test_shuffled_labels_stop_at_the_gate() -> None:
    """A model that fits shuffled labels knows nothing of the held-out ones; its message says where to look."""
    rankings, scores = planted(150, 1, shuffle=True)
    train, _ = planted(150, 2, shuffle=True)
    gate = check_gate(reward_accuracy(rankings, scores, train, config=FAST))
    assert not gate.open
    assert "shuffled" in gate.message
    assert "more rankings" in gate.message


def test_too_few_heldout_pairs_stop_at_the_gate_and_enough_pass() -> None:
    few, few_scores = planted(8, 8, noise=0.35)
    many, many_scores = planted(400, 8, noise=0.25)
    train, _ = planted(100, 7, noise=0.25)
    closed = check_gate(reward_accuracy(few, few_scores, train, config=FAST))
    assert not closed.open
    assert "ollect more" in closed.message
    opened = check_gate(reward_accuracy(many, many_scores, train, config=FAST))
    assert opened.open
    assert opened.reasons == ()
    assert "The gate is open" in opened.message


def test_gate_says_how_many_more_labels_would_settle_it() -> None:
    """Right on 58 % of 100 prompts: 8 points ± 10 want about (10 / 8)² = 1.5, so twice, as many prompts."""
    heldout = [rank(i, ["aa" if i % 2 else "a", "a" if i % 2 else "aa"], [1, 0]) for i in range(100)]
    scores = [[1.0, 0.0] if i % 50 < 29 else [0.0, 1.0] for i in range(100)]
    train = [rank(i, ["bb", "b"], [1, 0]) for i in range(20)] + [rank(20 + i, ["b", "bb"], [1, 0]) for i in range(20)]
    gate = check_gate(reward_accuracy(heldout, scores, train, config=FAST))
    assert not gate.open
    assert "It beats chance (50 %) by 8.0 points, which may be luck" in gate.message
    assert "Collect more rankings: with about " in gate.message


def test_gate_compares_in_pairs_not_by_two_intervals() -> None:
    """Accuracies whose intervals overlap can differ for certain when the model is right wherever the baseline is."""
    texts = [["aa", "a"] if i % 20 < 11 else ["a", "aa"] for i in range(400)]
    heldout = [rank(i, row, [1, 0]) for i, row in enumerate(texts)]
    scores = [[1.0, 0.0] if i % 20 < 12 else [0.0, 1.0] for i in range(400)]
    train = [rank(i, ["bb", "b"], [1, 0]) for i in range(20)]
    report = reward_accuracy(heldout, scores, [*train, *planted(30, 2)[0]], config=FAST)
    assert report.accuracy.low < report.baselines["length"].high  # the intervals overlap …
    assert report.gains["length"].is_above(0)  # … and yet the gain of 1 in 20 is certain


def test_ceiling_from_doubly_labelled_prompts() -> None:
    both = [rank(i, ["a", "b", "c"], [3, 2, 1], "l1") for i in range(30)]
    agreeing = [rank(i, ["a", "b", "c"], [3, 2, 1], "l2") for i in range(30)]
    opposed = [rank(i, ["a", "b", "c"], [1, 2, 3], "l2") for i in range(30)]
    train, _ = planted(20, 2)
    for others, agreement, ceiling in [(agreeing, 1.0, 1.0), (opposed, 0.0, 0.5)]:
        found = labeler_agreement([*both, *others])
        assert found is not None
        assert found.value == agreement
        report = reward_accuracy([*both, *others], [[3.0, 2.0, 1.0]] * 60, train, config=FAST)
        assert report.ceiling == ceiling
    assert labeler_agreement(both) is None
    alone = reward_accuracy(both, [[3.0, 2.0, 1.0]] * 30, train, config=FAST)
    assert alone.ceiling is None
    assert alone.share_of_ceiling is None


def test_ceiling_falls_back_on_an_agreement_measured_elsewhere() -> None:
    rankings, scores = planted(20, 1)
    known = labeler_agreement([rank(i, ["a", "b"], [1, i % 10 > 2], f"l{j}") for i in range(40) for j in (0, 1)])
    report = reward_accuracy(rankings, scores, planted(20, 2)[0], config=FAST, agreement=known)
    assert report.agreement == known
    assert report.share_of_ceiling == report.accuracy.value / report.ceiling


def test_calibration_of_a_calibrated_and_of_an_overconfident_model() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.exponential(1.5, size=20_000)
    is_right = generator.random(20_000) < 1 / (1 + np.exp(-sizes))
    margins = np.where(is_right, sizes, -sizes)
    bins = calibration_by_margin(margins)
    assert [(bin_.low, bin_.high) for bin_ in bins[:8]] == [(i / 2, i / 2 + 0.5) for i in range(8)]
    assert sum(bin_.num_pairs for bin_ in bins) == 20_000
    assert max(abs(bin_.expected - bin_.observed.value) for bin_ in bins) < 0.025
    assert "can be read as probabilities" in in_words(bins)
    overconfident = calibration_by_margin(3 * margins)
    assert "less often than its margins claim" in in_words(overconfident)
    assert "more often" in in_words(calibration_by_margin(margins / 3))


def test_calibration_extremes_and_bad_input() -> None:
    assert all(bin_.observed.value == 1 for bin_ in calibration_by_margin([0.1, 0.7, 9.0]))
    assert all(bin_.observed.value == 0 for bin_ in calibration_by_margin([-0.1, -0.7, -9.0]))
    assert calibration_by_margin([9.0])[0].high == 9.0
    for bad in ([], [float("nan")]):
        with pytest.raises(ValueError, match="finite"):
            calibration_by_margin(bad)


def test_nothing_to_measure_is_an_error() -> None:
    tied = [rank(0, ["a", "b"], [1, 1])]
    good, scores = planted(5, 1)
    with pytest.raises(ValueError, match="untied pair"):
        reward_accuracy(tied, [[0.0, 0.0]], good)
    with pytest.raises(ValueError, match="untied pair"):
        reward_accuracy(good, scores, tied)


def test_pairs_of_a_single_prompt_do_not_pass_for_certain() -> None:
    """Which joke is funnier? Hundreds of pairs, one prompt: the responses are resampled instead."""
    generator = np.random.default_rng(3)
    rankings, scores = [], []
    for number in range(300):
        texts = [f"{generator.choice(WORDS)} joke {generator.integers(200)}" for _ in range(2)]
        made = rank(0, texts, [1.0, 0.0], "l0", "held_out")
        rankings.append(made.model_copy(update={"id": str(number)}))
        scores.append([float(generator.random() < 0.6), 0.5])
    report = reward_accuracy(rankings, scores, rankings, config=FAST)
    assert report.num_prompts == 1
    for interval in (report.accuracy, report.baselines["tfidf"], report.gains["length"]):
        assert interval.high - interval.low > 0.05
    half = 1.96 * np.sqrt(0.6 * 0.4 / 300)
    assert half < (report.accuracy.high - report.accuracy.low) / 2 < 3 * half
