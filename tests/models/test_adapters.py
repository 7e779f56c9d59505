"""LoRA adapters: nothing changes before they are trained, without them the model is the old one, merged it is plain."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from preceptor.models.adapters import LoRAConfig, adapters_off, add_adapters, merge_adapters, merged_weights
from preceptor.models.forward import has_trunk
from preceptor.models.load import load_policy, new_reward_model
from preceptor.models.policy import Policy
from preceptor.models.save import save_policy
from preceptor.runs.seeding import generator
from preceptor.text.batches import pack
from tests.tiny import ARCHITECTURES, write_model

LORA = LoRAConfig(rank=4, alpha=8)
ROWS = [([5, 6, 7, 8, 9, 10], [False, True, True, True, True, True]), ([11, 12, 13], [False, True, True])]


@pytest.fixture(params=ARCHITECTURES)
def policy(request: pytest.FixtureRequest, tmp_path: Path) -> Policy:
    return load_policy(write_model(tmp_path / "model", request.param))


def nll(policy: Policy) -> Tensor:
    return policy.nll(pack(ROWS, max_tokens=32))[0]


def train(policy: Policy) -> None:
    trained = [p for p in policy.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=0.02)
    for _ in range(5):
        optimizer.zero_grad()
        nll(policy).backward()
        optimizer.step()


def test_new_adapters_change_nothing_and_alone_are_trained(policy: Policy) -> None:
    before, plain = nll(policy).detach(), copy.deepcopy(policy)
    add_adapters(policy, LORA, generator(0, "adapters"))
    torch.testing.assert_close(nll(policy).detach(), before, rtol=1e-6, atol=0)
    train(policy)
    assert float(nll(policy).detach()) < 0.9 * float(before)
    state = policy.state_dict()
    for name, weight in plain.state_dict().items():  # peft puts the layer it wraps one level down
        parent, _, leaf = name.rpartition(".")
        assert torch.equal(state.get(name, state.get(f"{parent}.base_layer.{leaf}")), weight), name
    shares = [p.numel() for p in policy.parameters() if p.requires_grad]
    assert sum(shares) < 0.5 * sum(p.numel() for p in policy.parameters())


def test_the_reference_is_the_policy_without_them(policy: Policy, tmp_path: Path) -> None:
    plain = copy.deepcopy(policy)
    add_adapters(policy, LORA, generator(0, "adapters"))
    train(policy)
    with torch.no_grad(), adapters_off(policy):
        assert torch.equal(nll(policy), nll(plain))
    assert float(nll(policy).detach()) < 0.9 * float(nll(plain).detach())  # they are on again


def test_merged_it_is_a_plain_model_that_transformers_loads(policy: Policy, tmp_path: Path) -> None:
    add_adapters(policy, LORA, generator(0, "adapters"))
    train(policy)
    expected, merged = nll(policy).detach(), merged_weights(policy)
    merge_adapters(policy)
    state = policy.model.state_dict()
    assert merged.keys() == state.keys()
    assert all(torch.allclose(merged[name], weight, atol=1e-6) for name, weight in state.items())
    assert all(p.requires_grad for p in policy.parameters())
    torch.testing.assert_close(nll(policy).detach(), expected, rtol=1e-4, atol=0)
    save_policy(policy, tmp_path / "out", {"name": "tiny", "kind": "sft", "parents": [], "seed": 0, "version": "0"})
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert plain.num_parameters() == policy.model.num_parameters()
    torch.testing.assert_close(nll(load_policy(tmp_path / "out")).detach(), expected, rtol=1e-4, atol=0)


def test_the_seed_decides_their_first_weights(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model")
    first, same, other = (load_policy(path) for _ in range(3))
    for policy, seed in ((first, 0), (same, 0), (other, 1)):
        before = torch.random.get_rng_state()
        add_adapters(policy, LORA, generator(seed, "adapters"))
        assert torch.equal(torch.random.get_rng_state(), before)
    name = next(name for name in first.state_dict() if "lora_A" in name)
    assert torch.equal(first.state_dict()[name], same.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])


def test_a_reward_model_trains_its_head_too(tmp_path: Path) -> None:
    reward_model = new_reward_model(write_model(tmp_path / "model"), generator(0, "head"))
    add_adapters(reward_model, LORA, generator(0, "adapters"))
    trained = {name for name, p in reward_model.model.named_parameters() if p.requires_grad}
    assert {name for name in trained if "lora_" not in name} == {"score.weight"}
    assert has_trunk(reward_model.model)


def test_rank_0_leaves_all_weights_to_train(tmp_path: Path) -> None:
    policy = load_policy(write_model(tmp_path / "model"))
    names = list(policy.state_dict())
    add_adapters(policy, LoRAConfig(), generator(0, "adapters"))
    assert list(policy.state_dict()) == names
    assert all(p.requires_grad for p in policy.parameters())
