"""What models read: padded tensors that grow columns and are never edited in place.

Shapes: B responses, P prompts, T response tokens (right-padded), L all tokens (prompt left-padded, response
right-padded), R packed rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from preceptor.records import Ranking
from preceptor.text.chat import Chat

TOO_LONG = "conversation longer than max_tokens"


class SampledTokens(Protocol):
    """What a sampler returns for one prompt."""

    tokens: Sequence[int]
    logprobs: Sequence[float]
    finished: bool


@dataclass(frozen=True)
class Rollout:
    """A batch of sampled responses with its columns; later stages `add` theirs."""

    prompt_ids: tuple[str, ...]
    tokens_BL: Tensor
    token_mask_BL: Tensor
    """True on real tokens of prompt and response."""
    response_mask_BT: Tensor
    """True on response tokens, the end token included; T is the width of the response part."""
    finished_B: Tensor
    """True where the policy ended by itself."""
    old_logprobs_BT: Tensor
    """The sampler's log-probabilities of the response tokens, 0 where masked."""
    ref_logprobs_BT: Tensor | None = None
    scores_B: Tensor | None = None
    values_BT: Tensor | None = None
    rewards_BT: Tensor | None = None
    advantages_BT: Tensor | None = None
    returns_BT: Tensor | None = None

    @property
    def num_response(self) -> int:
        """T: width of the response part of `tokens_BL`."""
        return self.response_mask_BT.shape[1]

    @property
    def response_tokens_BT(self) -> Tensor:
        """The response part of `tokens_BL`."""
        return self.tokens_BL[:, self.tokens_BL.shape[1] - self.num_response :]

    @property
    def is_response_BL(self) -> Tensor:
        """True on response tokens, as wide as `tokens_BL`."""
        return torch.nn.functional.pad(self.response_mask_BT, (self.tokens_BL.shape[1] - self.num_response, 0))

    @property
    def lengths(self) -> list[int]:
        """Tokens of prompt and response together."""
        return self.token_mask_BL.sum(1).tolist()

    @property
    def prompts(self) -> list[list[int]]:
        """Tokens of each prompt."""
        rows = zip(self.tokens_BL, self.token_mask_BL & ~self.is_response_BL, strict=True)
        return [tokens_L[mask_L].tolist() for tokens_L, mask_L in rows]

    def __len__(self) -> int:
        return len(self.prompt_ids)

    def add(self, **columns: Tensor) -> Self:
        """The same rollout with more columns; a column is set once."""
        taken = [name for name in columns if getattr(self, name) is not None]
        if taken:
            raise ValueError(f"the rollout already has {taken}")
        return replace(self, **columns)

    def select(self, index_B: Tensor) -> Self:
        """Some of the responses, each with all its columns: ids travel with rows."""
        columns: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                columns[field.name] = value[index_B]
        columns["prompt_ids"] = tuple(self.prompt_ids[i] for i in index_B.tolist())
        return replace(self, **columns)

    def minibatches(self, size: int, generator: torch.Generator) -> Iterator[Self]:
        """A fresh permutation cut into minibatches of `size` responses."""
        for index_B in torch.randperm(len(self), generator=generator).split(size):
            yield self.select(index_B)

    def mean_kl(self) -> float:
        """Mean over responses of Σ_t (old_logprobs − ref_logprobs), in nats per response."""
        if self.ref_logprobs_BT is None:
            raise ValueError("the rollout has no ref_logprobs yet")
        difference_BT = (self.old_logprobs_BT - self.ref_logprobs_BT).masked_fill(~self.response_mask_BT, 0.0)
        return float(difference_BT.sum(1).mean())

    def metrics(self) -> dict[str, float]:
        """What the loop logs of a rollout; columns that are not there yet are left out."""
        length_B = self.response_mask_BT.sum(1).float()
        metrics = {"rollout/length": float(length_B.mean()), "rollout/end_rate": float(self.finished_B.float().mean())}
        surprise = -self.old_logprobs_BT.masked_fill(~self.response_mask_BT, 0.0).sum() / length_B.sum().clamp(min=1)
        metrics["rollout/entropy"] = float(surprise)
        if self.scores_B is not None:
            metrics["rollout/score"] = float(self.scores_B.mean())
            metrics["rollout/score_std"] = float(self.scores_B.std(correction=0))
        if self.rewards_BT is not None:
            metrics["rollout/reward"] = float(self.rewards_BT.masked_fill(~self.response_mask_BT, 0.0).sum(1).mean())
        if self.ref_logprobs_BT is not None:
            metrics["kl/reference"] = self.mean_kl()
        return metrics


