"""Log-probabilities of tokens without a [tokens × vocabulary] tensor in fp32.

log π(token) = logit[token] − logsumexp(logits), in fp32 at least, over logits divided by the sampling temperature.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from preceptor.ops.masks import upcast

Head = Callable[[Tensor], Tensor]
"""Hidden states (…, D) → logits (…, V)."""


def token_logprobs(logits: Tensor, tokens: Tensor, *, temperature: float) -> Tensor:
    """Log-probability of each token under its logits, (…, V) and (…) → (…)."""
    scaled = upcast(logits) / temperature
    return _chosen(scaled, tokens) - scaled.logsumexp(dim=-1)


def entropy(logits: Tensor, *, temperature: float) -> Tensor:
    """H = −Σ p log p = logsumexp(z) − Σ softmax(z)·z in nats, (…, V) → (…); logits of −inf count as p = 0."""
    scaled = upcast(logits) / temperature
    expected = (scaled.softmax(dim=-1) * scaled.masked_fill(scaled.isneginf(), 0.0)).sum(dim=-1)
    return scaled.logsumexp(dim=-1) - expected


class _LogprobsAndEntropy(torch.autograd.Function):
    """∂log p(y)/∂z = onehot(y) − p and ∂H/∂z = −p·(log p + H), from the logits as they came in."""

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, tokens_N: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        scaled_NV = upcast(logits_NV) / temperature
        total_N = scaled_NV.logsumexp(dim=-1)
        logprobs_N = _chosen(scaled_NV, tokens_N) - total_N
        probabilities_NV = (scaled_NV - total_N.unsqueeze(-1)).exp_()
        entropy_N = total_N - probabilities_NV.mul_(_finite(scaled_NV)).sum(dim=-1)  # autocast would halve a product
        ctx.save_for_backward(logits_NV, tokens_N, total_N, entropy_N)
        ctx.temperature = temperature
        ctx.set_materialize_grads(False)
        return logprobs_N, entropy_N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_logprobs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor, None, None]:
        logits_NV, tokens_N, total_N, entropy_N = ctx.saved_tensors
        logprobs_NV = upcast(logits_NV) / ctx.temperature - total_N.unsqueeze(-1)
        weight_NV = torch.zeros_like(total_N).unsqueeze(-1)  # the gradient is −p · weight, beside each token's own
        if grad_logprobs_N is not None:
            weight_NV = weight_NV + grad_logprobs_N.unsqueeze(-1) / ctx.temperature
        if grad_entropy_N is not None:
            slope_N = grad_entropy_N / ctx.temperature
            weight_NV = weight_NV + slope_N.unsqueeze(-1) * (_finite(logprobs_NV) + entropy_N.unsqueeze(-1))
        grad_NV = logprobs_NV.exp_().mul_(-weight_NV)
        if grad_logprobs_N is not None:
            grad_NV.scatter_add_(-1, tokens_N.unsqueeze(-1), grad_logprobs_N.unsqueeze(-1) / ctx.temperature)
        return grad_NV.to(logits_NV.dtype), None, None


def logprobs_and_entropy(logits_NV: Tensor, tokens_N: Tensor, *, temperature: float) -> tuple[Tensor, Tensor]:
    """(log-probability of each token, entropy of each distribution) in nats, (N, V) and (N) → (N), (N).

    Both in one pass, with a backward pass that keeps the logits alone and no fp32 copy of them. An entropy that is not
    differentiated costs nothing there.
    """
    logprobs_N, entropy_N = _LogprobsAndEntropy.apply(logits_NV, tokens_N, temperature)  # type: ignore[no-untyped-call]
    return logprobs_N, entropy_N


def chunked_logprobs(
    hidden_ND: Tensor, head: Head, tokens_N: Tensor, *, temperature: float, chunk_size: int
) -> tuple[Tensor, Tensor]:
    """(logprobs_N, entropy_N) of tokens from the hidden states that predict them.

    The logits of `chunk_size` tokens at a time are computed, and computed again in the backward pass instead of kept:
    peak memory is chunk_size · V. Gradients flow through both results.
    """
    recompute = torch.is_grad_enabled() and len(tokens_N) > chunk_size
    parts = []
    for chunk_CD, chunk_C in zip(torch.split(hidden_ND, chunk_size), torch.split(tokens_N, chunk_size), strict=True):
        if recompute:
            part = checkpoint(
                _head_logprobs, chunk_CD, head, chunk_C, temperature, use_reentrant=False, preserve_rng_state=False
            )
        else:
            part = _head_logprobs(chunk_CD, head, chunk_C, temperature)
        parts.append(part)
    return torch.cat([logprobs for logprobs, _ in parts]), torch.cat([entropies for _, entropies in parts])


def _head_logprobs(hidden_CD: Tensor, head: Head, tokens_C: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    return logprobs_and_entropy(head(hidden_CD), tokens_C, temperature=temperature)


def _chosen(logits: Tensor, tokens: Tensor) -> Tensor:
    return logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def _finite(x: Tensor) -> Tensor:
    """−∞ as a very small number, since 0 · −∞ is NaN."""
    return x.clamp(min=-1e30)
