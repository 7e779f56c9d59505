"""Means, variances and positions under masks.

Masked places are replaced before any arithmetic, because 0 · NaN is NaN.
"""

import torch
from torch import Tensor


def zero_masked(x: Tensor, mask: Tensor) -> Tensor:
    """`x` where the mask is True, 0 elsewhere; no gradient flows to masked places, not even NaN."""
    return torch.where(mask, x, torch.zeros((), dtype=x.dtype, device=x.device))


def upcast(x: Tensor) -> Tensor:
    """At least fp32: half precision becomes fp32, fp64 stays."""
    return x if x.dtype == torch.float64 else x.float()


def masked_mean(x: Tensor, mask: Tensor, *, denominator: float | Tensor | None = None) -> Tensor:
    """Σ x·mask / Σ mask, or / `denominator`.

    With the whole batch's token count as `denominator`, the results of its micro-batches sum to the batch's mean.
    The mean over an empty mask is 0.
    """
    total = zero_masked(x, mask).sum()
    if denominator is not None:
        return total / denominator
    return total / mask.sum().clamp(min=1)


def masked_var(x: Tensor, mask: Tensor) -> Tensor:
    """Population variance Σ (x − x̄)²·mask / Σ mask."""
    centred = zero_masked(x, mask) - masked_mean(x, mask)
    return masked_mean(centred.square(), mask)


def whiten(x: Tensor, mask: Tensor, *, shift_mean: bool, eps: float) -> Tensor:
    """(x − x̄) / √(var + eps), 0 where masked; with `shift_mean` False the mean is added back.

    Ziegler et al. 2019 whiten rewards without and advantages with the shift (eps 1e-8).
    """
    mean = masked_mean(x, mask)
    scaled = (zero_masked(x, mask) - mean) * torch.rsqrt(masked_var(x, mask) + eps)
    return zero_masked(scaled if shift_mean else scaled + mean, mask)


def last_true_index(mask: Tensor) -> Tensor:
    """Index of the last True of each row, (…, T) → (…).

    Raises:
        ValueError: a row has no True.
    """
    if not bool(mask.any(dim=-1).all()):
        raise ValueError("a row of the mask has no token")
    return mask.shape[-1] - 1 - mask.flip(-1).to(torch.int8).argmax(dim=-1)


def position_ids(mask: Tensor) -> Tensor:
    """Number of real tokens before each token: cumsum(mask) − mask, so that padding on the left shifts nothing."""
    counts = mask.to(torch.long)
    return counts.cumsum(dim=-1) - counts