def rollout_from(
    prompt_ids: Sequence[str],
    prompt_tokens: Sequence[Sequence[int]],
    sampled: Sequence[SampledTokens],
    *,
    pad_id: int,
) -> Rollout:
    """Prompts and what was sampled for them as one batch, as narrow as its longest prompt and response."""
    num_prompt = max(len(tokens) for tokens in prompt_tokens)
    num_response = max(len(one.tokens) for one in sampled)
    tokens_BL = torch.full((len(sampled), num_prompt + num_response), pad_id, dtype=torch.long)
    token_mask_BL = torch.zeros(tokens_BL.shape, dtype=torch.bool)
    old_logprobs_BT = torch.zeros(len(sampled), num_response)
    for b, (prompt, one) in enumerate(zip(prompt_tokens, sampled, strict=True)):
        start, end = num_prompt - len(prompt), num_prompt + len(one.tokens)
        tokens_BL[b, start:end] = torch.tensor([*prompt, *one.tokens], dtype=torch.long)
        token_mask_BL[b, start:end] = True
        old_logprobs_BT[b, : len(one.logprobs)] = torch.tensor(one.logprobs)
    return Rollout(
        prompt_ids=tuple(prompt_ids),
        tokens_BL=tokens_BL,
        token_mask_BL=token_mask_BL,
        response_mask_BT=token_mask_BL[:, num_prompt:].clone(),
        finished_B=torch.tensor([one.finished for one in sampled], dtype=torch.bool),
        old_logprobs_BT=old_logprobs_BT,
    )


@dataclass(frozen=True)
class SFTBatch:
    """Conversations one after the other, for the loss on what the assistant says."""

    lengths: list[int]
    """Tokens of each conversation."""
    tokens_N: Tensor
    is_learned_N: Tensor
    """True on tokens that are learned; never on a conversation's first token, which nothing predicts."""
    num_dropped: int
    """Conversations left out because they are longer than `max_tokens`."""


def pack(rows: Sequence[tuple[Sequence[int], Sequence[bool]]], *, max_tokens: int) -> SFTBatch:
    """(tokens, loss mask) of conversations as one batch; those longer than `max_tokens` are counted."""
    kept = [row for row in rows if len(row[0]) <= max_tokens]
    if not kept:
        raise ValueError(f"none of {len(rows)} conversations has at most {max_tokens} tokens")
    return SFTBatch(
        lengths=[len(tokens) for tokens, _ in kept],
        tokens_N=torch.tensor([token for tokens, _ in kept for token in tokens], dtype=torch.long),
        is_learned_N=torch.tensor([i > 0 and learned for _, mask in kept for i, learned in enumerate(mask)]),
        num_dropped=len(rows) - len(kept),
    )


