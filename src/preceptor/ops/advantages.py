"""Credit: how much better than expected each token turned out.

Each response is one run of counted tokens from the first column on, padded on the right; nothing follows its end.
"""

import torch
from torch import Tensor

from preceptor.ops.masks import masked_var, zero_masked


def generalized_advantages(
    rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, *, discount: float, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """(advantages_BT, returns_BT) by generalised advantage estimation (Schulman et al. 2016, Eq. 16).

    δ_t = r_t + γ·V_{t+1} − V_t with V = 0 after the end; A_t = Σ_k (γλ)^k δ_{t+k}; returns = A + V, before whitening.
    """
    values_BT = zero_masked(values_BT, mask_BT)
    next_values_BT = torch.nn.functional.pad(values_BT[:, 1:], (0, 1))
    deltas_BT = zero_masked(rewards_BT, mask_BT) + discount * next_values_BT - values_BT
    advantages_BT = zero_masked(_discounted_sums(deltas_BT, factor=discount * gae_lambda), mask_BT)
    return advantages_BT, advantages_BT + values_BT


def rewards_to_go(rewards_BT: Tensor, mask_BT: Tensor, *, discount: float) -> Tensor:
    """Monte-Carlo returns: R_t = Σ_{k ≥ 0} γ^k r_{t+k}, 0 where masked."""
    return zero_masked(_discounted_sums(zero_masked(rewards_BT, mask_BT), factor=discount), mask_BT)


def mean_of_others(x_B: Tensor) -> Tensor:
    """For each response the mean over all the others: a baseline that does not depend on the response itself.

    b_i = Σ_{j ≠ i} x_j / (B − 1); 0 for a single response.
    """
    if len(x_B) == 1:
        return torch.zeros_like(x_B)
    return (x_B.sum() - x_B) / (len(x_B) - 1)


def explained_variance(values_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """1 − Var(R − V) / Var(R): 1 for perfect values, 0 for a constant; 0 where returns do not vary."""
    errors_BT = zero_masked(returns_BT, mask_BT) - zero_masked(values_BT, mask_BT)
    variance = masked_var(returns_BT, mask_BT)
    explained = 1 - masked_var(errors_BT, mask_BT) / variance
    return torch.where(variance > 0, explained, torch.zeros_like(explained))


def _discounted_sums(x_BT: Tensor, *, factor: float) -> Tensor:
    """S_t = x_t + factor · S_{t+1}, for all rows at once; a loop, since a matrix product could be run in bfloat16."""
    sums: list[Tensor] = []
    last_B = torch.zeros_like(x_BT[:, 0])
    for x_B in reversed(x_BT.unbind(dim=1)):
        last_B = x_B + factor * last_B
        sums.append(last_B)
    return torch.stack(sums[::-1], dim=1)
