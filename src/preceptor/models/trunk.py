"""The body of Llama-shaped models (Llama, Mistral, Qwen2, Qwen3, …) without padding, on the CPU.

Tokens of all documents go through the matrix products as one list; only attention sees rows. It reads the weights
where transformers keeps them and calls their linear layers, so adapters and hooks work, and is tried out once per model
against transformers' own forward pass (`models/forward.py`).

Shapes: N tokens, D width, H heads, G key heads, W width of a head.
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


def hidden_states(model: Any, layout: Layout, tokens_N: Tensor, asked_M: Tensor | None = None) -> Tensor:
    """Last hidden states of the tokens asked for (all by default), normed, (M, D) in the type of products.

    The last layer works for these alone: of the other tokens it needs keys and values.
    """
    index_M, asked_U = layout.index_N, None
    if asked_M is not None:
        asked_U, index_M = torch.unique(asked_M if index_M is None else index_M[asked_M], return_inverse=True)
    body, work = model.base_model, _Work(model.base_model, layout.places)
    x_ND, delta_ND = work.embed(layout.once(tokens_N)), None
    for layer in body.layers:
        arguments = (layer, x_ND, delta_ND, asked_U if layer is body.layers[-1] else None)
        if model.is_activation_checkpointing and torch.is_grad_enabled():
            x_ND, delta_ND = checkpoint(work.block, *arguments, use_reentrant=False, preserve_rng_state=False)
        else:
            x_ND, delta_ND = work.block(*arguments)
    hidden_UD = work.norm(body.norm, x_ND, delta_ND)[1]
    return hidden_UD if index_M is None else hidden_UD.index_select(0, index_M)


def keys_and_values(model: Any, layout: Layout, tokens_N: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What each layer keeps of a text, keys and values, each (R, G, L, W): the last layer gives nothing else."""
    layers, work = model.base_model.layers, _Work(model.base_model, layout.places)
    x_ND, delta_ND = work.embed(layout.once(tokens_N)), None
    kept: list[tuple[Tensor, Tensor]] = []
    for layer in layers:
        x_ND, normed_ND = work.norm(layer.input_layernorm, x_ND, delta_ND)
        kept.append(work.keys_and_values(layer.self_attn, normed_ND))
        if layer is not layers[-1]:
            x_ND, delta_ND = work.mix(layer, x_ND, normed_ND, kept[-1], None)
    return kept


class _Work:
    """What the layers of one forward pass share, and what they do; the residual stream is fp32."""

    def __init__(self, body: Any, places: Places) -> None:
        self._embed_tokens, self._places = body.embed_tokens, places
        self._dtype = product_dtype(body.embed_tokens.weight)
        self._rotary = rotary(body, int(places.position_N.max()) + 1)

    def embed(self, tokens_N: Tensor) -> Tensor:
        return self._embed_tokens(tokens_N).float()

    def block(self, layer: Any, x_ND: Tensor, delta_ND: Tensor | None, asked_U: Tensor | None) -> tuple[Tensor, Tensor]:
        """(residual stream, what the block adds to it last and the next norm takes in), of the tokens asked for."""
        x_ND, normed_ND = self.norm(layer.input_layernorm, x_ND, delta_ND)
        return self.mix(layer, x_ND, normed_ND, self.keys_and_values(layer.self_attn, normed_ND), asked_U)

    def keys_and_values(self, attention: Any, normed_ND: Tensor) -> tuple[Tensor, Tensor]:
        k_RGLW = self._heads(attention, "k", normed_ND, self._places)
        v_ND = attention.v_proj(normed_ND)
        return k_RGLW, fused.to_rows(v_ND, self._places, v_ND.shape[1] // attention.head_dim)

    def mix(
        self, layer: Any, x_ND: Tensor, normed_ND: Tensor, keys: tuple[Tensor, Tensor], asked_U: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What a block does after its keys and values, for the tokens asked for."""
        attention, mlp, places = layer.self_attn, layer.mlp, self._places
        if asked_U is not None:
            x_ND, normed_ND = (tensor_ND.index_select(0, asked_U) for tensor_ND in (x_ND, normed_ND))
            places = places.only(asked_U)
        q_RHLW = self._heads(attention, "q", normed_ND, places)
        mixed_RHLW = fused.attention(q_RHLW, *keys, places, scale=attention.scaling)
        x_ND, normed_ND = self.norm(
            layer.post_attention_layernorm, x_ND, attention.o_proj(fused.from_rows(mixed_RHLW, places))
        )
        return x_ND, mlp.down_proj(fused.swiglu(mlp.gate_proj(normed_ND), mlp.up_proj(normed_ND)))

    def norm(self, norm: nn.Module, x_ND: Tensor, delta_ND: Tensor | None) -> tuple[Tensor, Tensor]:
        """(x + delta, its norm in the type of products)."""
        weight_D = norm.weight.float()
        return fused.add_rms_norm(x_ND, delta_ND, weight_D, eps=norm.variance_epsilon, dtype=self._dtype)

    def _heads(self, attention: Any, name: str, normed_ND: Tensor, places: Places) -> Tensor:
        """Heads that ask or answer, rotated, in rows; Qwen3 norms each of them."""
        heads_ND = getattr(attention, f"{name}_proj")(normed_ND)
        num_heads = heads_ND.shape[1] // attention.head_dim
        norm = getattr(attention, f"{name}_norm", None)
        if norm is not None:
            flat = heads_ND.float().view(-1, attention.head_dim)
            heads_ND = self.norm(norm, flat, None)[1].view(heads_ND.shape)
        return fused.to_rows(heads_ND, places, num_heads, self._rotary)


def rotary(body: Any, num_positions: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position, (positions, W) in fp32."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        probe = torch.zeros(1, dtype=torch.float32)
        cosine, sine = body.rotary_emb(probe, torch.arange(num_positions)[None])
    if cosine.shape[-1] != body.layers[0].self_attn.head_dim:
        raise ValueError("only a part of each head is rotated")
    return cosine[0].contiguous(), sine[0].contiguous()
