"""The body of Llama-shaped models (Llama, Mistral, Qwen2, Qwen3, …) without padding, on the CPU.

Tokens of all documents go through the matrix products as one list; fillers at its end make their number a round one;
only attention sees rows. It reads the weights where transformers keeps them and calls their linear layers, so adapters
and hooks work, and is tried out once per model against transformers' own forward pass (`models/forward.py`).

Shapes: N tokens of all documents, U the same with shared prompts once and with fillers, M tokens asked for, R rows,
L places of a row, D width, H heads, G key heads, W width of a head.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from preceptor.models.precision import product_dtype
from preceptor.ops import fused
from preceptor.ops.fused import Places
from preceptor.text.packing import Layout

MOST_COLUMNS = 1024
"""Longer rows are left to transformers: attention here keeps heads × columns² probabilities."""
STATIC_ROPE = ("default", "linear", "llama3", "yarn")
"""Rotary embeddings whose angles do not depend on the length of the text."""


def fits(model: Any) -> bool:
    """Whether the model has the layers that this file computes; what they compute is then tried out."""
    body, config = model.base_model, model.config.get_text_config()
    parts = ("embed_tokens", "layers", "norm", "rotary_emb")
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        fused.is_available()
        and model.device.type == "cpu"
        and all(hasattr(body, part) for part in parts)
        and all(_has_block(layer) for layer in body.layers)
        and getattr(config, "hidden_act", None) == "silu"
        and set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
        and rope.get("rope_type", "default") in STATIC_ROPE
        and not getattr(config, "use_sliding_window", False)
        and (getattr(config, "sliding_window", None) or 2**31) >= config.max_position_embeddings
    )


def drops(model: Any) -> bool:
    """Whether attention drops some of its weights at present, which this file does not."""
    return model.training and any(layer.self_attn.attention_dropout > 0 for layer in model.base_model.layers)


def _has_block(layer: Any) -> bool:
    attention, mlp = getattr(layer, "self_attn", None), getattr(layer, "mlp", None)
    return all(hasattr(attention, f"{name}_proj") for name in "qkvo") and all(
        hasattr(mlp, f"{name}_proj") for name in ("gate", "up", "down")
    )


def hidden_states(model: Any, layout: Layout, tokens_N: Tensor, asked_M: Tensor) -> Tensor:
    """Last hidden states of the tokens asked for, normed, (M, D) in the type of products.

    The last layer makes its products for these and fillers, but for keys and values; attention goes over whole rows.
    """
    asked_M = asked_M if layout.index_N is None else layout.index_N[asked_M]
    asked_U, index_M = torch.unique(asked_M, return_inverse=True)
    body, forward_pass = model.base_model, _Pass(model.base_model, layout)
    x_UD, delta_UD = forward_pass.embed(layout.once(tokens_N)), None
    for number, layer in enumerate(body.layers, start=1):
        arguments = (layer, x_UD, delta_UD, asked_U if number == len(body.layers) else None)
        if model.is_activation_checkpointing and torch.is_grad_enabled():
            x_UD, delta_UD = checkpoint(forward_pass.block, *arguments, use_reentrant=False, preserve_rng_state=False)
        else:
            x_UD, delta_UD = forward_pass.block(*arguments)
    return forward_pass.norm(body.norm, x_UD, delta_UD)[1].index_select(0, index_M)


def keys_and_values(model: Any, layout: Layout, tokens_N: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What each layer keeps of a text, keys and values, each (R, G, L, W): the last layer gives nothing else."""
    body, forward_pass = model.base_model, _Pass(model.base_model, layout)
    x_UD, delta_UD = forward_pass.embed(layout.once(tokens_N)), None
    kept: list[tuple[Tensor, Tensor]] = []
    for number, layer in enumerate(body.layers, start=1):
        x_UD, normed_UD = forward_pass.norm(layer.input_layernorm, x_UD, delta_UD)
        kept.append(forward_pass.keys_and_values(layer.self_attn, normed_UD))
        if number < len(body.layers):
            x_UD, delta_UD = forward_pass.mix(layer, x_UD, normed_UD, kept[-1], None)
    return kept


