"""PPO (Schulman et al. 2017) as Ouyang et al. 2022 use it: clipped ratios, a separate value model, KL in the reward."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from preceptor.ops.advantages import explained_variance, generalized_advantages
from preceptor.ops.losses import clipped_policy_loss, clipped_value_loss, is_policy_clipped, is_value_clipped
from preceptor.ops.masks import masked_mean, upcast, whiten
from preceptor.text.batches import Rollout
from preceptor.training.algorithms.base import MAX_LOG_RATIO, Algorithm, AlgorithmSettings, Loss, ratio_metrics

WHITEN_EPS = 1e-8
"""Added to the variance, as in Ziegler et al. 2019."""


class PPO(Algorithm):
    """Several clipped steps on each rollout, with advantages from a learned value model.

    Advantages and returns are estimated once per rollout, with the values of the sampling policy, and whitened over
    all its tokens. Defaults are Ouyang et al. 2022, appendix C; where the paper is silent (λ, the clip and weight of
    the value loss), those of Huang et al. 2024.
    """

    needs_value_model = True

    class Config(AlgorithmSettings):
        """PPO."""

        type: Literal["ppo"] = "ppo"
        """Which algorithm this is."""
        clip: float = Field(default=0.2, gt=0)
        """ε: the policy gains nothing from ratios outside [1 − ε, 1 + ε]."""
        value_clip: float | None = Field(default=0.2, gt=0)
        """Values gain nothing by moving further than this from those of the rollout. None does not clip."""
        value_coef: float = Field(default=0.1, gt=0)
        """Weight of the value loss beside the policy loss."""
        gae_lambda: float = Field(default=0.95, ge=0, le=1)
        """λ of generalised advantage estimation: 1 trusts rewards, 0 trusts the value model."""
        discount: float = Field(default=1.0, gt=0, le=1)
        """γ; the paper does not discount."""
        whiten_advantages: bool = True
        """Give the advantages of a rollout mean 0 and variance 1."""
        whiten_rewards: bool = False
        """Give rewards variance 1, their mean kept. It shortened responses in Huang et al. 2024."""
        num_epochs: int = Field(default=1, ge=1)
        """Passes over each rollout, each in a fresh order."""
        minibatch_size: int = Field(default=64, ge=1)
        """Responses per optimiser step."""

    @property
    def num_epochs(self) -> int:
        """Passes over each rollout."""
        return int(self.config.num_epochs)

    @property
    def minibatch_size(self) -> int:
        """Responses per optimiser step."""
        return int(self.config.minibatch_size)

    def credit(self, rollout: Rollout, kl_coef: float) -> Rollout:
        """Generalised advantages; the values of the rollout are computed here unless it has them already."""
        config, mask_BT = self.config, rollout.response_mask_BT
        with torch.no_grad():
            if rollout.values_BT is None:
                rollout = rollout.add(values_BT=upcast(self.value_model.values(rollout)))
            rewards_BT = self.token_rewards(rollout, kl_coef)
            if config.whiten_rewards:
                rewards_BT = whiten(rewards_BT, mask_BT, shift_mean=False, eps=WHITEN_EPS)
            advantages_BT, returns_BT = generalized_advantages(
                rewards_BT, rollout.values_BT, mask_BT, discount=config.discount, gae_lambda=config.gae_lambda
            )
            if config.whiten_advantages:
                advantages_BT = whiten(advantages_BT, mask_BT, shift_mean=True, eps=WHITEN_EPS)
        return rollout.add(rewards_BT=rewards_BT, returns_BT=returns_BT, advantages_BT=advantages_BT)

    @property
    def losses(self) -> Sequence[Loss]:
        """Clipped policy loss + value_coef · clipped value loss, both means over response tokens."""
        return (self._policy_loss, self._value_loss)

    def _policy_loss(self, minibatch: Rollout, num_tokens: int, num_responses: int) -> tuple[Tensor, dict[str, Tensor]]:
        config, mask_BT = self.config, minibatch.response_mask_BT
        new_logprobs_BT, entropy_BT = self.policy.logprobs(minibatch, config.temperature)
        terms = (new_logprobs_BT, minibatch.old_logprobs_BT, minibatch.advantages_BT, mask_BT)
        loss = clipped_policy_loss(*terms, clip=config.clip, max_log_ratio=MAX_LOG_RATIO, num_tokens=num_tokens)
        with torch.no_grad():
            clipped_BT = is_policy_clipped(*terms, clip=config.clip, max_log_ratio=MAX_LOG_RATIO)
            metrics = {
                "ppo/policy_loss": loss.detach(),
                "ppo/clip_fraction": clipped_BT.sum() / num_tokens,
                "ppo/entropy": masked_mean(entropy_BT, mask_BT, denominator=num_tokens),
            }
        return loss, metrics | ratio_metrics("ppo", new_logprobs_BT, minibatch, num_tokens)

    def _value_loss(self, minibatch: Rollout, num_tokens: int, num_responses: int) -> tuple[Tensor, dict[str, Tensor]]:
        config, mask_BT = self.config, minibatch.response_mask_BT
        new_values_BT = upcast(self.value_model.values(minibatch))
        terms = (new_values_BT, minibatch.values_BT, minibatch.returns_BT, mask_BT)
        loss = clipped_value_loss(*terms, clip=config.value_clip, num_tokens=num_tokens)
        with torch.no_grad():
            metrics = {
                "value/loss": loss.detach(),
                "value/mean": masked_mean(new_values_BT, mask_BT, denominator=num_tokens),
            }
            if config.value_clip is not None:
                clipped_BT = is_value_clipped(*terms, clip=config.value_clip)
                metrics["value/clip_fraction"] = clipped_BT.sum() / num_tokens
        return config.value_coef * loss, metrics

    def metrics(self, rollout: Rollout) -> dict[str, Tensor]:
        """How much of the variance of returns the rollout's values explain."""
        return {
            "value/explained_variance": explained_variance(
                rollout.values_BT, rollout.returns_BT, rollout.response_mask_BT
            )
        }
