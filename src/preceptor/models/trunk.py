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


def hidden_states(
    model: Any, layout: Layout, tokens_N: Tensor, keys: list[tuple[Tensor, Tensor]] | None = None
) -> Tensor:
    """Last hidden states of all tokens, normed, (N, D) in the type that products are made in.

    With `keys`, each layer's keys and values, (R, G, L, W), are appended to it.
    """
    body, places = model.base_model, layout.places
    dtype = product_dtype(body.embed_tokens.weight)
    angles = rotary(body, int(places.position_N.max()) + 1)
    x_ND = body.embed_tokens(layout.once(tokens_N)).float()
    delta_ND: Tensor | None = None
    for layer in body.layers:
        arguments = (layer, x_ND, delta_ND, places, angles, dtype, keys)
        if model.is_activation_checkpointing and torch.is_grad_enabled():
            x_ND, delta_ND = checkpoint(_block, *arguments, use_reentrant=False, preserve_rng_state=False)
        else:
            x_ND, delta_ND = _block(*arguments)
    hidden_ND = _norm(body.norm, x_ND, delta_ND, dtype)[1]
    return hidden_ND if layout.index_N is None else hidden_ND[layout.index_N]


def _block(
    layer: Any, x_ND: Tensor, delta_ND: Tensor | None, places: Places, rotary: tuple[Tensor, Tensor],
    dtype: torch.dtype, keys: list[tuple[Tensor, Tensor]] | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(residual stream in fp32, what the block adds to it last and the next norm takes in)."""
    attention, mlp = layer.self_attn, layer.mlp
    x_ND, normed_ND = _norm(layer.input_layernorm, x_ND, delta_ND, dtype)
    width = attention.head_dim
    q_RHLW, k_RGLW = (
        fused.to_rows(_head_norm(attention, name, heads_ND, width), places, heads_ND.shape[1] // width, rotary)
        for name, heads_ND in (("q_norm", attention.q_proj(normed_ND)), ("k_norm", attention.k_proj(normed_ND)))
    )
    v_ND = attention.v_proj(normed_ND)
    v_RGLW = fused.to_rows(v_ND, places, v_ND.shape[1] // width)
    if keys is not None:
        keys.append((k_RGLW, v_RGLW))
    mixed_RHLW = fused.attention(q_RHLW, k_RGLW, v_RGLW, places, scale=attention.scaling)
    mixed_ND = attention.o_proj(fused.from_rows(mixed_RHLW, places))
    x_ND, normed_ND = _norm(layer.post_attention_layernorm, x_ND, mixed_ND, dtype)
    return x_ND, mlp.down_proj(fused.swiglu(mlp.gate_proj(normed_ND), mlp.up_proj(normed_ND)))


def _norm(norm: nn.Module, x_ND: Tensor, delta_ND: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return fused.add_rms_norm(x_ND, delta_ND, norm.weight.float(), eps=norm.variance_epsilon, dtype=dtype)


def _head_norm(attention: Any, name: str, heads_ND: Tensor, width: int) -> Tensor:
    """Qwen3 norms each head that asks and each that answers."""
    norm = getattr(attention, name, None)
    if norm is None:
        return heads_ND
    flat = heads_ND.float().view(-1, width)
    return _norm(norm, flat, None, heads_ND.dtype)[1].view(heads_ND.shape)


def rotary(body: Any, num_positions: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position, (positions, W) in fp32."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        probe = torch.zeros(1, dtype=torch.float32)
        cosine, sine = body.rotary_emb(probe, torch.arange(num_positions)[None])
    if cosine.shape[-1] != body.layers[0].self_attn.head_dim:
        raise ValueError("only a part of each head is rotated")
    return cosine[0].contiguous(), sine[0].contiguous()
