"""Generalised advantages: by hand, against a naive loop, and its two limits."""

import math

import pytest
import torch
from torch import Tensor

from preceptor.ops.advantages import explained_variance, generalized_advantages, mean_of_others, rewards_to_go

MASK = torch.arange(6) < torch.tensor([[6], [1], [4], [3]])


def columns() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    rewards, values = (torch.randn(4, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    return rewards, values


def naive_advantages(rewards: Tensor, values: Tensor, mask: Tensor, discount: float, lam: float) -> Tensor:
    """One response, one token at a time, from Eq. 16 of Schulman et al. 2016."""
    advantages = torch.zeros_like(rewards)
    for row in range(len(rewards)):
        length = int(mask[row].sum())
        for t in range(length):
            for later in range(t, length):
                next_value = float(values[row, later + 1]) if later + 1 < length else 0.0
                delta = float(rewards[row, later]) + discount * next_value - float(values[row, later])
                advantages[row, t] += (discount * lam) ** (later - t) * delta
    return advantages


def test_by_hand() -> None:
    # rewards (1, 2), values (0.5, 1), γ = 0.9, λ = 0.5
    # δ₁ = 2 + 0 − 1 = 1;  δ₀ = 1 + 0.9·1 − 0.5 = 1.4;  A₁ = 1;  A₀ = 1.4 + 0.45·1 = 1.85;  R = A + V = (2.35, 2)
    advantages, returns = generalized_advantages(
        torch.tensor([[1.0, 2.0, 9.0]], dtype=torch.float64),
        torch.tensor([[0.5, 1.0, 9.0]], dtype=torch.float64),
        torch.tensor([[True, True, False]]),
        discount=0.9,
        gae_lambda=0.5,
    )
    assert advantages[0].tolist() == pytest.approx([1.85, 1.0, 0.0], abs=1e-12)
    assert returns[0].tolist() == pytest.approx([2.35, 2.0, 0.0], abs=1e-12)


@pytest.mark.parametrize(("discount", "lam"), [(1.0, 0.95), (0.9, 0.5), (0.99, 1.0), (1.0, 0.0)])
def test_vectorised_is_the_naive_loop(discount: float, lam: float) -> None:
    rewards, values = columns()
    advantages, returns = generalized_advantages(rewards, values, MASK, discount=discount, gae_lambda=lam)
    expected = naive_advantages(rewards, values, MASK, discount, lam)
    torch.testing.assert_close(advantages, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(returns, (expected + values) * MASK, rtol=0, atol=1e-12)


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_lambda_one_is_reward_to_go_minus_value(discount: float) -> None:
    rewards, values = columns()
    advantages, returns = generalized_advantages(rewards, values, MASK, discount=discount, gae_lambda=1.0)
    to_go = rewards_to_go(rewards, MASK, discount=discount)
    torch.testing.assert_close(advantages, (to_go - values) * MASK, rtol=0, atol=1e-12)
    torch.testing.assert_close(returns, to_go, rtol=0, atol=1e-12)


def test_lambda_zero_is_the_one_step_error() -> None:
    rewards, values = columns()
    advantages, _ = generalized_advantages(rewards, values, MASK, discount=0.9, gae_lambda=0.0)
    following = torch.nn.functional.pad((values * MASK)[:, 1:], (0, 1))
    torch.testing.assert_close(advantages, (rewards + 0.9 * following - values) * MASK, rtol=0, atol=1e-12)


def test_perfect_values_leave_no_advantage() -> None:
    rewards, _ = columns()
    values = rewards_to_go(rewards, MASK, discount=1.0)
    advantages, _ = generalized_advantages(rewards, values, MASK, discount=1.0, gae_lambda=0.95)
    assert advantages.abs().max() < 1e-12


def test_rewards_to_go_by_hand() -> None:
    # γ = 0.5: 4;  2 + 2 = 4;  1 + 2 = 3
    to_go = rewards_to_go(torch.tensor([[1.0, 2.0, 4.0, 8.0]]), torch.tensor([[True, True, True, False]]), discount=0.5)
    assert to_go[0].tolist() == [3.0, 4.0, 4.0, 0.0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_masked_values_and_padding_change_nothing(value: float) -> None:
    rewards, values = columns()
    clean = generalized_advantages(rewards, values, MASK, discount=1.0, gae_lambda=0.95)
    dirty = generalized_advantages(
        *(torch.nn.functional.pad(column.masked_fill(~MASK, value), (0, 3), value=value) for column in columns()),
        torch.nn.functional.pad(MASK, (0, 3)),
        discount=1.0,
        gae_lambda=0.95,
    )
    for one, other in zip(clean, dirty, strict=True):
        torch.testing.assert_close(other[:, :6], one, rtol=0, atol=0)
        assert (other[:, 6:] == 0).all()


def test_row_order_changes_nothing() -> None:
    rewards, values = columns()
    order = torch.tensor([2, 0, 3, 1])
    straight, _ = generalized_advantages(rewards, values, MASK, discount=1.0, gae_lambda=0.95)
    shuffled, _ = generalized_advantages(rewards[order], values[order], MASK[order], discount=1.0, gae_lambda=0.95)
    torch.testing.assert_close(shuffled, straight[order], rtol=0, atol=0)


def test_mean_of_others() -> None:
    # (2 + 6)/2, (1 + 6)/2, (1 + 2)/2
    assert mean_of_others(torch.tensor([1.0, 2.0, 6.0])).tolist() == [4.0, 3.5, 1.5]
    assert mean_of_others(torch.tensor([3.0])).tolist() == [0.0]


def test_explained_variance() -> None:
    returns = torch.tensor([[1.0, 2.0, math.nan], [3.0, 6.0, math.nan]])
    mask = torch.tensor([[True, True, False], [True, True, False]])
    # mean 3, Var(R) = (4 + 1 + 0 + 9)/4 = 3.5; errors (1, 0, 0, 1): mean ½, Var = ¼; 1 − 0.25/3.5
    values = torch.tensor([[0.0, 2.0, 7.0], [3.0, 5.0, 7.0]])
    assert explained_variance(values, returns, mask).item() == pytest.approx(1 - 0.25 / 3.5, abs=1e-6)
    assert explained_variance(returns, returns, mask).item() == 1.0
    assert explained_variance(torch.full((2, 3), 5.0), returns, mask).item() == pytest.approx(0.0, abs=1e-6)
    assert explained_variance(values, torch.ones(2, 3), mask).item() == 0.0
