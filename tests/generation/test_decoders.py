"""Every decoder of a model samples the same: with kernels or without, joining or in step, prompts shared or not."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

from preceptor.generation import decoder as fused
from preceptor.generation import native
from preceptor.generation.base import Room, Sampled
from preceptor.generation.cache import has_plain_layers
from preceptor.generation.native import generate
from preceptor.generation.plain import LockstepDecoder, SlotDecoder
from preceptor.models.adapters import LoRAConfig, adapters_off, add_adapters
from preceptor.models.policy import Policy
from preceptor.records import Sampling
from preceptor.text.batches import rollout_from
from preceptor.text.chat import Chat
from tests.models.test_policy import build, rows
from tests.tiny import byte_tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 340, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128,
}  # fmt: skip
CONFIGS = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "llama, untied": LlamaConfig(**SIZES, head_dim=16, attention_bias=True),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True),
}
"""Heads that share keys, biases, norms of heads; output embeddings of their own or not."""
ROOM = Room(4, 4, 20, 20)
SEEDS = list(range(30))


def policy_of(config: Any) -> Policy:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return Policy(model.eval(), Chat(byte_tokenizer()))


@pytest.fixture(params=CONFIGS, scope="module")
def policy(request: pytest.FixtureRequest) -> Policy:
    return policy_of(CONFIGS[request.param])


def prompts() -> list[list[int]]:
    """Thirty, of which each of ten stands three times, and one has a single token."""
    different = [prompt for prompt, _ in rows(9)]
    return [*different, [7]] * 3


def sample(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, kind: Any, batch_size: int, **sampling: Any
) -> list[Sampled]:
    """With a decoder of one's choice, and lengths from 1 to 25."""
    monkeypatch.setattr(native, "_decoder", lambda policy, room: kind(policy.model, room))
    limits = [1 + 7 * i % 25 for i in range(30)]
    return generate(policy, prompts(), Sampling(max_tokens=25, **sampling), SEEDS, batch_size, max_tokens=limits)


