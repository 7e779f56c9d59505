"""PPO on a batch small enough to compute by hand, padding included."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from preceptor.ops.masks import masked_mean, masked_var
from preceptor.text.batches import Rollout
from preceptor.training.algorithms.ppo import PPO
from tests.training.algorithms.tabular import RESPONSES, judged, new_algorithm, new_policy, rollout_of, total_loss


class Fixed(nn.Module):
    """Says what it is told: log-probabilities and values are its parameters."""

    def __init__(self, column: list[list[float]]) -> None:
        super().__init__()
        self.column = nn.Parameter(torch.tensor(column, dtype=torch.float64))

    def logprobs(self, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
        return self.column, torch.tensor([[0.5, 1.5], [1.0, 77.0]], dtype=torch.float64)

    def values(self, rollout: Rollout) -> Tensor:
        return self.column


def by_hand(**columns: list[Any]) -> Rollout:
    """Two responses, of two tokens and of one."""
    tensors = {name: torch.tensor(column, dtype=torch.float64) for name, column in columns.items()}
    return Rollout(**{**vars(rollout_of([[1, 5], [5]])), **tensors})


def test_credit_by_hand() -> None:
    # β = 0.5, log-ratios (0.2, −0.4) and (1.0), scores 1 and 3: rewards (−0.1, 1.2) and (2.5)
    # values (0.4, 0.6) and (2); γ = 1, λ = 0.5: δ = (−0.1 + 0.6 − 0.4, 1.2 − 0.6) = (0.1, 0.6) and 0.5
    # A = (0.1 + 0.5·0.6, 0.6) = (0.4, 0.6) and 0.5;  R = A + V = (0.8, 1.2) and 2.5
    algorithm = PPO(
        Fixed([[0.0, 0.0], [0.0, 0.0]]),
        Fixed([[0.4, 0.6], [2.0, 99.0]]),
        PPO.Config(gae_lambda=0.5, whiten_advantages=False),
    )
    rollout = by_hand(
        old_logprobs_BT=[[-1.0, -2.0], [-1.0, 0.0]], ref_logprobs_BT=[[-1.2, -1.6], [-2.0, 0.0]], scores_B=[1.0, 3.0]
    )
    credited = algorithm.credit(rollout, kl_coef=0.5)
    assert credited.rewards_BT.flatten().tolist() == pytest.approx([-0.1, 1.2, 2.5, 0.0], abs=1e-12)
    assert credited.advantages_BT.flatten().tolist() == pytest.approx([0.4, 0.6, 0.5, 0.0], abs=1e-12)
    assert credited.returns_BT.flatten().tolist() == pytest.approx([0.8, 1.2, 2.5, 0.0], abs=1e-12)
    # errors R − V are the advantages: mean 0.5, Var = (0.01 + 0.01 + 0)/3; R has mean 1.5, Var = (0.49 + 0.09 + 1)/3
    explained = algorithm.metrics(credited)["value/explained_variance"].item()
    assert explained == pytest.approx(1 - 0.02 / 1.58, abs=1e-12)


def test_loss_and_metrics_by_hand() -> None:
    # ratios 1.5 (A = 2, clipped), 0.5 (A = 1), 1.1 (A = −1); the fourth place is padding
    # policy: −2·1.2, −0.5, +1.1 → −1.8 / 3 = −0.6
    # values 1, 0.1, 0; old 0, 0, 0; returns 2, 2, 1 → max(1, 1.8²) = 3.24 clipped, 1.9² = 3.61, 1 → ½·7.85/3
    ratios = [1.5, 0.5, 1.1]
    algorithm = PPO(
        Fixed([[math.log(1.5), math.log(0.5)], [math.log(1.1), math.nan]]),
        Fixed([[1.0, 0.1], [0.0, math.inf]]),
        PPO.Config(value_coef=0.1),
    )
    minibatch = by_hand(
        old_logprobs_BT=[[0.0, 0.0], [0.0, 0.0]],
        advantages_BT=[[2.0, 1.0], [-1.0, math.nan]],
        values_BT=[[0.0, 0.0], [0.0, math.nan]],
        returns_BT=[[2.0, 2.0], [1.0, math.nan]],
    )
    loss, metrics = total_loss(algorithm, minibatch, num_tokens=3)
    value_loss = 0.5 * 7.85 / 3
    assert loss.item() == pytest.approx(-0.6 + 0.1 * value_loss, abs=1e-12)
    expected = {
        "ppo/policy_loss": -0.6,
        "ppo/clip_fraction": 1 / 3,
        "ppo/ratio_mean": 3.1 / 3,
        "ppo/ratio_var": (0.25 + 0.25 + 0.01) / 3,
        "ppo/entropy": (0.5 + 1.5 + 1.0) / 3,
        # k3 of KL(old ‖ new) = ρ − 1 − log ρ
        "kl/old": sum(ratio - 1 - math.log(ratio) for ratio in ratios) / 3,
        "value/loss": value_loss,
        "value/mean": 1.1 / 3,
        "value/clip_fraction": 1 / 3,
    }
    assert {name: value.item() for name, value in metrics.items()} == pytest.approx(expected, abs=1e-6)
    loss.backward()
    # −A·ρ / 3 where nothing is clipped; value_coef·(V − R) / 3 likewise
    assert algorithm.policy.column.grad.flatten().tolist() == pytest.approx([0.0, -0.5 / 3, 1.1 / 3, 0.0], abs=1e-12)
    assert algorithm.value_model.column.grad.flatten().tolist() == pytest.approx(
        [0.0, 0.1 * -1.9 / 3, 0.1 * -1.0 / 3, 0.0], abs=1e-12
    )


def test_advantages_are_whitened_over_real_tokens() -> None:
    rollout = new_algorithm("ppo").credit(judged(rollout_of(RESPONSES), new_policy(3)), kl_coef=0.1)
    mask = rollout.response_mask_BT
    assert masked_mean(rollout.advantages_BT, mask).item() == pytest.approx(0.0, abs=1e-12)
    assert masked_var(rollout.advantages_BT, mask).item() == pytest.approx(1.0, abs=1e-6)
    plain = new_algorithm("ppo", settings={"whiten_advantages": False})
    unwhitened = plain.credit(judged(rollout_of(RESPONSES), new_policy(3)), kl_coef=0.1)
    # returns are made of advantages before whitening
    torch.testing.assert_close(rollout.returns_BT, unwhitened.returns_BT, rtol=0, atol=0)
    torch.testing.assert_close(
        unwhitened.returns_BT, unwhitened.advantages_BT + rollout.values_BT * mask, rtol=0, atol=1e-12
    )


def test_whitened_rewards_keep_their_mean() -> None:
    before, after = (
        new_algorithm("ppo", settings={"whiten_rewards": is_white}).credit(
            judged(rollout_of(RESPONSES), new_policy(3)), kl_coef=0.1
        )
        for is_white in (False, True)
    )
    mask = before.response_mask_BT
    assert masked_mean(after.rewards_BT, mask).item() == pytest.approx(masked_mean(before.rewards_BT, mask).item())
    assert masked_var(after.rewards_BT, mask).item() == pytest.approx(1.0, abs=1e-6)
    assert abs(masked_var(before.rewards_BT, mask).item() - 1) > 0.01


def test_values_that_are_there_are_not_computed_again() -> None:
    rollout = judged(rollout_of(RESPONSES), new_policy(3))
    own = rollout.add(values_BT=torch.full(rollout.response_mask_BT.shape, 0.25, dtype=torch.float64))
    credited = new_algorithm("ppo").credit(own, kl_coef=0.1)
    assert (credited.values_BT == 0.25).all()


def test_the_value_model_learns_and_the_policy_does_not_feel_it() -> None:
    algorithm = new_algorithm("ppo")
    rollout = algorithm.credit(judged(rollout_of(RESPONSES), new_policy()), kl_coef=0.1)
    num_tokens = int(rollout.response_mask_BT.sum())
    before = None
    for value_coef in (0.1, 10.0):
        weighted = PPO(algorithm.policy, algorithm.value_model, PPO.Config(value_coef=value_coef))
        loss, _ = total_loss(weighted, rollout, num_tokens)
        policy_gradient, value_gradient = torch.autograd.grad(
            loss, [algorithm.policy.logits, algorithm.value_model.table]
        )
        if before is not None:
            torch.testing.assert_close(policy_gradient, before[0], rtol=0, atol=1e-12)
            torch.testing.assert_close(value_gradient, 100 * before[1], rtol=0, atol=1e-9)
        before = (policy_gradient, value_gradient)


def test_defaults_are_those_of_the_paper() -> None:
    config = PPO.Config()
    assert (config.clip, config.discount, config.num_epochs, config.minibatch_size) == (0.2, 1.0, 1, 64)
    assert (config.value_clip, config.value_coef, config.gae_lambda, config.temperature) == (0.2, 0.1, 0.95, 1.0)
    assert (config.whiten_advantages, config.whiten_rewards, config.missing_end_score) == (True, False, None)
