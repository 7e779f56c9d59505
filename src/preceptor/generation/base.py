"""What every generator returns, and what it may be asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from preceptor.errors import UserError
from preceptor.records import Sampling


@dataclass(frozen=True)
class Sampled:
    """One sampled response."""

    tokens: tuple[int, ...]
    """End token included when the policy ended by itself; with the token that completes a stop string."""
    logprobs: tuple[float, ...]
    """log π(token) under softmax(logits / temperature) of the plain distribution, whatever top-p or top-k cut off;
    under softmax(logits) for greedy decoding."""
    finished: bool
    """False when the response was cut at `max_tokens`."""


class Generate(Protocol):
    """A generator.

    The same seed gives a prompt the same response, whatever else is in the batch; from a server, but for rounding.
    """

    def __call__(
        self,
        policy: Any,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        seeds: Sequence[int],
        batch_size: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Sampled]:
        """One response for each prompt's tokens, in their order."""


def check_room(max_context: int | None, prompts: Sequence[Sequence[int]], sampling: Sampling) -> None:
    """See that each prompt leaves room for its response.

    Raises:
        UserError: one does not; a server would cut its response short and not say so.
    """
    for i, prompt in enumerate(prompts):
        if max_context is not None and len(prompt) + sampling.max_tokens > max_context:
            raise UserError(
                f"prompt {i} has {len(prompt)} tokens; with {sampling.max_tokens} for the response that is more than "
                f"the model's context of {max_context}",
                field="sampling.max_tokens",
                remedy="shorten the prompt, lower max_tokens, or use a model with a longer context",
            )


@dataclass(frozen=True)
class Room:
    """What a decoder is to hold at most."""

    num_slots: int
    """Rows that are sampled at a time."""
    num_prompts: int
    """Different prompts among them."""
    longest_prompt: int
    """Tokens."""
    max_tokens: int
    """Tokens of a response."""


class Decoder(Protocol):
    """A model with a memory of rows: each stands in a slot from when it is admitted until it leaves."""

    rows_may_join: bool
    """Whether rows may be admitted while others are being sampled."""

    def admit(self, slots: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Read prompts but for their last token, which is the first that `step` takes; equal prompts are read once."""

    def leave(self, slots: Sequence[int]) -> None:
        """Rows have ended; their slots may be admitted to again."""

    def step(self, slots_A: Tensor, tokens_A: Tensor) -> Tensor:
        """Logits of the next token, (A, V), after one more token of each of the rows that are left."""
