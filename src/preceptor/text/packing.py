"""Documents side by side in rows: no token attends to another document, positions restart with each.

Documents that begin with the same prompt may share it: it stands in the row once, and each continuation attends to it
and to itself.

Shapes: N tokens of all documents one after the other, U places that hold a token, R rows, L places per row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from preceptor.ops.fused import Places

ROW_TOKENS = 128
"""Rows are this long, or as long as the longest document: longer rows waste attention, shorter ones leave gaps."""
FAMILY_TOKENS = 768
"""Documents that share a prompt stand together up to about so many tokens: attention grows with the square."""


@dataclass(frozen=True)
class _Segment:
    """Tokens that stand together in a row: a document, a shared prompt, or what follows one."""

    place: int
    position: int
    length: int
    parent: int | None = None
    """Number of the segment that holds the shared prompt."""


@dataclass(frozen=True)
class Layout:
    """Where each token of each document stands in the rows."""

    num_rows: int
    num_columns: int
    lengths: tuple[int, ...]
    """Number of tokens of each document."""
    place_N: Tensor
    """Index of each token in the flattened rows; tokens of a shared prompt have the same place in all its documents."""
    position_N: Tensor
    """Position of each token in its document."""
    segments: tuple[_Segment, ...]

    @classmethod
    def packed(cls, lengths: Sequence[int], row_tokens: int = ROW_TOKENS) -> "Layout":
        """Several documents per row: each, longest first, goes into the first row with room for it."""
        return cls._of([(0, (length,)) for length in lengths], [[b] for b in range(len(lengths))], row_tokens)

    @classmethod
    def sharing(
        cls, prompts: Sequence[Sequence[int]], lengths: Sequence[int], row_tokens: int = ROW_TOKENS
    ) -> "Layout":
        """As `packed`, but documents with equal prompts share them; `lengths` are those of whole documents.

        A prompt is shared only where each document goes on after it.
        """
        families: dict[tuple[int, ...], list[int]] = {}
        for b, prompt in enumerate(prompts):
            families.setdefault(tuple(prompt), []).append(b)
        sizes: list[tuple[int, tuple[int, ...]]] = []
        members: list[list[int]] = []
        for prompt, documents in families.items():
            for together in _cut(documents, lengths, len(prompt)):
                is_shared = len(together) > 1 and all(lengths[b] > len(prompt) for b in together)
                for part in [together] if is_shared else [[b] for b in together]:
                    shared = len(prompt) if is_shared else 0
                    sizes.append((shared, tuple(lengths[b] - shared for b in part)))
                    members.append(part)
        return cls._of(sizes, members, row_tokens)

    @classmethod
    def padded(cls, lengths: Sequence[int]) -> "Layout":
        """One document per row, padded on the right."""
        width = max(lengths, default=0)
        segments = [_Segment(b * width, 0, length) for b, length in enumerate(lengths)]
        return cls._from_segments(segments, range(len(lengths)), len(lengths), width)

    @classmethod
    def _of(
        cls, families: Sequence[tuple[int, tuple[int, ...]]], members: Sequence[Sequence[int]], row_tokens: int
    ) -> "Layout":
        """First fit, longest first. A family is (tokens of its prompt, tokens that each member adds to it)."""
        sizes = [shared + sum(own) for shared, own in families]
        capacity = max([row_tokens, *sizes])
        starts, num_rows, width = _first_fit(sizes, capacity)
        segments: list[_Segment] = []
        segment_of: dict[int, int] = {}
        for (row, column), (shared, own), documents in zip(starts, families, members, strict=True):
            place, parent = row * width + column, None
            if shared:
                parent = len(segments)
                segments.append(_Segment(place, 0, shared))
                place += shared
            for b, length in zip(documents, own, strict=True):
                segment_of[b] = len(segments)
                segments.append(_Segment(place, shared, length, parent))
                place += length
        return cls._from_segments(segments, [segment_of[b] for b in range(len(segment_of))], num_rows, width)

    @classmethod
    def _from_segments(
        cls, segments: Sequence[_Segment], segment_of: Sequence[int], num_rows: int, num_columns: int
    ) -> "Layout":
        parts: list[_Segment] = []
        lengths: list[int] = []
        for s in segment_of:
            parent = segments[s].parent
            parts += [segments[s]] if parent is None else [segments[parent], segments[s]]
            lengths.append(segments[s].position + segments[s].length)
        place_N = _ranges([part.place for part in parts], [part.length for part in parts])
        position_N = _ranges([part.position for part in parts], [part.length for part in parts])
        return cls(num_rows, num_columns, tuple(lengths), place_N, position_N, tuple(segments))

    def to(self, device: torch.device) -> "Layout":
        """The same layout with its indices on a device."""
        if self.place_N.device == device:
            return self
        place_N, position_N = self.place_N.to(device), self.position_N.to(device)
        return Layout(self.num_rows, self.num_columns, self.lengths, place_N, position_N, self.segments)

    @property
    def is_packed(self) -> bool:
        """Whether some row holds more than one document."""
        return len(self.segments) > self.num_rows

    @property
    def is_shared(self) -> bool:
        """Whether some prompt stands for several documents."""
        return any(segment.parent is not None for segment in self.segments)

    def put(self, values_N: Tensor, fill: float | bool) -> Tensor:
        """Values of tokens as rows (R, L), gaps filled."""
        rows = values_N.new_full((self.num_rows * self.num_columns,), fill)
        rows[self.place_N] = values_N
        return rows.view(self.num_rows, self.num_columns)

    def take(self, values_RL: Tensor) -> Tensor:
        """Values of tokens (N, …) out of rows (R, L, …)."""
        return values_RL.flatten(0, 1)[self.place_N]

    @cached_property
    def places(self) -> Places:
        """Each place that holds a token, once, and whom it attends to; a gap attends to itself."""
        lengths = [segment.length for segment in self.segments]
        place_U = _ranges([segment.place for segment in self.segments], lengths)
        position_U = _ranges([segment.position for segment in self.segments], lengths)
        columns = torch.arange(self.num_columns).repeat(self.num_rows)
        starts_RL, prefix_starts_RL, prefix_ends_RL = columns, columns.clone(), columns.clone()
        repeats = torch.tensor(lengths)
        parents = [self.segments[s.parent] if s.parent is not None else None for s in self.segments]
        own = [s.place % self.num_columns for s in self.segments]
        first = [p.place % self.num_columns if p else start for p, start in zip(parents, own, strict=True)]
        last = [p.place % self.num_columns + p.length if p else start for p, start in zip(parents, own, strict=True)]
        for target_RL, values in ((starts_RL, own), (prefix_starts_RL, first), (prefix_ends_RL, last)):
            target_RL[place_U] = torch.tensor(values, dtype=torch.long).repeat_interleave(repeats)
        return Places(
            self.num_rows,
            self.num_columns,
            *(x.int() for x in (place_U, position_U, prefix_starts_RL, prefix_ends_RL, starts_RL)),
        )

    @cached_property
    def index_N(self) -> Tensor | None:
        """Which of the places in `places` holds each token; None when that is the order they are in."""
        place_U = self.places.place_N.long()
        if len(place_U) == len(self.place_N) and torch.equal(place_U, self.place_N.cpu()):
            return None
        order = torch.zeros(self.num_rows * self.num_columns, dtype=torch.long)
        order[place_U] = torch.arange(len(place_U))
        return order[self.place_N.cpu()]

    def once(self, values_N: Tensor) -> Tensor:
        """Values of tokens, those of a shared prompt once, in the order of `places`."""
        return values_N if self.index_N is None else self.put(values_N, 0).flatten()[self.places.place_N.long()]

    @property
    def position_ids_RL(self) -> Tensor:
        """Positions for the model; a gap is at 0, so each is a document of its own that nobody attends to."""
        return self.put(self.position_N, 0)

    @property
    def token_mask_RL(self) -> Tensor:
        """True on tokens of documents."""
        return self.put(torch.ones_like(self.place_N, dtype=torch.bool), False)

    @property
    def attention_mask_R1LL(self) -> Tensor:
        """Who may attend to whom, the spans of `places` as a matrix."""
        places = self.places
        column_L = torch.arange(self.num_columns)
        shape = (self.num_rows, self.num_columns, 1)
        first, last, start = (x.view(shape) for x in (places.prefix_start_RL, places.prefix_end_RL, places.start_RL))
        is_prefix_RLL = (column_L >= first) & (column_L < last)
        is_own_RLL = (column_L >= start) & (column_L <= column_L[:, None])
        return (is_prefix_RLL | is_own_RLL)[:, None].to(self.place_N.device)


def _cut(documents: list[int], lengths: Sequence[int], shared: int) -> list[list[int]]:
    """Documents of one prompt in groups of about `FAMILY_TOKENS`."""
    groups: list[list[int]] = []
    room = 0
    for b in documents:
        own = lengths[b] - shared
        if not groups or own > room:
            groups.append([])
            room = max(FAMILY_TOKENS - shared, own)
        groups[-1].append(b)
        room -= own
    return groups


def _first_fit(sizes: Sequence[int], capacity: int) -> tuple[list[tuple[int, int]], int, int]:
    """((row, column) of each, number of rows, columns that are used)."""
    room: list[int] = []
    starts = [(0, 0)] * len(sizes)
    first_open = 0
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        row = next((r for r in range(first_open, len(room)) if room[r] >= sizes[i]), len(room))
        if row == len(room):
            room.append(capacity)
        starts[i] = (row, capacity - room[row])
        room[row] -= sizes[i]
        while first_open < len(room) and room[first_open] == 0:
            first_open += 1
    return starts, len(room), capacity - min(room, default=capacity)


def _ranges(starts: Sequence[int], lengths: Sequence[int]) -> Tensor:
    """start, start + 1, … for each of the lengths, one after the other."""
    starts_S, lengths_S = torch.tensor(starts, dtype=torch.long), torch.tensor(lengths, dtype=torch.long)
    before_S = lengths_S.cumsum(0) - lengths_S
    return torch.arange(int(lengths_S.sum())) + (starts_S - before_S).repeat_interleave(lengths_S)
