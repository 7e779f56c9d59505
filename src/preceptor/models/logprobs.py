"""Log-probabilities and entropies from logits, with a backward pass that keeps no fp32 copy of them.

Shapes: N tokens, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor


class _TokenLogprobs(torch.autograd.Function):
    """log π(token) = z[token] − logsumexp(z), z = logits / temperature in fp32; ∂/∂z = onehot(token) − softmax(z)."""

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, tokens_N: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        scaled_NV = logits_NV.float() / temperature if temperature != 1.0 else logits_NV.float()
        total_N = scaled_NV.logsumexp(dim=-1)
        logprobs_N = scaled_NV.gather(-1, tokens_N[:, None]).squeeze(-1) - total_N
        probabilities_NV = (scaled_NV - total_N[:, None]).exp_()
        finite_NV = scaled_NV.clamp(min=torch.finfo(torch.float32).min)  # 0 · −∞ would be NaN
        entropy_N = total_N - torch.einsum("nv,nv->n", probabilities_NV, finite_NV)
        ctx.save_for_backward(logits_NV, tokens_N, total_N)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy_N)
        return logprobs_N, entropy_N

    @staticmethod
    def backward(ctx: Any, grad_N: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        logits_NV, tokens_N, total_N = ctx.saved_tensors
        slope_N = (grad_N / ctx.temperature)[:, None]
        scaled_NV = logits_NV.float() / ctx.temperature if ctx.temperature != 1.0 else logits_NV.float()
        grad_NV = (scaled_NV - total_N[:, None]).exp_().mul_(-slope_N)
        grad_NV.scatter_add_(-1, tokens_N[:, None], slope_N)
        return grad_NV.to(logits_NV.dtype), None, None


def logprobs_and_entropy(logits_NV: Tensor, tokens_N: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """(log-probability of each token, entropy of each distribution) in nats; no gradient flows through the entropy."""
    return _TokenLogprobs.apply(logits_NV, tokens_N, temperature)
