"""A key-value cache that is allocated once, where transformers' own copies itself at each token.

Shapes: B rows, H heads, S places, D width of a head.
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


def new_cache(model: Any, num_places: int, dtype: torch.dtype | None) -> DynamicCache:
    """The model's own kind of cache, its plain layers replaced by preallocated ones that keep `dtype`."""
    cache = DynamicCache(config=model.config)
    cache.layers = [
        PreallocatedLayer(num_places, dtype) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache
