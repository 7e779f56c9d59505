"""Decoders for any architecture, on any device: transformers' own forward pass over caches that are allocated once.

Shapes: A active rows, B rows of the cache that are in use, L places, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from preceptor.generation.base import Room
from preceptor.generation.cache import SlotLayer, new_cache, new_slots
from preceptor.models.forward import choose_attention

LEAVE_SHARE = 0.25
"""Rows that have ended are computed with the others until they are this share of them: leaving copies others' cache."""


class SlotDecoder:
    """For models whose cache is keys and values of each token: rows write at places of their own."""

    rows_may_join = True

    def __init__(self, model: Any, room: Room) -> None:
        self._model = model
        self._num_places = room.longest_prompt + room.max_tokens
        self._cache = new_slots(model, room.num_slots, self._num_places, _stored(model))
        self._layers: list[SlotLayer] = self._cache.layers
        self._row = torch.zeros(room.num_slots, dtype=torch.long)
        self._length = torch.zeros(room.num_slots, dtype=torch.long)
        self._prompts: dict[int, tuple[int, ...]] = {}
        self._num_rows = 0

    def admit(self, slots: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Read prompts that no row has, and copy those that one has."""
        holders = {prompt: int(self._row[slot]) for slot, prompt in self._prompts.items()}
        taken = {int(self._row[slot]) for slot in self._prompts}
        free = [row for row in range(len(self._row)) if row not in taken]
        unread: dict[int, tuple[int, ...]] = {}
        copies: list[tuple[int, int]] = []
        for slot, prompt, row in zip(slots, prompts, free, strict=False):
            self._row[slot], self._length[slot], self._prompts[slot] = row, len(prompt) - 1, prompt
            if prompt in holders:
                copies.append((holders[prompt], row))
            else:
                holders[prompt] = row
                if len(prompt) > 1:
                    unread[row] = prompt[:-1]
        if unread:
            self._read(unread)
        if copies:
            self._copy(*(torch.tensor(rows) for rows in zip(*copies, strict=True)))
        self._num_rows = max(self._num_rows, *(int(self._row[slot]) + 1 for slot in slots))

    def leave(self, slots: Sequence[int]) -> None:
        """Rows have ended: theirs may be written over."""
        for slot in slots:
            del self._prompts[slot]
            self._length[slot] = 0

    def step(self, slots_A: Tensor, tokens_A: Tensor) -> Tensor:
        """Logits of the next token, (A, V), after one more token of each row."""
        if self._num_rows - len(slots_A) >= LEAVE_SHARE * self._num_rows:
            self._close_ranks(slots_A)
        device, row_A = self._model.device, self._row[slots_A]
        token_B, place_B = torch.zeros(2, self._num_rows, dtype=torch.long)
        token_B[row_A], place_B[row_A] = tokens_A, self._length[slots_A]
        width = int(place_B.max()) + 1
        mask_BL = torch.arange(width) <= place_B[:, None]
        place_B = place_B.to(device)
        for layer in self._layers:
            layer.expect(place_B, width)
        choose_attention(self._model, width)
        logits_BV = self._model(
            input_ids=token_B[:, None].to(device),
            attention_mask=mask_BL.to(device),
            position_ids=place_B[:, None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        self._length[slots_A] += 1
        return logits_BV[row_A.to(device)]

    def _read(self, prompts: dict[int, tuple[int, ...]]) -> None:
        """Keys and values of prompts, each in a row of its own, padded on the right."""
        width = max(map(len, prompts.values()))
        tokens_BL, mask_BL = torch.zeros(2, len(prompts), width, dtype=torch.long)
        for b, prompt in enumerate(prompts.values()):
            tokens_BL[b, : len(prompt)], mask_BL[b, : len(prompt)] = torch.tensor(prompt), 1
        cache = new_cache(self._model, width, _stored(self._model))
        choose_attention(self._model, width)
        positions_BL = torch.arange(width).expand(len(prompts), -1)
        _read(self._model, tokens_BL, mask_BL, positions_BL, cache)
        rows = torch.tensor(list(prompts), device=self._model.device)
        for layer, read in zip(self._layers, cache.layers, strict=True):
            layer.keep(rows, read.keys, read.values)

    def _close_ranks(self, slots_A: Tensor) -> None:
        """Move the last rows to where others have ended."""
        row_A = self._row[slots_A]
        is_free = torch.ones(self._num_rows, dtype=torch.bool)
        is_free[row_A] = False
        self._num_rows = len(slots_A)
        movers_A = row_A >= self._num_rows
        targets = is_free[: self._num_rows].nonzero().flatten()
        self._copy(row_A[movers_A], targets)
        self._row[slots_A[movers_A]] = targets

    def _copy(self, sources: Tensor, targets: Tensor) -> None:
        sources, targets = sources.to(self._model.device), targets.to(self._model.device)
        for layer in self._layers:
            layer.copy(sources, targets)


class LockstepDecoder:
    """For models that also remember otherwise (sliding windows, recurrent states): all rows begin together."""

    rows_may_join = False

    def __init__(self, model: Any, room: Room) -> None:
        self._model = model
        self._num_places = room.longest_prompt + room.max_tokens
        self._slot_B = torch.zeros(0, dtype=torch.long)
        self._position_B = self._slot_B
        self._mask_BL = torch.zeros(0, 0, dtype=torch.long)
        self._cache = new_cache(model, self._num_places, _stored(model))

    def admit(self, slots: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Read the prompts of all rows, padded on the left."""
        width = max(map(len, prompts)) - 1
        tokens_BL, mask_BL = torch.zeros(2, len(prompts), width, dtype=torch.long)
        for b, prompt in enumerate(prompts):
            if len(prompt) > 1:
                tokens_BL[b, 1 - len(prompt) :], mask_BL[b, 1 - len(prompt) :] = torch.tensor(prompt[:-1]), 1
        self._cache = new_cache(self._model, self._num_places, _stored(self._model))
        self._slot_B, self._position_B = torch.tensor(slots), mask_BL.sum(1)
        self._mask_BL = mask_BL
        choose_attention(self._model, self._num_places)
        if width:
            _read(self._model, tokens_BL, mask_BL, (mask_BL.cumsum(1) - 1).clamp(min=0), self._cache)

    def leave(self, slots: Sequence[int]) -> None:
        """Rows have ended; they go when there are enough of them."""

    def step(self, slots_A: Tensor, tokens_A: Tensor) -> Tensor:
        """Logits of the next token, (A, V), after one more token of each row."""
        device = self._model.device
        if len(self._slot_B) - len(slots_A) >= LEAVE_SHARE * len(self._slot_B):
            self._keep(torch.isin(self._slot_B, slots_A).nonzero().flatten())
        row_A = (self._slot_B[None] == slots_A[:, None]).long().argmax(1)
        token_B = torch.zeros_like(self._slot_B)
        token_B[row_A] = tokens_A
        self._mask_BL = torch.cat([self._mask_BL, torch.ones_like(token_B)[:, None]], dim=1)
        logits_BV = self._model(
            input_ids=token_B[:, None].to(device),
            attention_mask=self._mask_BL.to(device),
            position_ids=self._position_B[:, None].to(device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        self._position_B = self._position_B + 1
        return logits_BV[row_A.to(device)]

    def _keep(self, rows: Tensor) -> None:
        self._slot_B, self._position_B, self._mask_BL = self._slot_B[rows], self._position_B[rows], self._mask_BL[rows]
        self._cache.batch_select_indices(rows.to(self._model.device))


def _read(model: Any, tokens_BL: Tensor, mask_BL: Tensor, positions_BL: Tensor, cache: Any) -> None:
    """Prompts into a cache; of the logits nothing is needed, and transformers gives no fewer than one."""
    model(
        input_ids=tokens_BL.to(model.device),
        attention_mask=mask_BL.to(model.device),
        position_ids=positions_BL.to(model.device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )


def _stored(model: Any) -> torch.dtype | None:
    """What keys and values are kept in: autocast's type inside of it."""
    kind = model.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
