"""What is chosen against known optima: closed forms, brute force, and controls in which nothing is to be found."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from preceptor.prompts.selecting import by_coverage, by_random, by_uncertainty, most_disputed, use_case_of
from preceptor.records import USE_CASES, Message, Prompt


def prompt(name: str, use_case: str | None = None, predicted: object = None) -> Prompt:
    metadata = {} if predicted is None else {"predicted": {"use_case": predicted, "probability": 0.7}}
    fields = {"id": name, "use_case": use_case, "metadata": metadata}
    return Prompt.model_validate({**fields, "messages": (Message(role="user", content=name),)})


def some(**counts: int) -> list[Prompt]:
    return [prompt(f"{case}-{number}", case) for case, num in counts.items() for number in range(num)]


def unevenness(labeled: dict[str, int], chosen: list[Prompt] | tuple[Prompt, ...]) -> int:
    counts = Counter(labeled) + Counter(row.use_case for row in chosen)
    return sum(num**2 for num in counts.values())


@pytest.mark.parametrize("seed", range(6))
def test_coverage_is_as_good_as_the_best_of_all_choices(seed: int) -> None:
    chance = np.random.default_rng(seed)
    cases = USE_CASES[:4]
    pool = some(**{case: int(chance.integers(0, 5)) for case in cases}, other=1)
    labeled = {case: int(chance.integers(0, 7)) for case in cases}
    for num in range(1, 6):
        best = min(unevenness(labeled, choice) for choice in combinations(pool, num))
        assert unevenness(labeled, by_coverage(pool, labeled, num, seed)) == best


def test_coverage_by_hand() -> None:
    pool = some(chat=50, rewrite=5, extract=2)
    chosen = Counter(row.use_case for row in by_coverage(pool, {"chat": 10, "rewrite": 4}, 9, 0))
    assert chosen == {"extract": 2, "rewrite": 5, "chat": 2}  # 12, 9 and 2: the pool has no more of the others


def test_coverage_at_random_is_worse() -> None:
    """The control: what `by_random` takes of an uneven pool is uneven."""
    pool = some(chat=90, rewrite=20, extract=20)
    assert unevenness({}, by_coverage(pool, {}, 30, 0)) == 3 * 10**2
    assert unevenness({}, by_random(pool, 30, 0)) > 350


def test_a_given_use_case_goes_before_a_predicted_one_and_unknown_ones_come_last() -> None:
    assert use_case_of(prompt("a", "chat", "extract")) == "chat"
    assert use_case_of(prompt("b", None, "extract")) == "extract"
    assert [use_case_of(prompt("c", None, odd)) for odd in (None, "no such", 3, ["chat"])] == [None] * 4
    assert use_case_of(Prompt.model_validate({**prompt("d").model_dump(), "metadata": {"predicted": "chat"}})) is None
    pool = [prompt("a"), prompt("b"), prompt("c", None, "extract"), prompt("d", "chat")]
    chosen = by_coverage(pool, {"chat": 100, "extract": 90}, 4, 0)
    assert [row.id for row in chosen[:2]] == ["c", "d"]
    assert {row.id for row in chosen} == set("abcd")


def test_random_depends_on_seed_and_ids_alone() -> None:
    pool = some(chat=40)
    assert by_random(pool, 10, 0) == by_random(pool[::-1], 10, 0)
    assert by_random(pool, 10, 0) != by_random(pool, 10, 1)
    assert by_random(pool[:35], 3, 0) == [row for row in by_random(pool, 40, 0) if row in pool[:35]][:3]
    assert by_coverage(pool, {}, 10, 0) == by_coverage(pool[::-1], {}, 10, 0) == by_random(pool, 10, 0)


def test_disagreement_of_two_members_has_a_closed_form() -> None:
    """Two members with margins ±m: σ(m) and 1 − σ(m), whose standard deviation is σ(m) − ½."""
    for margin in (0.1, 1.0, 3.0):
        pair = most_disputed(np.array([[margin, 0.0], [0.0, margin]]))
        assert pair.disagreement == pytest.approx(1 / (1 + np.exp(-margin)) - 0.5, abs=1e-12)
    assert most_disputed(np.array([[800.0, 0.0], [0.0, 800.0]])).disagreement == pytest.approx(0.5)


def test_the_most_disputed_pair_is_found() -> None:
    """All agree that c is best; a and b are what they disagree about."""
    pair = most_disputed(np.array([[1.0, -1.0, 9.0], [-1.0, 1.0, 9.0], [0.0, 0.0, 9.0]]))
    assert (pair.left, pair.right) == (0, 1)
    probabilities = 1 / (1 + np.exp(-np.array([2.0, -2.0, 0.0])))
    assert pair.disagreement == pytest.approx(np.std(probabilities), abs=1e-12)


def test_a_known_ensemble_gives_a_known_order() -> None:
    """The wider two members' margins lie apart, the earlier the prompt comes."""
    pool = some(chat=6)
    margins = {row.id: 0.3 * place for place, row in enumerate(pool)}
    disagreement = {
        row.id: most_disputed(np.array([[margins[row.id], 0.0], [0.0, margins[row.id]]])).disagreement for row in pool
    }
    assert by_uncertainty(pool, disagreement, 4, 0) == [pool[place] for place in (5, 4, 3, 2)]


def test_members_that_are_one_and_the_same_leave_it_to_chance() -> None:
    """The negative control: no disagreement at all, not even by rounding, so the order is that of `random`."""
    pool, chance = some(chat=50), np.random.default_rng(0)
    disagreement = {
        row.id: most_disputed(np.repeat(chance.normal(size=(1, 4)), 3, axis=0)).disagreement for row in pool
    }
    assert set(disagreement.values()) == {0.0}
    assert by_uncertainty(pool, disagreement, 20, 7) == by_random(pool, 20, 7)


def test_a_score_that_one_member_adds_to_all_responses_changes_nothing() -> None:
    scores = np.random.default_rng(1).normal(size=(3, 4))
    moved = most_disputed(scores + np.array([[5.0], [-2.0], [0.5]]))
    pair = most_disputed(scores)
    assert (moved.left, moved.right) == (pair.left, pair.right)
    assert moved.disagreement == pytest.approx(pair.disagreement)
