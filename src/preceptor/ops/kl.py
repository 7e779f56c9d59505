"""Estimators of KL(π ‖ π_ref) from samples of π, and the adaptive coefficient.

d = logprobs − ref_logprobs of sampled tokens: k1 = d, k2 = d²/2, k3 = e^−d − 1 + d (Schulman 2020, "Approximating KL
divergence"). k1 and k3 are unbiased, k2 is not. In the reward k1 is right; as losses k1 and k3 have the wrong gradient.
"""

from torch import Tensor

from preceptor.ops.masks import zero_masked


def log_ratio(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, *, max_log_ratio: float) -> Tensor:
    """d = logprobs − ref_logprobs within ±max_log_ratio, 0 where masked: safe to exponentiate."""
    return (zero_masked(logprobs, mask) - zero_masked(ref_logprobs, mask)).clamp(-max_log_ratio, max_log_ratio)


def k1(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    """d per token: unbiased, of either sign."""
    return zero_masked(logprobs, mask) - zero_masked(ref_logprobs, mask)


def k2(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    """d²/2 per token: biased, never negative."""
    return k1(logprobs, ref_logprobs, mask).square() / 2


def k3(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, *, max_log_ratio: float, max_value: float) -> Tensor:
    """e^−d − 1 + d per token: unbiased, never negative; d within ±max_log_ratio, the result at most `max_value`."""
    d = log_ratio(logprobs, ref_logprobs, mask, max_log_ratio=max_log_ratio)
    return ((-d).expm1() + d).clamp(max=max_value)


def next_kl_coef(
    coef: float, mean_kl: float, *, target: float, horizon: int, num_episodes: int, max_error: float = 0.2
) -> float:
    """β ← β · (1 + e · num_episodes / horizon), e = clip(mean_kl / target − 1, ±max_error).

    `mean_kl` and `target` are nats per response (sums over tokens). Ziegler et al. 2019, section 2.2.
    """
    error = min(max(mean_kl / target - 1, -max_error), max_error)
    return coef * (1 + error * num_episodes / horizon)
