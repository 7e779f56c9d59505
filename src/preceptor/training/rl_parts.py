"""What the RL loop is made of: actors, the KL controller, the pretraining mix, sampling and one update."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from preceptor.errors import UserError
from preceptor.generation.base import Generate
from preceptor.models.adapters import AdapterReference, add_adapters
from preceptor.models.forward import set_recompute
from preceptor.models.heads import RewardModel
from preceptor.models.policy import Policy
from preceptor.models.precision import autocast
from preceptor.ops.kl import next_kl_coef
from preceptor.records import Document, Prompt
from preceptor.runs.disk import write_json
from preceptor.runs.run import Run
from preceptor.text.batches import Rollout, pack, rollout_from, token_parts
from preceptor.training.algorithms import Algorithm
from preceptor.training.health import first_rollout_findings
from preceptor.training.optim import apply_gradients, build_optimizer, learning_rate
from preceptor.training.rl_config import KLConfig, PretrainingMixConfig, RLConfig
from preceptor.training.sft import Example, encode_documents
from preceptor.training.stream import Stream


@dataclass(frozen=True)
class Actors:
    """The four actors; the value model is a copy of the reward model, the reference is frozen."""

    policy: Policy
    reference: Policy | None
    """None when adapters are trained: the policy without them is the reference."""
    reward_model: RewardModel
    value_model: RewardModel


def prepare(config: RLConfig, actors: Actors, run: Run) -> Policy | AdapterReference:
    """Adapters and layers computed again where the config asks for them; returns the reference."""
    if actors.reference is None and not config.lora.rank:
        raise ValueError("without adapters the policy cannot be its own reference")
    for module in (actors.policy, actors.value_model):
        set_recompute(module.model, config.recompute)
    add_adapters(actors.policy, config.lora, run.rng("adapters", "policy"))
    add_adapters(actors.value_model, config.lora, run.rng("adapters", "value"))
    return AdapterReference(actors.policy) if actors.reference is None else actors.reference


class KLController:
    """Holds β; adaptive when the config says so."""

    def __init__(self, config: KLConfig) -> None:
        self._config = config
        self.coef = config.coef

    def observe(self, mean_kl: float, num_episodes: int) -> None:
        """Move β after a rollout with `mean_kl` nats per response."""
        if self._config.type == "adaptive":
            self.coef = next_kl_coef(
                self.coef, mean_kl, target=self._config.target, horizon=self._config.horizon, num_episodes=num_episodes
            )

    def state_dict(self) -> dict[str, float]:
        """β."""
        return {"coef": self.coef}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Take β back."""
        self.coef = state["coef"]


class PretrainingMix:
    """Pretraining text for PPO-ptx: each minibatch gets its share, in an order that only step and seed decide."""

    def __init__(self, config: PretrainingMixConfig, documents: Sequence[Document], policy: Policy, seed: int) -> None:
        self._config = config
        self._examples: list[Example] = []
        if not config.coef:
            return
        max_tokens = min(config.max_tokens, policy.max_context or config.max_tokens)
        self._examples = encode_documents(documents, policy.chat, max_tokens)
        if not self._examples:
            raise UserError(
                "PPO-ptx needs pretraining text and there is none",
                field="pretraining.coef",
                remedy="import documents (`preceptor import FILE --format documents`), or set pretraining.coef to 0",
            )
        self._order = Stream(len(self._examples), seed, "rl-pretraining")

    def take(self, step: int, minibatches: Sequence[Rollout]) -> list[list[Example]]:
        """Examples for each minibatch of a step; empty lists for plain PPO."""
        if not self._config.coef:
            return [[] for _ in minibatches]
        share = self._config.examples_per_episode
        counts = [max(1, round(len(minibatch) * share)) for minibatch in minibatches]
        first = (step - 1) * sum(counts)
        batches = []
        for count in counts:
            batches.append([self._examples[self._order[position]] for position in range(first, first + count)])
            first += count
        return batches


def build_optimizers(config: RLConfig, algorithm: Algorithm) -> dict[str, torch.optim.Optimizer]:
    """One optimiser for the policy, one for the value model where the algorithm has one."""
    optimizers = {"policy_optimizer": build_optimizer(algorithm.policy, config.optim)}
    if algorithm.value_model is not None:
        optimizers["value_optimizer"] = build_optimizer(algorithm.value_model, config.value_optim)
    return optimizers


def algorithm_parts(algorithm: Algorithm) -> dict[str, torch.nn.Module]:
    """The modules that an algorithm trains, by name."""
    parts = {"policy": algorithm.policy, "value_model": algorithm.value_model}
    return {name: module for name, module in parts.items() if module is not None}


