"""Log-probabilities and losses do not depend on padding, packing, chunks or neighbours."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, BloomConfig, Gemma2Config, MistralConfig

from preceptor.errors import UserError
from preceptor.generation.base import Sampled
from preceptor.models import policy as policy_module
from preceptor.models.forward import EAGER_TOKENS, can_pack, has_plain_head, has_trunk, set_recompute
from preceptor.models.load import load_policy
from preceptor.models.policy import Policy
from preceptor.text.batches import Rollout, pack, rollout_from
from preceptor.text.chat import Chat
from tests.tiny import ARCHITECTURES, byte_tokenizer, config_of, write_model

UNUSUAL = ("mistral", "gemma2", "bloom")
"""A sliding window; a sliding window and capped logits; positions as slopes, which no packed row can restart."""


def build(architecture: str) -> Policy:
    sizes: dict[str, Any] = {
        "vocab_size": 340, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    }  # fmt: skip
    if architecture in ARCHITECTURES:
        config = config_of(architecture)
    elif architecture == "mistral":
        config = MistralConfig(**sizes, num_key_value_heads=2, sliding_window=4)
    elif architecture == "gemma2":
        config = Gemma2Config(**sizes, num_key_value_heads=2, head_dim=8, sliding_window=4, final_logit_softcapping=2.0)
    else:
        config = BloomConfig(vocab_size=340, hidden_size=32, n_layer=2, n_head=4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return Policy(model.eval(), Chat(byte_tokenizer()))


@pytest.fixture(params=ARCHITECTURES + UNUSUAL, scope="module")
def policy(request: pytest.FixtureRequest) -> Policy:
    return build(request.param)


def rows(num: int = 12, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    generator = torch.Generator().manual_seed(seed)

    def tokens(low: int, high: int) -> list[int]:
        length = int(torch.randint(low, high, (), generator=generator))
        return torch.randint(5, 300, (length,), generator=generator).tolist()

    return [(tokens(1, 20), tokens(1, 14)) for _ in range(num)]


def rollout_of(pairs: list[tuple[list[int], list[int]]], policy: Policy) -> Rollout:
    sampled = [Sampled(tuple(response), (0.0,) * len(response), True) for _, response in pairs]
    ids = [str(i) for i in range(len(pairs))]
    return rollout_from(ids, [prompt for prompt, _ in pairs], sampled, pad_id=policy.chat.pad_id)


def alone(policy: Policy, prompt: list[int], response: list[int], temperature: float) -> torch.Tensor:
    """Log-probabilities of one response, without padding, by transformers' plain forward pass."""
    logits_LV = policy.model(torch.tensor([prompt + response])).logits[0] / temperature
    logprobs_LV = logits_LV.log_softmax(-1)
    return logprobs_LV[len(prompt) - 1 : -1].gather(-1, torch.tensor(response)[:, None])[:, 0]


@torch.no_grad()
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_padded_logprobs_equal_unpadded(policy: Policy, temperature: float) -> None:
    pairs = rows()
    rollout = rollout_of(pairs, policy)
    logprobs_BT, entropy_BT = policy.logprobs(rollout, temperature)
    for b, (prompt, response) in enumerate(pairs):
        expected = alone(policy, prompt, response, temperature)
        assert torch.allclose(logprobs_BT[b, : len(response)], expected, atol=2e-5), b
        assert (logprobs_BT[b, len(response) :] == 0).all()
    assert ((entropy_BT > 0) == rollout.response_mask_BT).all()


@torch.no_grad()
def test_neighbours_and_order_change_nothing(policy: Policy) -> None:
    rollout = rollout_of(rows(), policy)
    whole_BT, _ = policy.logprobs(rollout, 1.0)
    order = torch.randperm(len(rollout), generator=torch.Generator().manual_seed(0))
    for part in order.split(5):
        part_BT, _ = policy.logprobs(rollout.select(part), 1.0)
        assert torch.allclose(part_BT, whole_BT[part], atol=2e-5)


def test_packed_loss_and_gradient_equal_unpacked(policy: Policy) -> None:
    pairs = [(prompt + response, [False] * len(prompt) + [True] * len(response)) for prompt, response in rows()]
    gradients, losses = [], []
    for groups in ([pairs], [[pair] for pair in pairs]):
        policy.zero_grad()
        total = torch.zeros(())
        for group in groups:
            nll, _ = policy.nll(pack(group, max_tokens=64))
            nll.backward()
            total += nll.detach()
        losses.append(total)
        gradients.append(torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None]))
    policy.zero_grad()
    assert losses[0] == pytest.approx(float(losses[1]), rel=1e-5)
    assert torch.allclose(*gradients, atol=1e-4 * float(gradients[1].abs().max()))


@torch.no_grad()
def test_loss_is_the_sum_over_learned_tokens(policy: Policy) -> None:
    pairs = rows(5)
    examples = [(prompt + response, [False] * len(prompt) + [True] * len(response)) for prompt, response in pairs]
    total, count = policy.nll(pack(examples, max_tokens=64))
    expected = -sum(float(alone(policy, prompt, response, 1.0).sum()) for prompt, response in pairs)
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert int(count) == sum(len(response) for _, response in pairs)


def test_packing_and_heads_are_tried_not_assumed(policy: Policy) -> None:
    name = policy.model.config.model_type
    assert can_pack(policy.model) is (name != "bloom")
    assert has_plain_head(policy.model) is (name != "gemma2")


