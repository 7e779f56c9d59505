"""Sampling with any Hugging Face causal LM in this process.

Rows stand in slots: who has ended gives the slot to a prompt that waits, so the batch stays full until none does, and
shrinks then.

Shapes: A rows being sampled, N responses asked for, T tokens of a response.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import numpy as np
import torch

from preceptor.generation import decoder as fused
from preceptor.generation.base import Decoder, Room, Sampled, check_room
from preceptor.generation.cache import has_plain_layers
from preceptor.generation.drawing import draw, uniforms
from preceptor.generation.plain import LockstepDecoder, SlotDecoder
from preceptor.models.policy import Policy
from preceptor.models.precision import Precision, autocast
from preceptor.records import Sampling

JOIN_SHARE = 1 / 8
"""Waiting prompts join when this share of the slots is free: reading a few at a time costs more than it gains."""
WIDEST_TOKEN = 4
"""Most tokens that spell one character: the bytes of UTF-8."""


def generate(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    seeds: Sequence[int],
    batch_size: int,
    progress: Callable[[int], None] | None = None,
    *,
    precision: Precision | None = None,
    max_tokens: Sequence[int] | None = None,
) -> list[Sampled]:
    """One response for each prompt's tokens.

    Each row draws from its own seed, so its text does not depend on its neighbours or on `batch_size` (but for
    rounding). `precision` None keeps the arithmetic of the context it is called in; `progress` is told the number of
    responses finished since it was last called; `max_tokens` are limits of single responses below that of `sampling`.

    Raises:
        UserError: a prompt leaves no room for `max_tokens` in the model's context.
    """
    limits = [sampling.max_tokens] * len(prompts) if max_tokens is None else list(max_tokens)
    if not len(prompts) == len(seeds) == len(limits):
        raise ValueError(f"{len(prompts)} prompts, {len(seeds)} seeds and {len(limits)} limits")
    if not prompts:
        return []
    if not all(1 <= limit <= sampling.max_tokens for limit in limits):
        raise ValueError(f"a limit of a response is not between 1 and {sampling.max_tokens}")
    if not all(prompts):
        raise ValueError(f"prompt {next(i for i, prompt in enumerate(prompts) if not prompt)} has no tokens")
    check_room(policy.max_context, prompts, sampling)
    was_training = policy.training
    policy.eval()
    try:
        with torch.inference_mode(), nullcontext() if precision is None else autocast(precision, policy.device.type):
            return _Batch(policy, [tuple(prompt) for prompt in prompts], sampling, seeds, limits, batch_size).run(
                progress
            )
    finally:
        policy.train(was_training)


def _decoder(policy: Policy, room: Room) -> Decoder:
    """The fastest decoder for the model."""
    if fused.fits(policy.model, room):
        return fused.FusedDecoder(policy.model, room)
    return (SlotDecoder if has_plain_layers(policy.model) else LockstepDecoder)(policy.model, room)


class _Batch:
    """Responses that are asked for, and the rows in which some of them are being sampled."""

    def __init__(
        self, policy: Policy, prompts: Sequence[tuple[int, ...]], sampling: Sampling, seeds: Sequence[int],
        limits: Sequence[int], batch_size: int,
    ) -> None:  # fmt: skip
        num, num_slots, longest = len(prompts), min(batch_size, len(prompts)), max(limits)
        room = Room(num_slots, min(num_slots, len(set(prompts))), max(map(len, prompts)), longest)
        self._policy, self._sampling, self._prompts = policy, sampling, prompts
        self._decoder = _decoder(policy, room)
        # Long prompts first, so that those read together are alike; equal ones follow each other and are read once.
        self._waiting = deque(sorted(range(num), key=lambda i: (-len(prompts[i]), prompts[i])))
        self._free = list(range(num_slots))
        self._num_slots = num_slots
        self._uniform_NT = torch.stack([uniforms(seed, longest) for seed in seeds]).numpy()
        self._token_NT = np.zeros((num, longest), dtype=np.int64)
        self._logprob_NT = np.zeros((num, longest), dtype=np.float32)
        self._limit_N, self._length_N = np.array(limits), np.zeros(num, dtype=np.int64)
        self._finished_N = np.zeros(num, dtype=np.bool_)
        self._response_A, self._slot_A, self._last_A = (np.zeros(0, dtype=np.int64) for _ in range(3))

    def run(self, progress: Callable[[int], None] | None) -> list[Sampled]:
        """Sample until all responses have ended or are as long as they may be."""
        while self._waiting or len(self._response_A):
            if self._waiting and self._may_join():
                self._join()
            num_done = self._step()
            if num_done and progress is not None:
                progress(num_done)
        rows = zip(self._token_NT, self._logprob_NT, self._length_N, self._finished_N.tolist(), strict=True)
        return [Sampled(tuple(t[:n].tolist()), tuple(p[:n].tolist()), ended) for t, p, n, ended in rows]

    def _may_join(self) -> bool:
        if self._decoder.rows_may_join:
            return len(self._free) >= JOIN_SHARE * self._num_slots
        return len(self._free) == self._num_slots

    def _join(self) -> None:
        """Prompts that wait take the free slots."""
        responses = [self._waiting.popleft() for _ in range(min(len(self._free), len(self._waiting)))]
        slots, self._free = self._free[: len(responses)], self._free[len(responses) :]
        self._decoder.admit(slots, [self._prompts[i] for i in responses])
        self._response_A = np.append(self._response_A, responses)
        self._slot_A = np.append(self._slot_A, slots)
        self._last_A = np.append(self._last_A, [self._prompts[i][-1] for i in responses])

    def _step(self) -> int:
        """One token for each row; the number of responses that end with it."""
        response_A, length_A = self._response_A, self._length_N[self._response_A]
        logits_AV = self._decoder.step(torch.from_numpy(self._slot_A), torch.from_numpy(self._last_A))
        uniform_A = torch.from_numpy(self._uniform_NT[response_A, length_A]).to(logits_AV.device)
        token_A, logprob_A = (x.cpu().numpy() for x in draw(logits_AV, uniform_A, self._sampling))
        self._token_NT[response_A, length_A], self._logprob_NT[response_A, length_A] = token_A, logprob_A
        self._length_N[response_A] += 1
        ended_A = token_A == self._policy.chat.end_id
        if self._sampling.stop:
            ended_A |= [self._has_stop(i) for i in response_A]
        self._finished_N[response_A] = ended_A
        self._last_A = token_A
        is_done_A = ended_A | (length_A + 1 == self._limit_N[response_A])
        if is_done_A.any():
            self._leave(is_done_A)
        return int(is_done_A.sum())

    def _leave(self, is_done_A: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
        slots = self._slot_A[is_done_A].tolist()
        self._decoder.leave(slots)
        self._free += slots
        stays_A = ~is_done_A
        self._response_A, self._slot_A, self._last_A = (
            column[stays_A] for column in (self._response_A, self._slot_A, self._last_A)
        )

    def _has_stop(self, response: int) -> bool:
        """Whether the last token completes a stop string: looked for in as many tokens as it may have."""
        end = self._length_N[response]
        longest = WIDEST_TOKEN * max(map(len, self._sampling.stop))
        text = self._policy.chat.text_of(self._token_NT[response, max(0, end - longest) : end].tolist())
        return any(stop in text for stop in self._sampling.stop)
