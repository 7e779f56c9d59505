"""LoRA adapters (Hu et al. 2021): few weights train, and the model without them is the reference."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.models.heads import RewardModel
from preceptor.models.policy import Policy
from preceptor.text.batches import Rollout


class LoRAConfig(BaseConfig):
    """Adapters on every linear layer of the body; the model that is saved has them merged in."""

    rank: int = Field(default=0, ge=0)
    """Rank of each adapter; 0 trains all weights instead. Needs `pip install 'preceptor[lora]'`."""
    alpha: float = Field(default=32, gt=0)
    """Adapters are scaled by alpha / rank."""


def add_adapters(owner: Policy | RewardModel, config: LoRAConfig, generator: torch.Generator) -> None:
    """Freeze the body (and a policy's head) and put adapters that change nothing yet beside its linear layers.

    Raises:
        UserError: the package `peft` is not installed.
    """
    if not config.rank:
        return
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise UserError(
            "LoRA needs the package 'peft'", field="lora.rank", remedy="pip install 'preceptor[lora]', or set rank 0"
        ) from None
    body = owner.model.base_model
    layers = {name: layer for name, layer in body.named_modules() if isinstance(layer, nn.Linear | Conv1D)}
    settings = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=list(layers),
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in layers.values()),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(generator.initial_seed())
        inject_adapter_in_model(settings, body)
    for name, parameter in owner.model.named_parameters():
        is_score = isinstance(owner, RewardModel) and not name.startswith(owner.model.base_model_prefix)
        parameter.requires_grad_("lora_" in name or is_score)


def merge_adapters(owner: Policy | RewardModel) -> None:
    """Add the adapters to the weights beside them, and leave a plain model in which everything trains."""
    for name, layer in list(_adapted(owner)):
        layer.merge()
        parent, _, leaf = name.rpartition(".")
        setattr(owner.model.get_submodule(parent), leaf, layer.get_base_layer())
    owner.model.requires_grad_(True)


@contextmanager
def adapters_off(owner: Policy | RewardModel) -> Iterator[None]:
    """The model as it was before its adapters were trained."""
    layers = [layer for _, layer in _adapted(owner)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


class AdapterReference:
    """The reference of a policy with adapters: the policy without them, at no cost in memory."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def logprobs(self, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
        """As `Policy.logprobs`."""
        with adapters_off(self._policy):
            return self._policy.logprobs(rollout, temperature)


def _adapted(owner: Policy | RewardModel) -> Iterator[tuple[str, Any]]:
    return ((name, layer) for name, layer in owner.model.named_modules() if is_adapted(layer))


def is_adapted(layer: nn.Module) -> bool:
    """Whether a layer has an adapter beside its weight."""
    return hasattr(layer, "get_delta_weight")


def merged_weight(layer: Any) -> Tensor:
    """A linear layer's weight with its adapter added; the weight itself where it has none, or it is off."""
    if not is_adapted(layer):
        return layer.weight
    weight = layer.get_base_layer().weight
    for adapter in () if layer.disable_adapters else layer.active_adapters:
        weight = weight + layer.get_delta_weight(adapter)
    return weight


@torch.no_grad()
def merged_weights(owner: Policy | RewardModel) -> dict[str, Tensor]:
    """All weights by the names that a plain model has, adapters added in."""
    adapted = dict(_adapted(owner))
    weights: dict[str, Tensor] = {}
    for name, tensor in owner.model.state_dict().items():
        layer, is_wrapped, leaf = name.rpartition(".base_layer.")
        if is_wrapped:
            weights[f"{layer}.{leaf}"] = merged_weight(adapted[layer]) if leaf == "weight" else tensor
        elif ".lora_" not in name:
            weights[name] = tensor
    return weights
