"""How tokens go through a Hugging Face model: packed in rows where the architecture allows it, one per row elsewhere.

Shapes: B documents, N tokens of all documents, R rows, L tokens per row, D width.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from preceptor.errors import UserError
from preceptor.models.precision import autocast
from preceptor.text.packing import Layout

EAGER_TOKENS = 512
"""On CPU, plain matrix products beat `sdpa` in time up to about here (bf16 training at 100 tokens: 1.4 times as
fast); above, its memory (heads × tokens²) is what counts."""


def body_of(model: Any) -> Any:
    """The transformer without its head."""
    return model.base_model


def model_inputs(model: Any, layout: Layout, tokens_RL: Tensor) -> dict[str, Any]:
    """Arguments for the model: with several documents per row, positions that restart make the document mask."""
    choose_attention(model, layout.num_columns)
    return {
        "input_ids": tokens_RL,
        "position_ids": layout.position_ids_RL,
        "attention_mask": None if layout.is_packed else layout.token_mask_RL,
        "use_cache": False,
    }


def max_context(model: Any) -> int | None:
    """Most tokens that a document may have; None when the architecture sets no limit."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def lay_out(model: Any, lengths: list[int]) -> Layout:
    """Rows for documents of these lengths, on the model's device; raises as `fitting`."""
    return fitting(model, Layout.packed(lengths))


def fitting(model: Any, layout: Layout) -> Layout:
    """A layout that the model can take, on its device: the one given, or one document per row.

    Raises:
        UserError: a document is longer than the model's context.
    """
    limit, longest = max_context(model), int(layout.position_N.max()) + 1 if len(layout.position_N) else 0
    if limit is not None and longest > limit:
        raise UserError(
            f"a text of {longest} tokens does not fit into the model's context of {limit}",
            field="max_tokens",
            remedy=f"set max_tokens to {limit} or less, or use a model with a longer context",
        )
    if layout.is_packed and not can_pack(model):
        layout = Layout.padded(layout.lengths)
    return layout.to(model.device)


def choose_attention(model: Any, num_tokens: int) -> None:
    """The faster attention for rows of this length."""
    is_short = model.device.type == "cpu" and num_tokens <= EAGER_TOKENS
    wanted = "eager" if is_short or not getattr(model, "_supports_sdpa", False) else "sdpa"
    if model.config._attn_implementation != wanted:
        model.set_attn_implementation(wanted)


def can_pack(model: Any) -> bool:
    """Whether the model keeps documents of one row apart: tried out once per model, on two short documents."""
    return _tried(model, "can_pack", _try_packing)


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


def _try_packing(model: Any) -> bool:
    apart, together = (_states(model, layout) for layout in (Layout.padded([4, 5]), Layout.packed([4, 5], 9)))
    return _are_close(apart, together)


def _try_head(model: Any) -> bool:
    layout = Layout.padded([4, 5]).to(model.device)
    logits = layout.take(model(**model_inputs(model, layout, layout.put(_tokens(model), 0))).logits)
    return _are_close(logits, model.get_output_embeddings()(_states(model, layout)))


def _states(model: Any, layout: Layout) -> Tensor:
    layout = layout.to(model.device)
    inputs = model_inputs(model, layout, layout.put(_tokens(model), 0))
    return layout.take(body_of(model)(**inputs).last_hidden_state)


def _tokens(model: Any) -> Tensor:
    return (torch.arange(1, 10, device=model.device) * 7) % model.get_input_embeddings().num_embeddings


def _are_close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-3 * a.abs().max())