def assert_same(some: list[Sampled], others: list[Sampled]) -> None:
    assert [one.tokens for one in some] == [one.tokens for one in others]
    for one, other in zip(some, others, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_decoders_and_batch_sizes_change_nothing(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    assert fused.fits(policy.model, ROOM)
    alone = sample(policy, monkeypatch, SlotDecoder, 1, temperature=temperature)
    assert len({one.tokens for one in alone}) > 20 or temperature == 0
    for kind, batch_size in (
        (fused.FusedDecoder, 1),
        (fused.FusedDecoder, 7),
        (fused.FusedDecoder, 64),
        (SlotDecoder, 7),
        (LockstepDecoder, 7),
    ):
        assert_same(sample(policy, monkeypatch, kind, batch_size, temperature=temperature), alone)


def test_fused_logprobs_equal_the_trainer_s(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = sample(policy, monkeypatch, fused.FusedDecoder, 7)
    rollout = rollout_from([""] * 30, prompts(), sampled, pad_id=policy.chat.pad_id)
    with torch.no_grad():
        new_logprobs_BT, _ = policy.logprobs(rollout, 1.0)
    assert torch.allclose(rollout.old_logprobs_BT, new_logprobs_BT, atol=1e-4)


def test_fused_bfloat16_stays_near_fp32(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        sampled = sample(policy, monkeypatch, fused.FusedDecoder, 7)
    rollout = rollout_from([""] * 30, prompts(), sampled, pad_id=policy.chat.pad_id)
    with torch.no_grad():
        exact_BT, _ = policy.logprobs(rollout, 1.0)
    error_M = (rollout.old_logprobs_BT - exact_BT).abs()[rollout.response_mask_BT]
    assert 0 < error_M.mean() < 3e-2


def test_top_k_and_top_p_are_the_same_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_of(CONFIGS["qwen2"])
    cut = {"top_k": 5, "top_p": 0.8}
    whole = sample(policy, monkeypatch, SlotDecoder, 64)
    alone = sample(policy, monkeypatch, SlotDecoder, 1, **cut)
    assert [one.tokens for one in alone] != [one.tokens for one in whole]
    for kind in (native._decoder(policy, ROOM).__class__, LockstepDecoder):
        assert_same(sample(policy, monkeypatch, kind, 7, **cut), alone)


@pytest.mark.parametrize("name", ["gpt2", "bloom", "gpt_neox", "gemma"])
def test_rows_that_join_sample_as_in_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Architectures that only transformers computes: learned positions, slopes, rotations, scaled embeddings."""
    policy = build(name)
    assert has_plain_layers(policy.model)
    assert not fused.fits(policy.model, ROOM)
    in_step = sample(policy, monkeypatch, LockstepDecoder, 30)
    for batch_size in (7, 30):
        assert_same(sample(policy, monkeypatch, SlotDecoder, batch_size), in_step)


@pytest.mark.parametrize("name", ["mistral", "gemma2"])
def test_sliding_windows_go_in_step(name: str) -> None:
    policy = build(name)
    assert not has_plain_layers(policy.model)
    assert isinstance(native._decoder(policy, ROOM), LockstepDecoder)


def test_what_the_copy_of_the_weights_would_leave_out_is_not_copied() -> None:
    policy = policy_of(CONFIGS["llama"])
    mlp = policy.model.model.layers[1].mlp
    mlp.up_proj = torch.nn.Sequential(mlp.up_proj)  # as an adapter would stand there
    assert not fused.fits(policy.model, ROOM)
    assert isinstance(native._decoder(policy, ROOM), SlotDecoder)


def test_adapters_are_in_the_copy_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_of(CONFIGS["qwen2"])
    without = sample(policy, monkeypatch, fused.FusedDecoder, 7)
    add_adapters(policy, LoRAConfig(rank=4), torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
    assert fused.fits(policy.model, ROOM)
    adapted = sample(policy, monkeypatch, fused.FusedDecoder, 7)
    assert_same(adapted, sample(policy, monkeypatch, SlotDecoder, 7))
    assert [one.tokens for one in adapted] != [one.tokens for one in without]
    with adapters_off(policy):
        assert_same(sample(policy, monkeypatch, fused.FusedDecoder, 7), without)


class Counting:
    """A decoder that notes what it is asked for."""

    rows_may_join = True

    def __init__(self, model: Any, room: Room) -> None:
        self._decoder = SlotDecoder(model, room)
        self.admitted: list[int] = []
        self.active: list[int] = []
        self.read = 0
        read = self._decoder._read

        def counted(prompts: dict[int, tuple[int, ...]]) -> None:
            self.read += len(prompts)
            read(prompts)

        self._decoder._read = counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def admit(self, slots: list[int], prompts: list[tuple[int, ...]]) -> None:
        self.admitted.append(len(slots))
        self._decoder.admit(slots, prompts)

    def step(self, slots_A: torch.Tensor, tokens_A: torch.Tensor) -> torch.Tensor:
        self.active.append(len(slots_A))
        return self._decoder.step(slots_A, tokens_A)


def test_waiting_prompts_take_the_places_of_rows_that_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, made = policy_of(CONFIGS["llama"]), []

    def make(model: Any, room: Room) -> Counting:
        made.append(Counting(model, room))
        return made[-1]

    sampled = sample(policy, monkeypatch, make, 8)
    counting = made[0]
    assert sum(counting.admitted) == 30
    assert sum(counting.active) == sum(len(one.tokens) for one in sampled)  # nobody waits for a neighbour
    assert max(counting.active) == 8
    assert len(counting.active) < 1.5 * sum(counting.active) / 8
    assert counting.read == len(
        {tuple(prompt) for prompt in prompts() if len(prompt) > 1}
    )  # of three samples, one read
