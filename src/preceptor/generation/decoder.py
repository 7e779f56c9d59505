"""The decoder of Llama-shaped models on the CPU: four matrix products a layer, and small kernels between them.

Weights are copied once, in the type that products are made in: the three that attention begins with as one product,
gate and up as another. Equal prompts are read once, and the rows that sample from one attend to the same memory.

Shapes: A active rows, D width, F width of the MLP, H heads, G key heads, W width of a head, P the same padded,
S places of a slot, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from preceptor.generation.base import Room
from preceptor.models import trunk
from preceptor.models.adapters import is_adapted, merged_weight
from preceptor.models.forward import has_plain_head, has_trunk
from preceptor.models.precision import product_dtype
from preceptor.ops import decoding
from preceptor.ops.compiled import address
from preceptor.ops.fused import round_number
from preceptor.text.packing import Layout

READ_TOKENS = 8192
"""Prompts are read about so many tokens at a time: bounds the memory of reading."""
ROWS = 8
"""Products are made of a multiple of so many rows: decoding has few, and a filler costs more than in training."""
HEAD_NORMS = ("q_norm", "k_norm")
"""Norms of each head, as in Qwen3."""


class _Product:
    """One or several linear layers with the same input, as one product.

    The weight is laid out once as oneDNN reads it: for 64 rows a tenth faster in bfloat16, a tenth to a third in fp32.
    """

    def __init__(self, layers: Sequence[Any], dtype: torch.dtype, num_rows: int) -> None:
        self._weight_ND = torch.cat([merged_weight(layer).to(dtype) for layer in layers])
        self._is_laid_out = torch.backends.mkldnn.is_available() and (
            dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        if self._is_laid_out:
            self._weight_ND = torch.ops.mkldnn._reorder_linear_weight(self._weight_ND, num_rows)
        self._bias_N: Tensor | None = None
        if any(layer.bias is not None for layer in layers):
            biases = [
                layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias for layer in layers
            ]
            self._bias_N = torch.cat(biases).to(dtype)

    def __call__(self, x_AD: Tensor) -> Tensor:
        if self._is_laid_out:
            return torch.ops.mkldnn._linear_pointwise(x_AD, self._weight_ND, self._bias_N, "none", [], "")
        return linear(x_AD, self._weight_ND, self._bias_N)


class _Norm:
    def __init__(self, norm: Any) -> None:
        self.weight_D, self.eps = norm.weight.float().contiguous(), norm.variance_epsilon


class _Memory:
    """Keys (slots, G, S/16, P, 16) and values (slots, G, S, P) of one layer."""

    def __init__(self, num_slots: int, num_heads: int, num_places: int, width: int, dtype: torch.dtype) -> None:
        size = num_slots * num_heads * decoding.whole_lanes(num_places) * decoding.whole_lanes(width)
        self.keys, self.values = torch.zeros(size, dtype=dtype), torch.zeros(size, dtype=dtype)


class _Layer:
    """A layer's weights, and what it remembers of prompts and of rows."""

    def __init__(self, layer: Any, room: Room, dtype: torch.dtype) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        num_heads, width = attention.k_proj.out_features // attention.head_dim, attention.head_dim
        self.norm, self.mlp_norm = _Norm(layer.input_layernorm), _Norm(layer.post_attention_layernorm)
        self.head_norms = [_Norm(getattr(attention, name)) if hasattr(attention, name) else None for name in HEAD_NORMS]
        self.project = _Product([attention.q_proj, attention.k_proj, attention.v_proj], dtype, room.num_slots)
        self.mix, self.down = (
            _Product([attention.o_proj], dtype, room.num_slots),
            _Product([mlp.down_proj], dtype, room.num_slots),
        )
        self.gate_up = _Product([mlp.gate_proj, mlp.up_proj], dtype, room.num_slots)
        self.prompts = _Memory(room.num_prompts, num_heads, room.longest_prompt, width, dtype)
        self.own = _Memory(room.num_slots, num_heads, room.max_tokens, width, dtype)


class _Homes:
    """Which slot of the prompts' memory holds what; a prompt stays while a row samples from it."""

    def __init__(self, num_prompts: int) -> None:
        self._free = list(range(num_prompts))
        self._home_of: dict[tuple[int, ...], int] = {}
        self._guests: dict[int, set[int]] = {}
        self._prompt_of: dict[int, tuple[int, ...]] = {}

    def take(self, slot: int, prompt: tuple[int, ...]) -> tuple[int, bool]:
        """(home of the prompt, whether it is new there)."""
        is_new = prompt not in self._home_of
        if is_new:
            self._home_of[prompt] = self._free.pop()
        home = self._home_of[prompt]
        self._guests.setdefault(home, set()).add(slot)
        self._prompt_of[slot] = prompt
        return home, is_new

    def leave(self, slot: int) -> None:
        """The slot samples from nothing any more."""
        prompt = self._prompt_of.pop(slot)
        home = self._home_of[prompt]
        self._guests[home].remove(slot)
        if not self._guests[home]:
            del self._home_of[prompt]
            self._free.append(home)


def fits(model: Any, room: Room) -> bool:
    """Whether this decoder computes what the model does, within `room`."""
    if room.longest_prompt > trunk.MOST_COLUMNS or not (has_trunk(model) and has_plain_head(model)):
        return False
    products = [*_products(model.base_model), model.get_output_embeddings()]
    return all(type(product) is nn.Linear or is_adapted(product) for product in products)


def _products(body: Any) -> list[nn.Module]:
    """What is multiplied in each layer: anything but weights and adapters would be left out of the copy."""
    names = {"self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"), "mlp": ("gate_proj", "up_proj", "down_proj")}
    return [getattr(getattr(layer, part), name) for layer in body.layers for part in names for name in names[part]]


