"""Where the score lands, what the KL costs, and that nothing is lost between them."""

import math

import pytest
import torch

from preceptor.ops.rewards import replace_unfinished, token_rewards

MASK = torch.tensor([[True, True, True], [True, False, False]])
OLD = torch.tensor([[-1.0, -2.0, -3.0], [-0.5, 0.0, 0.0]], dtype=torch.float64)
REF = torch.tensor([[-1.5, -1.0, -3.5], [-1.0, 0.0, 0.0]], dtype=torch.float64)
SCORES = torch.tensor([2.0, -1.0], dtype=torch.float64)


def test_token_rewards_by_hand() -> None:
    # β = 0.1: −0.1·0.5 = −0.05; −0.1·(−1) = 0.1; −0.1·0.5 + 2 = 1.95 at the end token;  −0.1·0.5 − 1 = −1.05
    expected = torch.tensor([[-0.05, 0.1, 1.95], [-1.05, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(token_rewards(SCORES, OLD, REF, MASK, kl_coef=0.1), expected, rtol=0, atol=1e-12)


def test_rewards_sum_to_score_minus_kl() -> None:
    generator = torch.Generator().manual_seed(0)
    old, ref = (torch.randn(6, 9, generator=generator, dtype=torch.float64) for _ in range(2))
    scores = torch.randn(6, generator=generator, dtype=torch.float64)
    mask = torch.arange(9) < torch.tensor([[1], [2], [9], [5], [8], [3]])
    rewards = token_rewards(scores, old, ref, mask, kl_coef=0.3)
    expected = scores - 0.3 * ((old - ref) * mask).sum(dim=1)
    torch.testing.assert_close(rewards.sum(dim=1), expected, rtol=0, atol=1e-12)


def test_the_score_lands_on_the_end_token_and_nowhere_else() -> None:
    difference = token_rewards(SCORES, OLD, REF, MASK, kl_coef=0.1) - token_rewards(
        torch.zeros(2, dtype=torch.float64), OLD, REF, MASK, kl_coef=0.1
    )
    torch.testing.assert_close(
        difference, torch.tensor([[0.0, 0.0, 2.0], [-1.0, 0.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_without_coefficient_only_the_score_is_left() -> None:
    rewards = token_rewards(SCORES, OLD, REF, MASK, kl_coef=0.0)
    torch.testing.assert_close(rewards.sum(dim=1), SCORES, rtol=0, atol=0)
    assert int((rewards != 0).sum()) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_masked_logprobs_change_nothing(value: float) -> None:
    dirty = token_rewards(SCORES, OLD.masked_fill(~MASK, value), REF.masked_fill(~MASK, -value), MASK, kl_coef=0.1)
    torch.testing.assert_close(dirty, token_rewards(SCORES, OLD, REF, MASK, kl_coef=0.1), rtol=0, atol=0)


def test_an_empty_response_has_no_place_for_its_score() -> None:
    with pytest.raises(ValueError, match="no token"):
        token_rewards(SCORES, OLD, REF, MASK & torch.tensor([[True], [False]]), kl_coef=0.1)


def test_an_unfinished_response_gets_exactly_the_configured_score() -> None:
    finished = torch.tensor([True, False])
    assert replace_unfinished(SCORES, finished, missing_end_score=-7.0).tolist() == [2.0, -7.0]
    assert replace_unfinished(SCORES, finished, missing_end_score=None).tolist() == [2.0, -1.0]
    assert SCORES.tolist() == [2.0, -1.0]
