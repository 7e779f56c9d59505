"""Reward-model scores of texts."""

from collections.abc import Callable, Sequence

import torch

from preceptor.models.heads import RewardModel
from preceptor.models.precision import Precision, autocast
from preceptor.records import Message, Response
from preceptor.text.batches import pad_right, token_parts
from preceptor.text.chat import Chat


@torch.no_grad()
def score_responses(
    reward_model: RewardModel,
    items: Sequence[tuple[Sequence[Message], str | Response]],
    *,
    precision: Precision = "auto",
    micro_tokens: int = 8192,
    progress: Callable[[int], None] | None = None,
) -> list[float]:
    """Score of each (messages, response), bias included; responses to one prompt are read beside each other.

    A `Response` that was cut off is scored without an end token, as in training; a bare text counts as finished.
    """
    chat = reward_model.chat
    prompts = [chat.prompt(messages) for messages, _ in items]
    rows = [prompt + _response_tokens(chat, item[1]) for prompt, item in zip(prompts, items, strict=True)]
    scores = [0.0] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: (prompts[i], len(rows[i])))
    for part in token_parts([len(rows[i]) for i in order], micro_tokens):
        index = [order[position] for position in part]
        tokens_BL, mask_BL = pad_right([rows[i] for i in index], chat.pad_id)
        with autocast(precision):
            scores_B = reward_model.scores(tokens_BL, mask_BL, [prompts[i] for i in index])
        for i, score in zip(index, scores_B.float().tolist(), strict=True):
            scores[i] = score
        if progress is not None:
            progress(len(index))
    return scores


def _response_tokens(chat: Chat, response: str | Response) -> list[int]:
    if isinstance(response, str):
        return chat.response(response)
    tokens = chat.response(response.text)
    return tokens[:-1] if response.finished is False else tokens
