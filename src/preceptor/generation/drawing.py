"""One token from each row's logits.

Shapes: B rows, V vocabulary.
"""

import torch
from torch import Tensor

from preceptor.ops.compiled import address
from preceptor.ops.decoding import kernels
from preceptor.records import Sampling


def uniforms(seed: int, num: int) -> Tensor:
    """The numbers in [0, 1) that decide a row's tokens."""
    return torch.rand(num, generator=torch.Generator().manual_seed(seed))


def draw(logits_BV: Tensor, uniform_B: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """(tokens_B, logprobs_B): the smallest token whose cumulative probability exceeds the row's uniform number.

    Log-probabilities are those of softmax(logits / temperature), of softmax(logits) when temperature is 0.
    """
    is_plain = sampling.temperature == 0 or (sampling.top_p == 1 and not sampling.top_k)
    if is_plain and logits_BV.device.type == "cpu" and kernels(logits_BV.dtype) is not None:
        return _draw_fused(logits_BV.contiguous(), uniform_B, sampling.temperature)
    return draw_plain(logits_BV, uniform_B, sampling)


def _draw_fused(logits_BV: Tensor, uniform_B: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    token_B, logprob_B = torch.empty(len(logits_BV), dtype=torch.long), torch.empty(len(logits_BV))
    tensors = (logits_BV, uniform_B.contiguous(), token_B, logprob_B)
    kernel = kernels(logits_BV.dtype)
    assert kernel is not None
    kernel.draw(*map(address, tensors), *logits_BV.shape, 1 / (temperature or 1), temperature == 0)
    return token_B, logprob_B


def draw_plain(logits_BV: Tensor, uniform_B: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """`draw` in plain torch, on any device."""
    logits_BV = logits_BV.float()
    if sampling.temperature == 0:
        token_B = logits_BV.argmax(dim=-1)
    else:
        logits_BV = logits_BV / sampling.temperature
        kept_BV = _cut(logits_BV, sampling)
        token_B = _inverse_cdf((kept_BV - kept_BV.amax(dim=-1, keepdim=True)).exp_(), uniform_B)
    chosen_B = logits_BV.gather(-1, token_B[:, None]).squeeze(-1)
    return token_B, chosen_B - logits_BV.logsumexp(dim=-1)


def _inverse_cdf(weight_BV: Tensor, uniform_B: Tensor) -> Tensor:
    """One token per row with probability weight / Σ weight; never one of weight 0."""
    cumulative_BV = weight_BV.cumsum(dim=-1)
    total_B = cumulative_BV[:, -1]
    below_B = torch.minimum(uniform_B * total_B, torch.nextafter(total_B, torch.zeros_like(total_B)))
    return torch.searchsorted(cumulative_BV, below_B[:, None], right=True).squeeze(-1)


def _cut(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    """Logits with all but the top-k tokens, and all beyond probability mass top-p, at −∞; the top token stays."""
    if 0 < sampling.top_k < logits_BV.shape[-1]:
        least_B1 = logits_BV.topk(sampling.top_k, dim=-1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < least_B1, float("-inf"))
    if sampling.top_p < 1:
        sorted_BV, index_BV = logits_BV.sort(dim=-1, descending=True)
        probability_BV = sorted_BV.softmax(dim=-1)
        is_beyond_BV = probability_BV.cumsum(dim=-1) - probability_BV >= sampling.top_p
        logits_BV = logits_BV.masked_fill(is_beyond_BV.scatter(-1, index_BV, is_beyond_BV), float("-inf"))
    return logits_BV
