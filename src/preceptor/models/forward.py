"""How tokens go through a Hugging Face model: packed in rows where the architecture allows it, one per row elsewhere.

Shapes: B documents, N tokens of all documents, M tokens asked for, R rows, L tokens per row, D width.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from preceptor.errors import UserError
from preceptor.models import trunk
from preceptor.models.precision import autocast
from preceptor.text.packing import Layout

EAGER_TOKENS = 512
"""On CPU, plain matrix products beat `sdpa` in time up to about here (bf16 training at 100 tokens: 1.4 times as
fast); above, its memory (heads × tokens²) is what counts."""


def body_of(model: Any) -> Any:
    """The transformer without its head."""
    return model.base_model


def hidden_states(model: Any, layout: Layout, tokens_N: Tensor, asked_M: Tensor) -> Tensor:
    """The body's last hidden states of the tokens asked for, (M, D): by our own trunk where it computes the same."""
    if _takes_trunk(model, layout):
        return trunk.hidden_states(model, layout, tokens_N, asked_M)
    inputs = model_inputs(model, layout, layout.put(tokens_N, _any_token(model)))
    with _recomputing(model):
        return layout.take(body_of(model)(**inputs).last_hidden_state)[asked_M]


def logits(model: Any, layout: Layout, tokens_N: Tensor) -> Tensor:
    """The model's logits at each token, (N, V), with whatever the architecture does to them."""
    with _recomputing(model):
        return layout.take(model(**model_inputs(model, layout, layout.put(tokens_N, _any_token(model)))).logits)


def model_inputs(model: Any, layout: Layout, tokens_RL: Tensor) -> dict[str, Any]:
    """Arguments for the model: with several documents per row, positions that restart make the document mask."""
    choose_attention(model, layout.num_columns)
    mask = None if layout.is_packed else layout.token_mask_RL
    if layout.is_shared:
        allowed_R1LL = layout.attention_mask_R1LL
        mask = torch.zeros(allowed_R1LL.shape, device=allowed_R1LL.device).masked_fill(~allowed_R1LL, -1e9)
    return {
        "input_ids": tokens_RL,
        "position_ids": layout.position_ids_RL,
        "attention_mask": mask,
        "use_cache": False,
    }


def set_recompute(model: Any, recompute: bool) -> None:
    """Whether a forward pass keeps only what enters each layer, and computes the rest again in the backward pass.

    Raises:
        UserError: transformers cannot do that for this architecture.
    """
    if not recompute:
        model.activation_checkpointing_disable()
        return
    if not model.supports_gradient_checkpointing:
        raise UserError(
            f"a {model.config.model_type} model cannot compute its layers again",
            field="recompute",
            remedy="set recompute to false and lower micro_tokens",
        )
    model.activation_checkpointing_enable()


@contextmanager
def _recomputing(model: Any) -> Iterator[None]:
    """transformers asks each layer whether it trains: it is told so, while dropout inside of the layer stays off."""
    is_asked = model.is_activation_checkpointing and torch.is_grad_enabled() and not model.training
    layers = [module for module in model.modules() if hasattr(module, "gradient_checkpointing")] if is_asked else []
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False


def _takes_trunk(model: Any, layout: Layout) -> bool:
    return layout.num_columns <= trunk.MOST_COLUMNS and has_trunk(model) and not trunk.drops(model)


def _any_token(model: Any) -> int:
    """What stands in gaps; nothing attends to it."""
    return getattr(model.config.get_text_config(), "pad_token_id", None) or 0


def max_context(model: Any) -> int | None:
    """Most tokens that a document may have; None when the architecture sets no limit."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def lay_out(model: Any, lengths: Sequence[int], prompts: Sequence[Sequence[int]] | None = None) -> Layout:
    """Rows for documents of these lengths, on the model's device; with their prompts, equal ones are read once.

    Raises:
        UserError: a document is longer than the model's context.
    """
    limit, longest = max_context(model), max(lengths, default=0)
    if limit is not None and longest > limit:
        raise UserError(
            f"a text of {longest} tokens does not fit into the model's context of {limit}",
            field="max_tokens",
            remedy=f"set max_tokens to {limit} or less, or use a model with a longer context",
        )
    if prompts is not None and len(set(map(tuple, prompts))) < len(prompts) and can_share(model):
        layout = Layout.sharing(prompts, lengths)
    elif can_pack(model):
        layout = Layout.packed(lengths)
    else:
        layout = Layout.padded(lengths)
    return layout.to(model.device)


def choose_attention(model: Any, num_tokens: int) -> None:
    """The faster attention for rows of this length."""
    is_short = model.device.type == "cpu" and num_tokens <= EAGER_TOKENS
    wanted = "eager" if is_short or not getattr(model, "_supports_sdpa", False) else "sdpa"
    if model.config._attn_implementation != wanted:
        model.set_attn_implementation(wanted)


def has_trunk(model: Any) -> bool:
    """Whether `models/trunk.py` computes what the model's own body does."""
    return _tried(model, "has_trunk", _try_trunk)


def can_pack(model: Any) -> bool:
    """Whether the model keeps documents of one row apart: tried out once per model, on two short documents."""
    return _tried(model, "can_pack", _try_packing)


def can_share(model: Any) -> bool:
    """Whether the model lets documents share a prompt."""
    return _tried(model, "can_share", _try_sharing)


def has_plain_head(model: Any) -> bool:
    """Whether logits are the output embeddings times the body's states and nothing more (no cap, no scale)."""
    return _tried(model, "has_plain_head", _try_head)


def _tried(model: Any, name: str, trial: Callable[[Any], bool]) -> bool:
    """The outcome of a trial run, kept with the model."""
    outcomes = model.__dict__.setdefault("_preceptor_trials", {})
    if name not in outcomes:
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad(), autocast("float32", model.device.type):
                outcomes[name] = trial(model)
        except (TypeError, ValueError, RuntimeError, AttributeError):  # it does not take such inputs
            outcomes[name] = False
        finally:
            model.train(was_training)
    return outcomes[name]


def _try_trunk(model: Any) -> bool:
    if not trunk.fits(model):
        return False
    layout, asked_M = Layout.sharing([[0, 1]] * 2, [4, 5], 16), torch.arange(1, 9)
    ours_MD = trunk.hidden_states(model, layout, _tokens(model), asked_M)
    return _are_close(_states(model, Layout.padded([4, 5]))[asked_M], ours_MD)


def _try_packing(model: Any) -> bool:
    return _are_close(*(_states(model, layout) for layout in (Layout.padded([4, 5]), Layout.packed([4, 5], 9))))


def _try_sharing(model: Any) -> bool:
    layouts = Layout.padded([4, 5]), Layout.sharing([[0, 1]] * 2, [4, 5], 16)
    return has_trunk(model) or _are_close(*(_states(model, layout) for layout in layouts))


def _try_head(model: Any) -> bool:
    layout = Layout.padded([4, 5]).to(model.device)
    return _are_close(logits(model, layout, _tokens(model)), model.get_output_embeddings()(_states(model, layout)))


def _states(model: Any, layout: Layout) -> Tensor:
    layout = layout.to(model.device)
    inputs = model_inputs(model, layout, layout.put(_tokens(model), _any_token(model)))
    return layout.take(body_of(model)(**inputs).last_hidden_state)


def _tokens(model: Any) -> Tensor:
    """Two documents, of four and five tokens, that begin with the same two."""
    tokens_N = torch.tensor([1, 2, 3, 4, 1, 2, 5, 6, 7], device=model.device)
    return (tokens_N * 7) % model.get_input_embeddings().num_embeddings


def _are_close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-3 * a.abs().max())