class FusedDecoder:
    """Keeps the keys and values of prompts, and of rows that sample from them."""

    rows_may_join = True

    def __init__(self, model: Any, room: Room) -> None:
        body = model.base_model
        attention, mlp = body.layers[0].self_attn, body.layers[0].mlp
        self._model, self._embeddings = model, body.embed_tokens.weight
        dtype = product_dtype(self._embeddings)
        self._kernels: Any = decoding.kernels(dtype)
        self._layers = [_Layer(layer, room, dtype) for layer in body.layers]
        self._norm, self._head = _Norm(body.norm), _Product([model.get_output_embeddings()], dtype, room.num_slots)
        self._rotary = trunk.rotary(body, room.longest_prompt + room.max_tokens)
        self._homes = _Homes(room.num_prompts)
        self._home, self._prompt_length, self._own_length = (
            torch.zeros(room.num_slots, dtype=torch.long) for _ in range(3)
        )
        self._state = [address(part) for part in (self._home, self._prompt_length, self._own_length, *self._rotary)]
        width = attention.head_dim
        heads = [product.out_features // width for product in (attention.q_proj, attention.k_proj)]
        self._sizes = (*heads, width, *map(decoding.whole_lanes, (room.longest_prompt, room.max_tokens)))
        self._scale = attention.scaling
        sizes = (self._embeddings.shape[1], heads[0] * width, mlp.up_proj.out_features)
        self._normed_AD, self._mixed_AD, self._gated_AF = (torch.zeros(room.num_slots, n, dtype=dtype) for n in sizes)

    def admit(self, slots: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Let rows sample from prompts; those that no other row holds are read, but for their last token."""
        unread: list[list[tuple[int, tuple[int, ...]]]] = []
        room = 0
        for slot, prompt in zip(slots, prompts, strict=True):
            home, is_new = self._homes.take(slot, prompt)
            self._home[slot], self._prompt_length[slot], self._own_length[slot] = home, len(prompt) - 1, 0
            if not is_new or len(prompt) == 1:
                continue
            if len(prompt) > room:
                unread.append([])
                room = READ_TOKENS
            unread[-1].append((home, prompt[:-1]))
            room -= len(prompt)
        for part in unread:
            self._read(*zip(*part, strict=True))

    def leave(self, slots: Sequence[int]) -> None:
        """Rows have ended."""
        for slot in slots:
            self._homes.leave(slot)

    def step(self, slots_A: Tensor, tokens_A: Tensor) -> Tensor:
        """Logits of the next token, (A, V), after one more token of each row."""
        num = min(round_number(len(slots_A), ROWS), len(self._normed_AD))
        x_AD = embedding(tokens_A, self._embeddings).float()
        delta_AD: Tensor | None = None
        normed_AD, mixed_AD, gated_AF = self._normed_AD[:num], self._mixed_AD[:num], self._gated_AF[:num]
        for layer in self._layers:
            self._add_norm(x_AD, delta_AD, layer.norm)
            self._attend(layer, layer.project(normed_AD), slots_A)
            self._add_norm(x_AD, layer.mix(mixed_AD), layer.mlp_norm)
            gate_up = layer.gate_up(normed_AD)
            self._kernels.swiglu_rows(gate_up.data_ptr(), gated_AF.data_ptr(), *gated_AF.shape)
            delta_AD = layer.down(gated_AF)
        self._add_norm(x_AD, delta_AD, self._norm)
        self._own_length[slots_A] += 1
        return self._head(normed_AD)[: len(slots_A)]

    def _add_norm(self, x_AD: Tensor, delta_AD: Tensor | None, norm: _Norm) -> None:
        """x += delta, and its norm into the rows of `_normed_AD`."""
        delta = None if delta_AD is None else delta_AD.data_ptr()
        addresses = (x_AD.data_ptr(), delta, norm.weight_D.data_ptr(), self._normed_AD.data_ptr())
        self._kernels.add_norm(*addresses, *x_AD.shape, norm.eps)

    def _attend(self, layer: _Layer, projected: Tensor, slots_A: Tensor) -> None:
        """The rows' next key and value into memory, and the mixed heads into the rows of `_mixed_AD`."""
        q_norm, k_norm = layer.head_norms
        memories = (layer.prompts.keys, layer.prompts.values, layer.own.keys, layer.own.values)
        self._kernels.attend(
            projected.data_ptr(), slots_A.data_ptr(), *self._state, q_norm and q_norm.weight_D.data_ptr(),
            k_norm and k_norm.weight_D.data_ptr(), *(memory.data_ptr() for memory in memories),
            self._mixed_AD.data_ptr(), len(slots_A), *self._sizes, self._scale, q_norm.eps if q_norm else 0.0,
        )  # fmt: skip

    def _read(self, homes: Sequence[int], prompts: Sequence[Sequence[int]]) -> None:
        """Keys and values of prompts into their homes."""
        lengths = [len(prompt) for prompt in prompts]
        layout = Layout.packed(lengths)
        tokens_N = torch.tensor([token for prompt in prompts for token in prompt])
        keys = trunk.keys_and_values(self._model, layout, tokens_N)
        length_P = torch.tensor(lengths)
        place_P, home_P = layout.place_N[length_P.cumsum(0) - length_P], torch.tensor(homes)
        _, num_heads, width, num_places, _ = self._sizes
        for layer, (k_RGLW, v_RGLW) in zip(self._layers, keys, strict=True):
            tensors = (k_RGLW, v_RGLW, place_P, length_P, home_P, layer.prompts.keys, layer.prompts.values)
            self._kernels.keep_prompts(
                *map(address, tensors), len(homes), num_heads, layout.num_columns, width, num_places
            )
