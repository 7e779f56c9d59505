"""Reward-model scores of texts."""

from collections.abc import Callable, Sequence

import torch

from preceptor.models.heads import RewardModel
from preceptor.models.precision import Precision, autocast
from preceptor.records import Message
from preceptor.text.batches import pad_right


@torch.no_grad()
def score_responses(
    reward_model: RewardModel,
    items: Sequence[tuple[Sequence[Message], str]],
    *,
    precision: Precision = "auto",
    batch_size: int = 128,
    progress: Callable[[int], None] | None = None,
) -> list[float]:
    """Score of each (messages, response), bias included; sorted by length inside so that little is padding."""
    chat = reward_model.chat
    rows = [chat.prompt(messages) + chat.response(text) for messages, text in items]
    scores = [0.0] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), batch_size):
        index = order[start : start + batch_size]
        tokens_BL, mask_BL = pad_right([rows[i] for i in index], chat.pad_id)
        with autocast(precision):
            scores_B = reward_model.scores(tokens_BL, mask_BL)
        for i, score in zip(index, scores_B.float().tolist(), strict=True):
            scores[i] = score
        if progress is not None:
            progress(len(index))
    return scores
