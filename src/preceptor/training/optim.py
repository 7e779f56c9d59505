"""Optimisers, learning-rate schedules, and the moving average of weights."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from preceptor.config import BaseConfig


class OptimConfig(BaseConfig):
    """AdamW and its schedule."""

    learning_rate: float = Field(default=1e-5, gt=0)
    """Peak learning rate."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Decay rates of the two moments (Ouyang et al. 2022, appendix C)."""
    eps: float = Field(default=1e-5, gt=0)
    """Adam's ε. 1e-5 as in the reference implementations of PPO; PyTorch's 1e-8 is more aggressive early on."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay."""
    warmup_steps: int = Field(default=0, ge=0)
    """Steps of linear warm-up, starting at `final_ratio` of the peak."""
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    """How the learning rate falls after the warm-up."""
    final_ratio: float = Field(default=0.1, ge=0, le=1)
    """Last learning rate as a share of the peak; also where the warm-up starts."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""


def learning_rate(step: int, num_steps: int, config: OptimConfig) -> float:
    """Learning rate at step 1…num_steps: a pure function, so that nothing has to be restored on resume."""
    low = config.final_ratio
    if step <= config.warmup_steps:
        return config.learning_rate * (low + (1 - low) * (step - 1) / config.warmup_steps)
    progress = (step - config.warmup_steps - 1) / max(1, num_steps - config.warmup_steps - 1)
    if config.schedule == "constant":
        return config.learning_rate
    fall = progress if config.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * progress))
    return config.learning_rate * (1 - (1 - low) * fall)


def build_optimizer(module: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over everything in `module` that trains; vectors (norms, biases) are not decayed."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.eps, fused=True)


def apply_gradients(optimizer: torch.optim.Optimizer, rate: float, max_grad_norm: float) -> float:
    """Clip, step, clear. Returns the gradient norm before clipping."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(norm)


class MovingAverage:
    """Exponential moving average of a module's trainable weights: avg ← decay·avg + (1 − decay)·weights.

    Ouyang et al. 2022, appendix C, ships the average (decay 0.992).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self._averages = {name: p.detach().clone() for name, p in self._weights.items()}

    @torch.no_grad()
    def observe(self) -> None:
        """Take the module's present weights into the average."""
        for name, average in self._averages.items():
            average.lerp_(self._weights[name].detach(), 1 - self.decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and averages; twice is the identity."""
        for name, average in self._averages.items():
            weights = self._weights[name].detach()
            kept = weights.clone()
            weights.copy_(average)
            average.copy_(kept)

    def state_dict(self) -> dict[str, Tensor]:
        """The averages by parameter name."""
        return dict(self._averages)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take the averages back."""
        for name, average in self._averages.items():
            average.copy_(state[name])


class BestWeights:
    """The weights with the best validation value so far."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.value: float | None = None
        self.step = 0
        self._weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def offer(self, value: float, step: int) -> None:
        """Keep the module's present weights when `value` is the highest so far."""
        if self.value is None or value > self.value:
            self.value, self.step = value, step
            self._weights = {name: p.detach().clone() for name, p in self._module.named_parameters()}

    @torch.no_grad()
    def restore(self) -> None:
        """Put the best weights back into the module."""
        for name, parameter in self._module.named_parameters():
            parameter.copy_(self._weights[name])

    def state_dict(self) -> dict[str, Any]:
        """Value, step and weights."""
        return {"value": self.value, "step": self.step, "weights": dict(self._weights)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take value, step and weights back."""
        self.value, self.step, self._weights = state["value"], state["step"], dict(state["weights"])


def mean_of(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over several updates."""
    sums: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            sums.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in sums.items()}
