"""What another process finds in the folder that weights are handed over in."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from preceptor.errors import UserError
from preceptor.generation import handover
from preceptor.generation.handover import handed_over, roomy_folder
from preceptor.models.adapters import LoRAConfig, add_adapters
from preceptor.models.policy import Policy
from preceptor.runs.seeding import generator
from tests.planted import load
from tests.tiny import ARCHITECTURES, write_model

TOKENS = torch.tensor([[5, 6, 7, 8, 9, 10]])


def logits(policy: Policy) -> Tensor:
    with torch.no_grad():
        return policy.model(TOKENS).logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rank", [0, 4])
def test_the_model_there_is_the_policy(architecture: str, rank: int, tmp_path: Path) -> None:
    """With trained adapters it is the plain model that they make of it, and the policy keeps them."""
    policy = load(write_model(tmp_path / "model", architecture))
    add_adapters(policy, LoRAConfig(rank=rank), generator(0, "adapters"))
    plain = logits(policy)
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if rank == 0 or "lora_" in name:
                weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    names = list(policy.state_dict())
    with handed_over(policy) as folder:
        found = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
        torch.testing.assert_close(found(TOKENS).logits, logits(policy), rtol=0, atol=1e-4)
        assert not torch.allclose(logits(policy), plain, atol=1e-2), "the control"
        assert not json.loads((folder / "config.json").read_text()).get("tie_word_embeddings"), "a head of its own"
    assert not folder.exists()
    assert list(policy.state_dict()) == names


def test_memory_only_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = load(write_model(tmp_path / "model"))
    num_bytes = sum(weight.nbytes for weight in policy.parameters())
    monkeypatch.setattr(handover, "MEMORY", tmp_path)
    for free in (2 * num_bytes + 1, 2 * num_bytes):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        assert (roomy_folder(policy) == tmp_path) is (free > 2 * num_bytes)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    policy = load(write_model(tmp_path / "model"))
    with (
        pytest.raises(UserError, match=r"the policy's weights could not be written: (Operation|Permission)"),
        handed_over(policy, Path("/sys/fs")),
    ):
        pass
