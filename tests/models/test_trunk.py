"""Our own trunk is transformers' body, in value and gradient, and is used only where it is."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from preceptor.models import forward, trunk
from preceptor.text.packing import Layout

SIZES: dict[str, Any] = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "pad_token_id": 0, "max_position_embeddings": 256,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
COMPUTED = {
    "llama": LlamaConfig(**SIZES),
    "llama, llama3 angles": LlamaConfig(**SIZES, rope_parameters=LLAMA3),
    "llama, biases, all heads": LlamaConfig(**(SIZES | {"num_key_value_heads": 4}), attention_bias=True, mlp_bias=True),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=16),
}
LEFT_ALONE = {
    "gpt2": GPT2Config(vocab_size=90, n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "gemma": GemmaConfig(**SIZES, head_dim=8),
    "gemma2": Gemma2Config(**SIZES, head_dim=8),
    "mistral, sliding window": MistralConfig(**SIZES, sliding_window=4),
    "llama, angles of the length": LlamaConfig(**SIZES, rope_parameters=DYNAMIC),
    "llama, gelu": LlamaConfig(**SIZES, hidden_act="gelu"),
}  # fmt: skip
PROMPTS = [[5, 6, 7], [5, 6, 7], [9] * 20, [9] * 20, [3, 4]]
LENGTHS = [9, 14, 30, 22, 40]


def build(config: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return model


def tokens() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    rows = [
        torch.cat([torch.tensor(prompt), torch.randint(1, 90, (length - len(prompt),), generator=generator)])
        for prompt, length in zip(PROMPTS, LENGTHS, strict=True)
    ]
    return torch.cat(rows)


def everything() -> Tensor:
    return torch.arange(sum(LENGTHS))


def states_and_gradient(model: Any, states_ND: Tensor) -> tuple[Tensor, Tensor]:
    weights_ND = torch.randn(states_ND.shape, generator=torch.Generator().manual_seed(2))
    model.zero_grad()
    (states_ND.float() * weights_ND).sum().backward()
    return states_ND.detach(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def by_transformers(model: Any) -> tuple[Tensor, Tensor]:
    layout = Layout.padded(LENGTHS)
    inputs = forward.model_inputs(model, layout, layout.put(tokens(), 0))
    return states_and_gradient(model, layout.take(model.base_model(**inputs).last_hidden_state))


LAYOUTS = {
    "padded": Layout.padded(LENGTHS),
    "packed": Layout.packed(LENGTHS, 64),
    "shared": Layout.sharing(PROMPTS, LENGTHS, 64),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", COMPUTED)
def test_the_trunk_is_transformers_body(name: str, layout: str) -> None:
    model = build(COMPUTED[name])
    assert forward.has_trunk(model)
    ours = states_and_gradient(model, trunk.hidden_states(model, LAYOUTS[layout], tokens(), everything()))
    for mine, theirs in zip(ours, by_transformers(model), strict=True):
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_last_layer_works_for_the_tokens_asked_for(layout: str) -> None:
    """Also for tokens asked for twice, in any order: in value and in gradient, those of the whole pass."""
    model, asked_M = build(COMPUTED["qwen3"]), torch.tensor([7, 3, 3, sum(LENGTHS) - 1, 12])
    some = states_and_gradient(model, trunk.hidden_states(model, LAYOUTS[layout], tokens(), asked_M))
    whole = states_and_gradient(model, trunk.hidden_states(model, LAYOUTS[layout], tokens(), everything())[asked_M])
    for ours, expected in zip(some, whole, strict=True):
        assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_bfloat16_is_as_close_as_transformers_own(name: str) -> None:
    model = build(COMPUTED[name])
    exact, _ = by_transformers(model)
    with torch.autocast("cpu", torch.bfloat16):
        ours, _ = states_and_gradient(model, trunk.hidden_states(model, LAYOUTS["shared"], tokens(), everything()))
        theirs, _ = by_transformers(model)
    assert ours.dtype == torch.bfloat16
    assert (ours - exact).square().mean() <= 1.5 * (theirs - exact).square().mean()


def test_recomputed_layers_change_nothing() -> None:
    model = build(COMPUTED["llama"]).train()
    results = []
    for is_recomputed in (False, True):
        if is_recomputed:
            model.activation_checkpointing_enable()
        results.append(
            states_and_gradient(model, trunk.hidden_states(model, LAYOUTS["packed"], tokens(), everything()))
        )
    for kept, recomputed in zip(*results, strict=True):
        assert torch.equal(kept, recomputed)


def test_keys_and_values_are_handed_out() -> None:
    model = build(COMPUTED["qwen3"])
    layout = Layout.padded(LENGTHS)
    with torch.no_grad():
        keys = trunk.keys_and_values(model, layout, tokens())
        inputs = forward.model_inputs(model, layout, layout.put(tokens(), 0)) | {"use_cache": True}
        cache = model.base_model(**inputs).past_key_values
    mask_RL = layout.token_mask_RL
    for ours, layer in zip(keys, cache.layers, strict=True):
        for mine, theirs in zip(ours, (layer.keys, layer.values), strict=True):
            difference = (mine - theirs).transpose(1, 2)[mask_RL].abs().max()
            assert difference <= 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_other_architectures_are_left_to_transformers(name: str) -> None:
    assert not forward.has_trunk(build(LEFT_ALONE[name]))


def test_a_trunk_that_computes_something_else_is_not_used() -> None:
    """Negative control of the trial: a scale of attention that transformers' own forward pass does not read."""
    model = build(COMPUTED["llama"])
    for layer in model.base_model.layers:
        layer.post_attention_layernorm.variance_epsilon = 0.0
        layer.post_attention_layernorm.forward = lambda x: x
    assert not forward.has_trunk(model)


def test_dropout_in_attention_is_left_to_transformers() -> None:
    model = build(LlamaConfig(**SIZES, attention_dropout=0.5))
    layout = Layout.packed([4, 5])
    first, second = (forward.hidden_states(model.train(), layout, tokens()[:9], torch.arange(9)) for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (forward.hidden_states(model.eval(), layout, tokens()[:9], torch.arange(9)) for _ in range(2))
    assert torch.equal(first, second)
