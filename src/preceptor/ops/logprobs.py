"""Log-probabilities of tokens without a [tokens × vocabulary] tensor in fp32.

log π(token) = logit[token] − logsumexp(logits), in fp32 at least, over logits divided by the sampling temperature.
"""

from collections.abc import Callable

import torch
from torch import Tensor
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


def chunked_logprobs(
    hidden_BTD: Tensor, head: Head, tokens_BT: Tensor, mask_BT: Tensor, *, temperature: float, chunk_size: int
) -> tuple[Tensor, Tensor]:
    """(logprobs_BT, entropy_BT) of tokens from the hidden states that predict them; 0 where masked.

    Only the counted tokens are computed, `chunk_size` of them at a time, and the logits of a chunk are computed again
    in the backward pass instead of kept: peak memory is chunk_size · V. Gradients flow through both results.
    """
    hidden_ND, tokens_N = hidden_BTD[mask_BT], tokens_BT[mask_BT]
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
    logprobs_N = torch.cat([logprobs for logprobs, _ in parts])
    entropy_N = torch.cat([entropies for _, entropies in parts])
    return _spread(logprobs_N, mask_BT), _spread(entropy_N, mask_BT)


def next_token_logprobs(
    hidden_BLD: Tensor, head: Head, tokens_BL: Tensor, mask_BL: Tensor, *, temperature: float, chunk_size: int
) -> tuple[Tensor, Tensor]:
    """(logprobs_BL, entropy_BL) of each token given those before it, where `mask_BL` is True; 0 elsewhere.

    Position l is predicted by the hidden state at l − 1, so the first column can never count.

    Raises:
        ValueError: the mask counts a first token, which nothing predicts.
    """
    if bool(mask_BL[:, 0].any()):
        raise ValueError("the first token of a row has no prediction and cannot count")
    columns = chunked_logprobs(
        hidden_BLD[:, :-1], head, tokens_BL[:, 1:], mask_BL[:, 1:], temperature=temperature, chunk_size=chunk_size
    )
    logprobs_BL, entropy_BL = (torch.nn.functional.pad(column, (1, 0)) for column in columns)
    return logprobs_BL, entropy_BL


def _head_logprobs(hidden_CD: Tensor, head: Head, tokens_C: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    logits_CV = head(hidden_CD)
    return token_logprobs(logits_CV, tokens_C, temperature=temperature), entropy(logits_CV, temperature=temperature)


def _chosen(logits: Tensor, tokens: Tensor) -> Tensor:
    return logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def _spread(values_N: Tensor, mask_BT: Tensor) -> Tensor:
    """Values back to where the mask is True; 0 elsewhere."""
    return torch.zeros(mask_BT.shape, dtype=values_N.dtype, device=values_N.device).masked_scatter(mask_BT, values_N)
