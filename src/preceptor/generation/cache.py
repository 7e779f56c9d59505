"""Key-value caches that are allocated once, where transformers' own copies itself at each token.

Shapes: B rows, G heads, L places, W width of a head.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class PreallocatedLayer(DynamicLayer):
    """Keys and values of one layer in buffers of `num_places`, returned as views of what is filled."""

    def __init__(self, num_places: int, dtype: torch.dtype | None) -> None:
        super().__init__()
        self._num_places = num_places
        self._wanted = dtype
        self._length = 0
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append, and return all keys and values so far."""
        if self._buffers is None:
            self._buffers = tuple(
                new.new_empty((*new.shape[:2], self._num_places, new.shape[3]), dtype=self._wanted or new.dtype)
                for new in (key_states, value_states)
            )
            self.dtype, self.device = self._buffers[0].dtype, key_states.device
            self.is_initialized = True
        end = self._length + key_states.shape[2]
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, self._length : end] = new
        self._length = end
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Number of places filled."""
        return self._length

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some of the rows."""
        if self._buffers is not None:
            self._buffers = tuple(buffer[indices] for buffer in self._buffers)
            self.keys, self.values = (buffer[:, :, : self._length] for buffer in self._buffers)


class SlotLayer(DynamicLayer):
    """Keys and values of one layer for rows of unlike lengths: each writes at a place of its own."""

    def __init__(self, num_rows: int, num_places: int, dtype: torch.dtype | None) -> None:
        super().__init__()
        self._size, self._wanted = (num_rows, num_places), dtype
        self._buffers: tuple[Tensor, ...] = ()
        self._place_B, self._width = torch.zeros(0, dtype=torch.long), 0

    def keep(self, rows: Tensor, keys_BGLW: Tensor, values_BGLW: Tensor) -> None:
        """The first places of some rows."""
        for buffer, new in zip(self._allocated(keys_BGLW, values_BGLW), (keys_BGLW, values_BGLW), strict=True):
            buffer[rows, :, : new.shape[2]] = new.to(buffer.dtype)

    def copy(self, sources: Tensor, targets: Tensor) -> None:
        """Rows that become what other rows are."""
        for buffer in self._buffers:
            buffer[targets] = buffer[sources]

    def expect(self, place_B: Tensor, width: int) -> None:
        """The next tokens are those of the first B rows, at these places; all lie within `width`."""
        self._place_B, self._width = place_B, width

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write one token of each row, and return all that there is, of which a mask is to hide what is not theirs."""
        row_B = torch.arange(len(self._place_B), device=key_states.device)
        for buffer, new in zip(self._allocated(key_states, value_states), (key_states, value_states), strict=True):
            buffer[row_B, :, self._place_B] = new[:, :, 0].to(buffer.dtype)
        self.keys, self.values = (buffer[: len(row_B), :, : self._width] for buffer in self._buffers)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Number of places before the next token's, as transformers counts them: a mask then takes away more."""
        return self._width - 1

    def _allocated(self, *like: Tensor) -> tuple[Tensor, ...]:
        if not self._buffers:
            num_rows, num_places = self._size
            # Zeros: a place that is hidden from a row counts with weight 0, and must be finite for that.
            self._buffers = tuple(
                new.new_zeros((num_rows, new.shape[1], num_places, new.shape[3]), dtype=self._wanted or new.dtype)
                for new in like
            )
            self.dtype, self.device = self._buffers[0].dtype, like[0].device
            self.is_initialized = True
        return self._buffers


def has_plain_layers(model: Any) -> bool:
    """Whether all that the model remembers of a text is keys and values of each of its tokens."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def new_cache(model: Any, num_places: int, dtype: torch.dtype | None) -> DynamicCache:
    """The model's own kind of cache, its plain layers replaced by preallocated ones that keep `dtype`."""
    cache = DynamicCache(config=model.config)
    cache.layers = [
        PreallocatedLayer(num_places, dtype) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def new_slots(model: Any, num_rows: int, num_places: int, dtype: torch.dtype | None) -> DynamicCache:
    """A cache whose rows are of unlike lengths, for a model that `has_plain_layers`."""
    cache = DynamicCache(config=model.config)
    cache.layers = [SlotLayer(num_rows, num_places, dtype) for _ in cache.layers]
    return cache