@dataclass(frozen=True)
class RankingBatch:
    """Rankings for the reward model: all K responses to a prompt are one element, each is there once."""

    tokens_BL: Tensor
    token_mask_BL: Tensor
    ranking_id_B: Tensor
    """Which ranking a response belongs to: 0, 1, …"""
    rank_B: Tensor
    """0 is best; equal is tied."""
    prompts: list[list[int]]
    """Tokens of the prompt that each response answers."""

    @property
    def sizes(self) -> list[int]:
        """Tokens of each ranking's responses, their prompts included."""
        return torch.bincount(self.ranking_id_B, weights=self.token_mask_BL.sum(1)).int().tolist()

    def select(self, rankings: Sequence[int]) -> Self:
        """Some of the rankings, numbered anew."""
        new_id = {old: new for new, old in enumerate(rankings)}
        rows = [b for b, old in enumerate(self.ranking_id_B.tolist()) if old in new_id]
        ids = [new_id[int(self.ranking_id_B[b])] for b in rows]
        return type(self)(
            self.tokens_BL[rows], self.token_mask_BL[rows], torch.tensor(ids), self.rank_B[rows],
            [self.prompts[b] for b in rows],
        )  # fmt: skip

    @classmethod
    def of(cls, rankings: Sequence[Ranking], chat: Chat, max_tokens: int) -> tuple[Self, dict[str, int]]:
        """Tokens of all responses, and counts of what was merged or left out.

        Responses with the same tokens are merged and keep the rank of the first; a ranking that is left with one
        response forms no pair and is left out.
        """
        counts = {"response longer than max_tokens": 0, "identical response merged": 0,
                  "identical responses ranked apart": 0, "ranking with fewer than two responses": 0}  # fmt: skip
        rows: list[list[int]] = []
        ids: list[int] = []
        ranks: list[int] = []
        prompts: list[list[int]] = []
        num_rankings = 0
        for ranking in rankings:
            kept = _distinct(ranking, chat, max_tokens, counts)
            if len(kept) < 2:
                counts["ranking with fewer than two responses"] += 1
                continue
            rows += [list(tokens) for tokens in kept]
            ranks += kept.values()
            ids += [num_rankings] * len(kept)
            prompts += [chat.prompt(ranking.prompt.messages)] * len(kept)
            num_rankings += 1
        tokens_BL, token_mask_BL = pad_right(rows, chat.pad_id)
        id_B, rank_B = torch.tensor(ids, dtype=torch.long), torch.tensor(ranks, dtype=torch.long)
        return cls(tokens_BL, token_mask_BL, id_B, rank_B, prompts), counts


def _distinct(ranking: Ranking, chat: Chat, max_tokens: int, counts: dict[str, int]) -> dict[tuple[int, ...], int]:
    """Tokens → rank of a ranking's distinct responses."""
    prompt, rank_of = chat.prompt(ranking.prompt.messages), ranking.ranks()
    kept: dict[tuple[int, ...], int] = {}
    for response in ranking.responses:
        tokens = (*prompt, *chat.response(response.text))
        tokens = tokens[:-1] if response.finished is False else tokens  # it was cut off and never ended
        if len(tokens) > max_tokens:
            counts["response longer than max_tokens"] += 1
        elif tokens in kept:
            counts["identical response merged"] += 1
            counts["identical responses ranked apart"] += kept[tokens] != rank_of[response.id]
        else:
            kept[tokens] = rank_of[response.id]
    return kept


def token_parts(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Positions 0, 1, … in groups of at most `budget` tokens; what is larger is a group of its own."""
    parts: list[list[int]] = []
    room = 0
    for i, size in enumerate(sizes):
        if not parts or size > room:
            parts.append([])
            room = budget
        parts[-1].append(i)
        room -= size
    return parts


def pad_right(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Token rows of unequal length as (tokens_BL, token_mask_BL)."""
    width = max((len(row) for row in rows), default=0)
    tokens_BL = torch.full((len(rows), width), pad_id, dtype=torch.long)
    token_mask_BL = torch.zeros(len(rows), width, dtype=torch.bool)
    for b, row in enumerate(rows):
        tokens_BL[b, : len(row)] = torch.tensor(row, dtype=torch.long)
        token_mask_BL[b, : len(row)] = True
    return tokens_BL, token_mask_BL