class _Pass:
    """What the layers of one forward pass share, and what they do; the residual stream is fp32."""

    def __init__(self, body: Any, layout: Layout) -> None:
        self._embed_tokens, self._places = body.embed_tokens, layout.places.filled()
        self._dtype = product_dtype(body.embed_tokens.weight)
        self._rotary = rotary(body, int(self._places.position_N.max()) + 1)

    def embed(self, tokens_U: Tensor) -> Tensor:
        """The residual stream of the tokens, and of the fillers that follow them."""
        return self._embed_tokens(fused.repeated(tokens_U, len(self._places.place_N))).float()

    def block(self, layer: Any, x_UD: Tensor, delta_UD: Tensor | None, asked_U: Tensor | None) -> tuple[Tensor, Tensor]:
        """(residual stream, what the block adds to it last and the next norm takes in), of `asked_U` or of all."""
        x_UD, normed_UD = self.norm(layer.input_layernorm, x_UD, delta_UD)
        return self.mix(layer, x_UD, normed_UD, self.keys_and_values(layer.self_attn, normed_UD), asked_U)

    def keys_and_values(self, attention: Any, normed_UD: Tensor) -> tuple[Tensor, Tensor]:
        k_RGLW = self._heads(attention, "k", normed_UD, self._places)
        v_UD = attention.v_proj(normed_UD)
        return k_RGLW, fused.to_rows(v_UD, self._places, v_UD.shape[1] // attention.head_dim)

    def mix(
        self, layer: Any, x_UD: Tensor, normed_UD: Tensor, kept: tuple[Tensor, Tensor], asked_U: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What a block does after its keys and values, for `asked_U` or for all."""
        attention, mlp, places = layer.self_attn, layer.mlp, self._places
        if asked_U is not None:
            places = places.only(asked_U).filled()
            index_U = fused.repeated(asked_U, len(places.place_N))
            x_UD, normed_UD = (tensor_UD.index_select(0, index_U) for tensor_UD in (x_UD, normed_UD))
        q_RHLW = self._heads(attention, "q", normed_UD, places)
        mixed_RHLW = fused.attention(q_RHLW, *kept, places, scale=attention.scaling)
        x_UD, normed_UD = self.norm(
            layer.post_attention_layernorm, x_UD, attention.o_proj(fused.from_rows(mixed_RHLW, places))
        )
        return x_UD, mlp.down_proj(fused.swiglu(mlp.gate_proj(normed_UD), mlp.up_proj(normed_UD)))

    def norm(self, norm: nn.Module, x_UD: Tensor, delta_UD: Tensor | None) -> tuple[Tensor, Tensor]:
        """(x + delta, its norm in the type of products)."""
        weight_D = norm.weight.float()
        return fused.add_rms_norm(x_UD, delta_UD, weight_D, eps=norm.variance_epsilon, dtype=self._dtype)

    def _heads(self, attention: Any, name: str, normed_UD: Tensor, places: Places) -> Tensor:
        """Heads that ask or answer, rotated, in rows; Qwen3 norms each of them."""
        heads_UD = getattr(attention, f"{name}_proj")(normed_UD)
        num_heads = heads_UD.shape[1] // attention.head_dim
        norm = getattr(attention, f"{name}_norm", None)
        if norm is not None:
            flat = heads_UD.float().view(-1, attention.head_dim)
            heads_UD = self.norm(norm, flat, None)[1].view(heads_UD.shape)
        return fused.to_rows(heads_UD, places, num_heads, self._rotary)


def rotary(body: Any, num_positions: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position, (positions, W) in fp32."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        probe = torch.zeros(1, dtype=torch.float32)
        cosine, sine = body.rotary_emb(probe, torch.arange(num_positions)[None])
    if cosine.shape[-1] != body.layers[0].self_attn.head_dim:
        raise ValueError("only a part of each head is rotated")
    return cosine[0].contiguous(), sine[0].contiguous()
