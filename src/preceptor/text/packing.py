"""Documents side by side in rows: no token attends to another document, positions restart with each.

Shapes: N tokens of all documents one after the other, R rows, L tokens per row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ROW_TOKENS = 128
"""Rows are this long, or as long as the longest document: longer rows waste attention, shorter ones leave gaps."""


@dataclass(frozen=True)
class Layout:
    """Where each token of each document stands in the rows."""

    num_rows: int
    num_columns: int
    place_N: Tensor
    """Index of each token in the flattened rows."""
    position_N: Tensor
    """Position of each token in its document."""

    @classmethod
    def packed(cls, lengths: Sequence[int], row_tokens: int = ROW_TOKENS) -> "Layout":
        """Several documents per row: each, longest first, goes into the first row with room for it."""
        capacity = max([row_tokens, *lengths])
        room: list[int] = []
        starts = [0] * len(lengths)
        first_open = 0
        for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            row = next((r for r in range(first_open, len(room)) if room[r] >= lengths[i]), len(room))
            if row == len(room):
                room.append(capacity)
            starts[i] = row * capacity + capacity - room[row]
            room[row] -= lengths[i]
            while first_open < len(room) and room[first_open] == 0:
                first_open += 1
        return cls._of(lengths, starts, len(room), capacity).narrowed()

    @classmethod
    def padded(cls, lengths: Sequence[int]) -> "Layout":
        """One document per row, padded on the right."""
        width = max(lengths, default=0)
        return cls._of(lengths, [i * width for i in range(len(lengths))], len(lengths), width)

    @classmethod
    def _of(cls, lengths: Sequence[int], starts: Sequence[int], num_rows: int, num_columns: int) -> "Layout":
        lengths_B, starts_B = torch.tensor(lengths, dtype=torch.long), torch.tensor(starts, dtype=torch.long)
        before_B = lengths_B.cumsum(0) - lengths_B
        position_N = torch.arange(int(lengths_B.sum())) - before_B.repeat_interleave(lengths_B)
        return cls(num_rows, num_columns, starts_B.repeat_interleave(lengths_B) + position_N, position_N)

    def narrowed(self) -> "Layout":
        """Without the columns that no row uses."""
        if not len(self.place_N):
            return self
        row_N, column_N = self.place_N // self.num_columns, self.place_N % self.num_columns
        width = int(column_N.max()) + 1
        return Layout(self.num_rows, width, row_N * width + column_N, self.position_N)

    def to(self, device: torch.device) -> "Layout":
        """The same layout with its indices on a device."""
        return Layout(self.num_rows, self.num_columns, self.place_N.to(device), self.position_N.to(device))

    @property
    def lengths(self) -> list[int]:
        """Number of tokens of each document."""
        starts = (self.position_N == 0).nonzero().flatten().tolist()
        return [end - start for start, end in zip(starts, [*starts[1:], len(self.position_N)], strict=True)]

    @property
    def is_packed(self) -> bool:
        """Whether some row holds more than one document."""
        return int((self.position_N == 0).sum()) > self.num_rows

    def put(self, values_N: Tensor, fill: float | bool) -> Tensor:
        """Values of tokens as rows (R, L), gaps filled."""
        rows = values_N.new_full((self.num_rows * self.num_columns,), fill)
        rows[self.place_N] = values_N
        return rows.view(self.num_rows, self.num_columns)

    def take(self, values_RL: Tensor) -> Tensor:
        """Values of tokens (N, …) out of rows (R, L, …)."""
        return values_RL.flatten(0, 1)[self.place_N]

    @property
    def position_ids_RL(self) -> Tensor:
        """Positions for the model; a gap is at 0, so each is a document of its own that nobody attends to."""
        return self.put(self.position_N, 0)

    @property
    def token_mask_RL(self) -> Tensor:
        """True on tokens of documents."""
        return self.put(torch.ones_like(self.place_N, dtype=torch.bool), False)

    @property
    def document_RL(self) -> Tensor:
        """Number of the document at each place, 1, 2, …; 0 in gaps."""
        return self.put((self.position_N == 0).cumsum(0), 0)

    @property
    def attention_mask_R1LL(self) -> Tensor:
        """Who may attend to whom: block-diagonal and causal; a gap attends to itself."""
        document_RL = self.document_RL
        same_RLL = (document_RL[:, :, None] == document_RL[:, None, :]) & (document_RL > 0)[:, :, None]
        causal_LL = torch.ones(self.num_columns, self.num_columns, dtype=torch.bool, device=same_RLL.device).tril()
        itself_LL = torch.eye(self.num_columns, dtype=torch.bool, device=same_RLL.device)
        return ((same_RLL & causal_LL) | itself_LL)[:, None]
