"""What every RL algorithm is: how it gives credit, and the losses that it descends."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

from pydantic import Field
from torch import Tensor, nn

from preceptor.config import BaseConfig
from preceptor.ops.kl import k3
from preceptor.ops.masks import masked_mean
from preceptor.ops.rewards import replace_unfinished, token_rewards
from preceptor.text.batches import Rollout

MAX_LOG_RATIO = 20.0
"""Log-ratios are kept within ± this before they are exponentiated: e²⁰ is finite, and its gradient is lost anyway."""
MAX_TOKEN_KL = 10.0
"""Largest reported KL estimate of one token."""


class PolicyModel(Protocol):
    """The policy as algorithms see it: a module that prices sampled responses."""

    def logprobs(self, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
        """(logprobs_BT, entropy_BT) of the response tokens, under logits divided by `temperature`."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """What trains."""
        ...


class ValueModel(Protocol):
    """The value model as algorithms see it."""

    def values(self, rollout: Rollout) -> Tensor:
        """(B, T): expected return before each response token is taken."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """What trains."""
        ...


class Loss(Protocol):
    """A loss and its metrics, of a part of a minibatch."""

    def __call__(self, minibatch: Rollout, num_tokens: int, num_responses: int) -> tuple[Tensor, dict[str, Tensor]]:
        """(loss, metrics) of responses from a minibatch that has `num_tokens` and `num_responses` in all.

        Both are shares: those of all parts sum to the minibatch's. `num_responses` is for means over responses.
        """
        ...


class AlgorithmSettings(BaseConfig):
    """What every algorithm is asked; `type` names the algorithm."""

    type: str
    """Which algorithm this is."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides logits, exactly as in sampling; otherwise the ratio is not 1 before the first update."""
    missing_end_score: float | None = None
    """Score of a response that did not end by itself, in place of the reward model's. None keeps the reward model's."""


class Algorithm(ABC):
    """Scores and log-probabilities in, a loss out. A new algorithm is one new file in this folder.

    `Config.type` is its name in recipes. Contract tests run over all algorithms.
    """

    Config: ClassVar[type[AlgorithmSettings]]
    needs_value_model: ClassVar[bool] = False

    def __init__(self, policy: PolicyModel, value_model: ValueModel | None, config: Any) -> None:
        if self.needs_value_model and value_model is None:
            raise ValueError(f"{type(self).__name__} needs a value model")
        self.policy = policy
        self.value_model = value_model if self.needs_value_model else None
        self.config = config

    @property
    def num_epochs(self) -> int:
        """Passes over each rollout."""
        return 1

    @property
    def minibatch_size(self) -> int:
        """Responses per optimiser step; by default all of the rollout."""
        return sys.maxsize

    @abstractmethod
    def credit(self, rollout: Rollout, kl_coef: float) -> Rollout:
        """Add rewards_BT, returns_BT and advantages_BT (and what they need) to a rollout with scores and references.

        Runs on the whole rollout, without gradients.
        """

    @property
    @abstractmethod
    def losses(self) -> Sequence[Loss]:
        """What is descended, the sum of these: one for each model, so that one model's activations live at a time."""

    def token_rewards(self, rollout: Rollout, kl_coef: float) -> Tensor:
        """The score, or `missing_end_score`, at the last token of each response, minus β·log-ratio on every token."""
        scores_B = replace_unfinished(
            rollout.scores_B, rollout.finished_B, missing_end_score=self.config.missing_end_score
        )
        return token_rewards(
            scores_B, rollout.old_logprobs_BT, rollout.ref_logprobs_BT, rollout.response_mask_BT, kl_coef=kl_coef
        )

    def metrics(self, rollout: Rollout) -> dict[str, Tensor]:
        """What is known of a whole rollout after `credit`."""
        return {}


def ratio_metrics(name: str, new_logprobs_BT: Tensor, minibatch: Rollout, num_tokens: int) -> dict[str, Tensor]:
    """How far the policy has moved from the sampler: shares that sum over the parts of a minibatch.

    ρ = exp(new − old): its mean and its variance about 1, which is the mean of ρ under the sampler;
    `kl/old` is the k3 estimate of KL(sampler ‖ policy) per token, never negative.
    """
    mask_BT = minibatch.response_mask_BT
    new_logprobs_BT = new_logprobs_BT.detach()
    log_ratio_BT = (new_logprobs_BT - minibatch.old_logprobs_BT).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    kl_BT = k3(minibatch.old_logprobs_BT, new_logprobs_BT, mask_BT, max_log_ratio=MAX_LOG_RATIO, max_value=MAX_TOKEN_KL)
    ratio_BT = log_ratio_BT.exp()
    return {
        f"{name}/ratio_mean": masked_mean(ratio_BT, mask_BT, denominator=num_tokens),
        f"{name}/ratio_var": masked_mean((ratio_BT - 1).square(), mask_BT, denominator=num_tokens),
        "kl/old": masked_mean(kl_BT, mask_BT, denominator=num_tokens),
    }