def test_packing_without_a_document_mask_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the trial and the comparison above do see documents that read each other."""
    policy = build("gpt2")
    body = type(policy.model.base_model)
    plain = body.forward

    def leaky(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs["attention_mask"] is None:
            kwargs["attention_mask"] = torch.ones_like(kwargs["input_ids"] if "input_ids" in kwargs else args[0])
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(body, "forward", leaky)
    assert not can_pack(policy.model)
    policy.model.__dict__["_preceptor_trials"]["can_pack"] = True
    pairs = rows()
    with torch.no_grad():
        logprobs_BT, _ = policy.logprobs(rollout_of(pairs, policy), 1.0)
    wrong = [
        b for b, (prompt, response) in enumerate(pairs)
        if not torch.allclose(logprobs_BT[b, : len(response)], alone(policy, prompt, response, 1.0), atol=2e-5)
    ]  # fmt: skip
    assert wrong


def test_chunks_of_the_vocabulary_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = build("llama")
    rollout = rollout_of(rows(), policy)
    results = []
    for elements in (2**25, 340 * 7):
        monkeypatch.setattr(policy_module, "CHUNK_ELEMENTS", elements)
        policy.zero_grad()
        logprobs_BT, entropy_BT = policy.logprobs(rollout, 0.7)
        logprobs_BT.square().sum().backward()
        gradient = torch.cat([p.grad.flatten() for p in policy.parameters()])
        results.append((logprobs_BT.detach(), entropy_BT, gradient))
    for whole, chunked in zip(*results, strict=True):
        assert torch.allclose(whole, chunked, atol=1e-5)


@torch.no_grad()
def test_long_rows_use_the_attention_that_spares_memory() -> None:
    policy = build("gpt_neox")
    policy.model.config.max_position_embeddings = 1024
    pairs = [(rows(1)[0][0], [7] * (EAGER_TOKENS + 1)), *rows(3)]
    logprobs_BT, _ = policy.logprobs(rollout_of(pairs, policy), 1.0)
    assert policy.model.config._attn_implementation == "sdpa"
    assert torch.allclose(logprobs_BT[1, : len(pairs[1][1])], alone(policy, *pairs[1], 1.0), atol=2e-5)
    policy.logprobs(rollout_of(rows(3), policy), 1.0)
    assert policy.model.config._attn_implementation == "eager"


def test_a_text_longer_than_the_context() -> None:
    policy = build("gpt2")
    with pytest.raises(UserError, match="129 tokens does not fit") as caught:
        policy.nll(pack([([5] * 129, [True] * 129)], max_tokens=200))
    assert "128 or less" in caught.value.remedy


@torch.no_grad()
def test_a_deep_copy_is_independent(tmp_path: Path) -> None:
    policy = load_policy(write_model(tmp_path / "model"))
    rollout = rollout_of(rows(3), policy)
    before, _ = policy.logprobs(rollout, 1.0)
    other = copy.deepcopy(policy)
    other.model.get_input_embeddings().weight.mul_(2)
    assert torch.equal(policy.logprobs(rollout, 1.0)[0], before)
    assert not torch.equal(other.logprobs(rollout, 1.0)[0], before)


def test_layers_computed_again_change_no_gradient_and_keep_less(policy: Policy) -> None:
    examples = [(prompt + response, [False] * len(prompt) + [True] * len(response)) for prompt, response in rows()]
    gradients, kept = [], []
    for recompute in (False, True):
        set_recompute(policy.model.eval(), recompute)
        policy.zero_grad()
        saved: list[int] = []
        with saved_tensors_hooks(
            lambda tensor, saved=saved: saved.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            nll, _ = policy.nll(pack(examples, max_tokens=64))
        nll.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None]))
        kept.append(sum(saved))
        assert not policy.model.training
    set_recompute(policy.model, False)
    assert torch.allclose(*gradients, atol=1e-6 * float(gradients[0].abs().max()))
    assert kept[1] < 0.7 * kept[0]


class Products(TorchDispatchMode):
    """Notes the shapes of all products of two matrices: not attention's, which come in batches of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[Any, ...]] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
            self.shapes.add(tuple(tuple(x.shape) for x in args if isinstance(x, torch.Tensor)))
        return function(*args, **(kwargs or {}))


def shapes_of_training(policy: Policy, lengths: list[int], num_learned: int) -> set[tuple[Any, ...]]:
    batch = pack([([7] * n, [False] * (n - num_learned) + [True] * num_learned) for n in lengths], max_tokens=200)
    with Products() as products:
        policy.nll(batch)[0].backward()
    return products.shapes


def test_batches_of_about_one_size_make_the_same_products() -> None:
    """A product of another shape is compiled anew and kept: each new number of tokens would cost time and memory."""
    policy = build("llama")
    shapes_of_training(policy, [9], num_learned=1)  # what the model computes is tried out once
    first = shapes_of_training(policy, [60, 53], num_learned=9)
    assert len(first) > 10
    assert shapes_of_training(policy, [60, 61], num_learned=14) == first
    assert shapes_of_training(policy, [60, 40, 28], num_learned=10) == first
    assert shapes_of_training(policy, [60, 69], num_learned=14) != first, "a control: 129 tokens"


def test_no_number_is_read_that_belongs_to_no_token() -> None:
    """Products are filled up to round numbers of tokens with tokens of the text: 0 times what is not finite is NaN."""
    policy = build("llama")
    batch = pack([([7, 8, 9] * 6, [False] + [True] * 17)], max_tokens=200)
    policy.nll(batch)  # what the model computes is tried out: with the weights below it would not pass
    assert has_trunk(policy.model)
    assert has_plain_head(policy.model)
    with torch.no_grad():
        for value, token in ((float("nan"), 0), (float("inf"), policy.chat.pad_id)):
            policy.model.get_input_embeddings().weight[token] = value
    policy.nll(batch)[0].backward()
    assert all(parameter.grad.isfinite().all() for parameter in policy.parameters())