def sample(
    config: RLConfig, policy: Policy, prompts: Sequence[Prompt], run: Run, step: int, generate: Generate
) -> Rollout:
    """Draw one response per prompt.

    Raises:
        UserError: a prompt leaves no room for the response; names it.
    """
    tokens = [policy.chat.prompt(prompt.messages) for prompt in prompts]
    room = (policy.max_context or sys.maxsize) - config.sampling.max_tokens
    for prompt, its_tokens in zip(prompts, tokens, strict=True):
        if len(its_tokens) > room:
            raise UserError(
                f"prompt '{prompt.id}' has {len(its_tokens)} tokens; with {config.sampling.max_tokens} for the "
                f"response that is more than the model's context of {policy.max_context}",
                field="sampling.max_tokens",
                remedy="leave this prompt out, lower max_tokens, or use a model with a longer context",
            )
    seeds = run.row_seeds("sample", step, num=len(prompts))
    with autocast(config.precision):
        sampled = generate(policy, tokens, config.sampling, seeds, batch_size=len(prompts))
    return rollout_from([prompt.id for prompt in prompts], tokens, sampled, pad_id=policy.chat.pad_id)


@torch.no_grad()
def in_parts(config: RLConfig, rollout: Rollout, column: Callable[[Rollout], Tensor]) -> Tensor:
    """A column of the rollout, computed about `micro_tokens` at a time."""
    parts = token_parts(rollout.lengths, config.micro_tokens)
    with autocast(config.precision):
        return torch.cat([column(rollout.select(torch.tensor(part))).float() for part in parts])


def check_health(config: RLConfig, actors: Actors, rollout: Rollout, report: Path) -> None:
    """Compare the first rollout with what must hold before any update, and write the findings down.

    Raises:
        UserError: a check fails; it says what usually causes that.
    """
    temperature = config.sampling.temperature
    logprobs_BT = in_parts(config, rollout, lambda part: actors.policy.logprobs(part, temperature)[0])
    entropy_BT = in_parts(config, rollout, lambda part: actors.policy.logprobs(part, temperature)[1])
    findings = first_rollout_findings(rollout, logprobs_BT, entropy_BT=entropy_BT)
    write_json(report, [finding.as_json() for finding in findings])
    for finding in findings:
        if not finding.ok:
            raise UserError(f"health check '{finding.name}' failed: {finding.explanation}", remedy=finding.remedy)


def update(
    config: RLConfig,
    algorithm: Algorithm,
    optimizers: Mapping[str, torch.optim.Optimizer],
    minibatch: Rollout,
    pretraining: Sequence[Example],
    step: int,
) -> dict[str, float]:
    """One optimiser step: the algorithm's gradient plus γ times the pretraining gradient."""
    num_tokens = int(minibatch.response_mask_BT.sum())
    totals: dict[str, float] = {}
    for part in token_parts(minibatch.lengths, config.micro_tokens):
        some = minibatch.select(torch.tensor(part))
        for loss_of in algorithm.losses:
            with autocast(config.precision):
                loss, metrics = loss_of(some, num_tokens, len(minibatch))
            loss.backward()
            for name, value in metrics.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach())
    if pretraining:
        totals["ptx/loss"] = _accumulate_pretraining(config, algorithm.policy, pretraining)
    rate = learning_rate(step, config.num_steps, config.optim)
    totals["rl/learning_rate"] = rate
    totals["rl/grad_norm"] = apply_gradients(optimizers["policy_optimizer"], rate, config.optim.max_grad_norm)
    if "value_optimizer" in optimizers:
        value_rate = learning_rate(step, config.num_steps, config.value_optim)
        norm = apply_gradients(optimizers["value_optimizer"], value_rate, config.value_optim.max_grad_norm)
        totals["value/grad_norm"] = norm
    return totals


def _accumulate_pretraining(config: RLConfig, policy: Policy, examples: Sequence[Example]) -> float:
    """Add γ · mean NLL of the pretraining examples to the gradients."""
    count = sum(len(tokens) - 1 for tokens, _ in examples)
    total = 0.0
    for part in token_parts([len(tokens) for tokens, _ in examples], config.micro_tokens):
        batch = pack([examples[i] for i in part], max_tokens=config.pretraining.max_tokens)
        with autocast(config.precision):
            total_nll, _ = policy.nll(batch)
        (config.pretraining.coef * total_nll / count).backward()
        total += float(total_nll.detach())
    return total / count
