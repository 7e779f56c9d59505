"""Settings of the RL loop."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from preceptor.config import BaseConfig
from preceptor.models.adapters import LoRAConfig
from preceptor.models.precision import Precision
from preceptor.records import Sampling
from preceptor.training.algorithms import AlgorithmConfig
from preceptor.training.algorithms.ppo import PPO
from preceptor.training.optim import OptimConfig


class KLConfig(BaseConfig):
    """The price of drifting from the reference."""

    coef: float = Field(default=0.02, ge=0)
    """β: reward lost per nat of log-ratio to the reference. 0.02 in Ouyang et al. 2022, appendix C."""
    type: Literal["fixed", "adaptive"] = "fixed"
    """Adaptive moves β so that the KL per response comes to `target` (Ziegler et al. 2019, section 2.2)."""
    target: float = Field(default=6.0, gt=0)
    """Nats per response (sum over tokens), for the adaptive controller."""
    horizon: int = Field(default=10_000, ge=1)
    """Episodes over which the adaptive controller acts."""


class PretrainingMixConfig(BaseConfig):
    """PPO-ptx: pretraining text beside the rollouts."""

    coef: float = Field(default=0.0, ge=0)
    """γ of Eq. 2: weight of the pretraining loss (27.8 in the paper). 0 is plain PPO."""
    examples_per_episode: float = Field(default=8, gt=0)
    """Pretraining examples for each episode of a minibatch (8 in the paper)."""
    max_tokens: int = Field(default=256, ge=8)
    """Length of one pretraining example."""


class RLConfig(BaseConfig):
    """Reinforcement learning."""

    algorithm: AlgorithmConfig = PPO.Config()
    """Which algorithm, and its own settings."""
    num_steps: int = Field(default=500, ge=1)
    """Rollouts; the paper's 256k episodes are 500 rollouts of 512."""
    batch_size: int = Field(default=512, ge=1)
    """Episodes per rollout."""
    micro_tokens: int = Field(default=4096, ge=1)
    """Tokens per forward pass, about; changes memory, not results."""
    sampling: Sampling = Sampling()
    """How responses are drawn; only the plain distribution gives a true KL, so top_p and top_k stay off."""
    kl: KLConfig = KLConfig()
    """Penalty for leaving the reference."""
    pretraining: PretrainingMixConfig = PretrainingMixConfig()
    """Pretraining mix."""
    recompute: bool = False
    """Keep only what enters each layer and compute the rest again in the backward pass: less memory, a third slower."""
    lora: LoRAConfig = LoRAConfig()
    """Train adapters instead of all weights."""
    optim: OptimConfig = OptimConfig(schedule="constant", warmup_steps=10)
    """The policy's optimiser; its schedule counts rollouts."""
    value_optim: OptimConfig = OptimConfig(learning_rate=9e-6, schedule="constant")
    """The value model's optimiser."""
    ema_decay: float = Field(default=0.992, ge=0, lt=1)
    """Moving average of the policy's weights, per rollout; the average is what is evaluated and shipped."""
    eval_every: int = Field(default=10, ge=1)
    """Rollouts between evaluations on held-out prompts."""
    save_every: int = Field(default=20, ge=1)
    """Rollouts between checkpoints."""
    precision: Precision = "auto"
    """Arithmetic of the forward pass: float32, bfloat16, or auto."""

    @field_validator("algorithm", mode="before")
    @classmethod
    def _ppo_unless_said(cls, value: Any) -> Any:
        return {"type": "ppo"} | value if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _samples_from_the_plain_distribution(self) -> "RLConfig":
        if self.sampling.top_k or self.sampling.top_p < 1 or self.sampling.temperature == 0:
            raise ValueError(
                "RL samples from the plain distribution: top_k 0, top_p 1, temperature > 0; else the KL is wrong"
            )
        if self.sampling.stop:
            raise ValueError("RL learns when to end a response: sampling.stop stays empty")
        if self.sampling.temperature != self.algorithm.temperature:
            raise ValueError(
                "algorithm.temperature must equal sampling.temperature; else no ratio is 1 and the KL is noise"
            )
        return self
