"""The reward model's loss on rankings of any K."""

import math
from itertools import combinations
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from preceptor.ops.losses import ranking_loss

Weight = Literal["all", "untied"]

# five rankings of K = 4, 2, 5, 3 (all tied) and 9, with their rows mixed
SIZES = (4, 2, 5, 3, 9)
RANKS = ([0, 1, 1, 2], [1, 0], [2, 0, 0, 0, 1], [0, 0, 0], [8, 3, 1, 0, 2, 4, 5, 7, 6])


def mixed_rankings() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([i for i, size in enumerate(SIZES) for _ in range(size)])
    ranks = torch.tensor([rank for row in RANKS for rank in row])
    order = torch.randperm(len(ids), generator=generator)
    return torch.randn(len(ids), generator=generator, dtype=torch.float64) * 3, ids[order], ranks[order]


def naive(scores: Tensor, ids: Tensor, ranks: Tensor, pair_weight: Weight) -> tuple[float, float, int]:
    """Pair by pair, as Eq. 1 reads."""
    total, correct, num_pairs = 0.0, 0.0, 0
    for ranking in set(ids.tolist()):
        rows = [i for i in range(len(ids)) if int(ids[i]) == ranking]
        pairs = [(i, j) if ranks[i] < ranks[j] else (j, i) for i, j in combinations(rows, 2) if ranks[i] != ranks[j]]
        weight = math.comb(len(rows), 2) if pair_weight == "all" else len(pairs)
        for chosen, rejected in pairs:
            margin = float(scores[chosen] - scores[rejected])
            total += math.log1p(math.exp(-margin)) / weight
            correct += margin > 0
        num_pairs += len(pairs)
    return total, correct, num_pairs


def test_by_hand() -> None:
    # K = 3 with ranks 0, 1, 1 and scores 1, 0, 2: pairs (1, 0): log(1 + e^−1), (1, 2): log(1 + e); the tie is free
    scores, ids, ranks = (
        torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64),
        torch.zeros(3).long(),
        torch.tensor([0, 1, 1]),
    )
    total = math.log(1 + math.exp(-1)) + math.log(1 + math.e)
    loss, correct, num_pairs = ranking_loss(scores, ids, ranks, pair_weight="all")
    assert (loss.item(), correct.item(), num_pairs.item()) == (pytest.approx(total / 3, abs=1e-12), 1.0, 2)
    loss, _, _ = ranking_loss(scores, ids, ranks, pair_weight="untied")
    assert loss.item() == pytest.approx(total / 2, abs=1e-12)


@pytest.mark.parametrize("pair_weight", ["all", "untied"])
def test_k_wise_is_the_naive_loop(pair_weight: Weight) -> None:
    scores, ids, ranks = mixed_rankings()
    loss, correct, num_pairs = ranking_loss(scores, ids, ranks, pair_weight=pair_weight)
    expected = naive(scores, ids, ranks, pair_weight)
    assert (loss.item(), correct.item(), num_pairs.item()) == (
        pytest.approx(expected[0], abs=1e-10), expected[1], expected[2],
    )  # fmt: skip


@pytest.mark.parametrize("pair_weight", ["all", "untied"])
def test_two_responses_are_the_pair_loss(pair_weight: Weight) -> None:
    chosen, rejected = torch.tensor([1.5, -2.0], dtype=torch.float64), torch.tensor([0.25, 3.0], dtype=torch.float64)
    scores = torch.stack([chosen, rejected], dim=1).flatten()
    loss, _, _ = ranking_loss(scores, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]), pair_weight=pair_weight)
    expected = -torch.nn.functional.logsigmoid(chosen - rejected).sum()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize("pair_weight", ["all", "untied"])
def test_a_shift_of_a_ranking_changes_nothing(pair_weight: Weight) -> None:
    scores, ids, ranks = mixed_rankings()
    shifted = scores + torch.tensor([10.0, -3.0, 0.5, 7.0, 100.0], dtype=torch.float64)[ids]
    before, after = (ranking_loss(x, ids, ranks, pair_weight=pair_weight)[0].item() for x in (scores, shifted))
    assert after == pytest.approx(before, abs=1e-10)


def test_row_order_changes_nothing() -> None:
    scores, ids, ranks = mixed_rankings()
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(1))
    before = ranking_loss(scores, ids, ranks, pair_weight="all")[0].item()
    after = ranking_loss(scores[order], ids[order], ranks[order], pair_weight="all")[0].item()
    assert after == pytest.approx(before, abs=1e-12)


def test_rankings_add_up() -> None:
    scores, ids, ranks = mixed_rankings()
    whole = [float(x) for x in ranking_loss(scores, ids, ranks, pair_weight="all")]
    parts = [ranking_loss(scores[ids == i], ids[ids == i], ranks[ids == i], pair_weight="all") for i in range(5)]
    assert [sum(float(part[n]) for part in parts) for n in range(3)] == pytest.approx(whole, abs=1e-10)


def test_ties_and_single_responses_cost_nothing_and_pull_nowhere() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0]).requires_grad_()
    loss, correct, num_pairs = ranking_loss(
        scores, torch.tensor([0, 0, 1]), torch.tensor([5, 5, 0]), pair_weight="untied"
    )
    loss.backward()
    assert (loss.item(), correct.item(), num_pairs.item()) == (0.0, 0.0, 0)
    assert scores.grad is not None
    assert scores.grad.tolist() == [0.0, 0.0, 0.0]


def test_equal_scores_are_half_right() -> None:
    _, correct, num_pairs = ranking_loss(torch.zeros(2), torch.zeros(2).long(), torch.tensor([0, 1]), pair_weight="all")
    assert (correct.item(), num_pairs.item()) == (0.5, 1)


def test_large_margins_stay_finite_in_half_precision() -> None:
    scores = torch.tensor([-300.0, 300.0], dtype=torch.bfloat16)
    loss, _, _ = ranking_loss(scores, torch.zeros(2).long(), torch.tensor([0, 1]), pair_weight="all")
    assert (loss.item(), loss.dtype) == (600.0, torch.float32)


@pytest.mark.parametrize("pair_weight", ["all", "untied"])
def test_gradcheck(pair_weight: Weight) -> None:
    scores, ids, ranks = mixed_rankings()
    assert gradcheck(lambda x: ranking_loss(x, ids, ranks, pair_weight=pair_weight)[0], (scores.requires_grad_(),))
