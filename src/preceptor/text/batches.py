"""What models read: padded tensors that grow columns and are never edited in place.

Shapes: B responses, T response tokens (right-padded), L all tokens (prompt left-padded, response right-padded).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


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
