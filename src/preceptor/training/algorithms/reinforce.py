"""REINFORCE (Williams 1992): the policy gradient, and nothing else."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from preceptor.ops.advantages import mean_of_others, rewards_to_go
from preceptor.ops.losses import policy_gradient_loss
from preceptor.ops.masks import masked_mean, zero_masked
from preceptor.text.batches import Rollout
from preceptor.training.algorithms.base import Algorithm, AlgorithmSettings, Loss, ratio_metrics


class REINFORCE(Algorithm):
    """∇J = E[Σ_t ∇log π(token_t) · (R_t − b)], R_t = Σ_{k ≥ t} reward_k, reward = score at the end − β·log-ratio.

    Derivation: J = E_π[R], and ∇E_π[R] = E_π[R·∇log π] since ∇π = π·∇log π. A token does not change rewards before it,
    whose products have expectation 0, so R becomes the reward-to-go. The same holds of any baseline b that does not
    depend on the response: it changes the variance, not the expectation. The identity needs samples of the policy
    itself, so each rollout is used for exactly one step.
    """

    class Config(AlgorithmSettings):
        """REINFORCE."""

        type: Literal["reinforce"] = "reinforce"
        """Which algorithm this is."""
        baseline: Literal["none", "mean"] = "none"
        """none: as derived. mean: less variance, by the mean return of the other responses of the rollout."""

    def credit(self, rollout: Rollout, kl_coef: float) -> Rollout:
        """Advantage = reward-to-go − baseline."""
        mask_BT = rollout.response_mask_BT
        with torch.no_grad():
            rewards_BT = self.token_rewards(rollout, kl_coef)
            returns_BT = rewards_to_go(rewards_BT, mask_BT, discount=1.0)
            advantages_BT = returns_BT
            if self.config.baseline == "mean":
                baseline_B = mean_of_others(rewards_BT.sum(dim=1))
                advantages_BT = zero_masked(returns_BT - baseline_B.unsqueeze(1), mask_BT)
        return rollout.add(rewards_BT=rewards_BT, returns_BT=returns_BT, advantages_BT=advantages_BT)

    @property
    def losses(self) -> Sequence[Loss]:
        """−Σ A·log π / num_responses: its gradient is the estimate of −∇J."""
        return (self._policy_loss,)

    def _policy_loss(self, minibatch: Rollout, num_tokens: int, num_responses: int) -> tuple[Tensor, dict[str, Tensor]]:
        new_logprobs_BT, entropy_BT = self.policy.logprobs(minibatch, self.config.temperature)
        mask_BT = minibatch.response_mask_BT
        loss = policy_gradient_loss(new_logprobs_BT, minibatch.advantages_BT, mask_BT, num_tokens=num_responses)
        metrics = {
            "reinforce/loss": loss.detach(),
            "reinforce/entropy": masked_mean(entropy_BT.detach(), mask_BT, denominator=num_tokens),
        }
        return loss, metrics | ratio_metrics("reinforce", new_logprobs_BT, minibatch, num_tokens)
