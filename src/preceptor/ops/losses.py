"""Losses of the three stages.

Losses over tokens are sums divided by `num_tokens`. A part of a larger batch passes the whole batch's count, so that
gradients accumulated over parts are those of the whole; None is the count of this batch's own mask.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from preceptor.ops.kl import log_ratio
from preceptor.ops.logprobs import token_logprobs
from preceptor.ops.masks import masked_mean, upcast, zero_masked

Count = int | float | Tensor | None


def next_token_nll(logits_BLV: Tensor, tokens_BL: Tensor, loss_mask_BL: Tensor) -> tuple[Tensor, Tensor]:
    """(Σ −log p(token_l | tokens before l), number of them) over the tokens that `loss_mask_BL` marks as learned.

    The logits of l − 1 predict token l, so the first column is never learned and never counted.
    """
    mask_BL = loss_mask_BL[:, 1:]
    nll_N = -token_logprobs(logits_BLV[:, :-1][mask_BL], tokens_BL[:, 1:][mask_BL], temperature=1.0)
    return nll_N.sum(), mask_BL.sum()


def policy_gradient_loss(
    new_logprobs_BT: Tensor, advantages_BT: Tensor, mask_BT: Tensor, *, num_tokens: Count = None
) -> Tensor:
    """−Σ A·log π / num_tokens: its gradient is that of REINFORCE (Williams 1992)."""
    products_BT = zero_masked(new_logprobs_BT, mask_BT) * zero_masked(advantages_BT, mask_BT)
    return masked_mean(-products_BT, mask_BT, denominator=num_tokens)


def clipped_policy_loss(
    new_logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    *,
    clip: float,
    max_log_ratio: float,
    num_tokens: Count = None,
) -> Tensor:
    """Σ max(−A·ρ, −A·clip(ρ, 1 − ε, 1 + ε)) / num_tokens, ρ = exp(new − old) (Schulman et al. 2017, Eq. 7)."""
    ratio_BT = log_ratio(new_logprobs_BT, old_logprobs_BT, mask_BT, max_log_ratio=max_log_ratio).exp()
    advantages_BT = zero_masked(advantages_BT, mask_BT)
    losses_BT = torch.maximum(-advantages_BT * ratio_BT, -advantages_BT * ratio_BT.clamp(1 - clip, 1 + clip))
    return masked_mean(losses_BT, mask_BT, denominator=num_tokens)


def is_policy_clipped(
    new_logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    *,
    clip: float,
    max_log_ratio: float,
) -> Tensor:
    """True where clipping changes the loss and so stops the gradient: ρ > 1 + ε with A > 0, or ρ < 1 − ε with A < 0."""
    ratio_BT = log_ratio(new_logprobs_BT, old_logprobs_BT, mask_BT, max_log_ratio=max_log_ratio).exp()
    too_high_BT = (ratio_BT > 1 + clip) & (advantages_BT > 0)
    too_low_BT = (ratio_BT < 1 - clip) & (advantages_BT < 0)
    return (too_high_BT | too_low_BT) & mask_BT


def clipped_value_loss(
    new_values_BT: Tensor,
    old_values_BT: Tensor,
    returns_BT: Tensor,
    mask_BT: Tensor,
    *,
    clip: float | None,
    num_tokens: Count = None,
) -> Tensor:
    """½ Σ max((V − R)², (clip(V, V_old ± clip) − R)²) / num_tokens; None clips nothing (Ziegler et al. 2019, code)."""
    new_BT, returns_BT = zero_masked(new_values_BT, mask_BT), zero_masked(returns_BT, mask_BT)
    errors_BT = (new_BT - returns_BT).square()
    if clip is not None:
        old_BT = zero_masked(old_values_BT, mask_BT)
        near_BT = torch.clamp(new_BT, old_BT - clip, old_BT + clip)
        errors_BT = torch.maximum(errors_BT, (near_BT - returns_BT).square())
    return 0.5 * masked_mean(errors_BT, mask_BT, denominator=num_tokens)


def is_value_clipped(
    new_values_BT: Tensor, old_values_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor, *, clip: float
) -> Tensor:
    """True where the clipped error is the larger one, so that no gradient flows."""
    new_BT, old_BT = zero_masked(new_values_BT, mask_BT), zero_masked(old_values_BT, mask_BT)
    returns_BT = zero_masked(returns_BT, mask_BT)
    near_BT = torch.clamp(new_BT, old_BT - clip, old_BT + clip)
    return ((near_BT - returns_BT).square() > (new_BT - returns_BT).square()) & mask_BT


def ranking_loss(
    scores_B: Tensor, ranking_id_B: Tensor, rank_B: Tensor, *, pair_weight: Literal["all", "untied"]
) -> tuple[Tensor, Tensor, Tensor]:
    """(Σ over rankings of their pair losses, untied pairs ordered rightly, untied pairs): Bradley–Terry on any K.

    loss = Σ_rankings 1/C(K,2) Σ_{w before l} −log σ(s_w − s_l) (Ouyang et al. 2022, Eq. 1). Ranks are equal for tied
    responses, smaller is better; a tied pair has no loss. `pair_weight` "all" divides by C(K,2) as printed, "untied"
    by the number of untied pairs. Two equal scores are half right. Divide by the number of rankings for a mean.
    """
    chosen_M, rejected_M = torch.nonzero(
        (ranking_id_B.unsqueeze(1) == ranking_id_B.unsqueeze(0)) & (rank_B.unsqueeze(1) < rank_B.unsqueeze(0)),
        as_tuple=True,
    )
    scores_B = upcast(scores_B)
    margin_M = scores_B[chosen_M] - scores_B[rejected_M]
    weight_M = 1 / _pairs_of_ranking(ranking_id_B, ranking_id_B[chosen_M], pair_weight).to(scores_B.dtype)
    correct = (margin_M.detach() > 0).sum() + 0.5 * (margin_M.detach() == 0).sum()
    return -(logsigmoid(margin_M) * weight_M).sum(), correct, torch.tensor(len(margin_M), device=scores_B.device)


def _pairs_of_ranking(ranking_id_B: Tensor, ranking_id_M: Tensor, pair_weight: Literal["all", "untied"]) -> Tensor:
    """For each pair the number of pairs of its ranking: C(K,2), or the untied ones."""
    if pair_weight == "untied":
        return (ranking_id_M.unsqueeze(1) == ranking_id_M.unsqueeze(0)).sum(dim=1)
    num_responses_M = (ranking_id_M.unsqueeze(1) == ranking_id_B.unsqueeze(0)).sum(dim=1)
    return num_responses_M * (num_responses_M - 1) // 2
