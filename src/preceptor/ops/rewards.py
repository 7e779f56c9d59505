"""From one score per response to one reward per token."""

import torch
from torch import Tensor

from preceptor.ops.kl import k1
from preceptor.ops.masks import last_true_index, zero_masked


def replace_unfinished(scores_B: Tensor, finished_B: Tensor, *, missing_end_score: float | None) -> Tensor:
    """`missing_end_score` for responses that did not end by themselves, so that the policy learns to end.

    None leaves scores as they are. Ziegler et al. 2019 and Huang et al. 2024 use −1.
    """
    if missing_end_score is None:
        return scores_B
    return torch.where(finished_B, scores_B, torch.full_like(scores_B, missing_end_score))


def token_rewards(
    scores_B: Tensor, old_logprobs_BT: Tensor, ref_logprobs_BT: Tensor, mask_BT: Tensor, *, kl_coef: float
) -> Tensor:
    """−β·(old_logprobs − ref_logprobs) on every response token, end token included, plus the score at the last one.

    Σ_t reward_t = score − β·Σ_t (old_logprobs_t − ref_logprobs_t). Ouyang et al. 2022, Eq. 2 (first line).

    Raises:
        ValueError: a response has no token, so its score has no place.
    """
    penalties_BT = -kl_coef * k1(old_logprobs_BT, ref_logprobs_BT, mask_BT)
    positions_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    is_last_BT = positions_T == last_true_index(mask_BT).unsqueeze(1)
    return penalties_BT + zero_masked(scores_B.unsqueeze(1).expand_as(penalties_BT), is_last_BT)
