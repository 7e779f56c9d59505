"""Which rows a step reads: a pure function of seed and step, so that a resumed run reads on where it stopped."""

from collections.abc import Sequence
from typing import TypeVar

import torch

from preceptor.runs.seeding import generator

RowT = TypeVar("RowT")


class Stream:
    """Rows in shuffled epochs without end, a fresh permutation each epoch."""

    def __init__(self, num_rows: int, seed: int, name: str) -> None:
        if num_rows < 1:
            raise ValueError(f"the stream '{name}' has no rows")
        self._num_rows = num_rows
        self._seed = seed
        self._name = name
        self._epoch = -1
        self._order: list[int] = []

    def __getitem__(self, position: int) -> int:
        """Row at a position of the endless stream."""
        epoch, offset = divmod(position, self._num_rows)
        if epoch != self._epoch:
            permutation = torch.randperm(self._num_rows, generator=generator(self._seed, self._name, epoch))
            self._epoch, self._order = epoch, permutation.tolist()
        return self._order[offset]

    def take(self, rows: Sequence[RowT], step: int, size: int, last: int | None = None) -> list[RowT]:
        """The rows of step 1, 2, … in batches of `size`; nothing at or beyond position `last`."""
        positions = range((step - 1) * size, step * size if last is None else min(step * size, last))
        return [rows[self[position]] for position in positions]
