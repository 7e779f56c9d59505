"""The parts of the RL loop: the KL controller, the pretraining mix, sampling, one update."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from preceptor.errors import UserError
from preceptor.generation.native import generate
from preceptor.models.policy import Policy
from preceptor.records import Document, Sampling
from preceptor.runs.run import Run
from preceptor.text.batches import Rollout, pack
from preceptor.training import rl_parts
from preceptor.training.algorithms import build_algorithm
from preceptor.training.algorithms.ppo import PPO
from preceptor.training.algorithms.reinforce import REINFORCE
from preceptor.training.rl_config import KLConfig, PretrainingMixConfig, RLConfig
from preceptor.training.rl_parts import Actors, KLController, PretrainingMix, build_optimizers, in_parts, sample, update
from preceptor.training.sft import Example
from tests.planted import documents, prompt, prompts

NewActors = Callable[..., Actors]
GAMMA = 3.5


def config(**settings: Any) -> RLConfig:
    values = {
        "num_steps": 4, "batch_size": 8, "micro_tokens": 4096, "precision": "float32",
        "sampling": Sampling(max_tokens=6), "pretraining": PretrainingMixConfig(coef=GAMMA, max_tokens=16),
    }  # fmt: skip
    return RLConfig(**(values | settings))


def test_the_adaptive_controller_by_hand() -> None:
    # e = clip(KL/6 − 1, ±0.2): 0.2, 0, −0.2, 0.1; β ← β(1 + e · 512/10,000)
    controller = KLController(KLConfig(coef=0.2, type="adaptive", target=6.0, horizon=10_000))
    found = []
    for kl in (12.0, 6.0, 3.0, 6.6):
        controller.observe(kl, num_episodes=512)
        found.append(controller.coef)
    up, down, little = 1 + 0.2 * 0.0512, 1 - 0.2 * 0.0512, 1 + 0.1 * 0.0512
    assert found == pytest.approx([0.2 * up, 0.2 * up, 0.2 * up * down, 0.2 * up * down * little], abs=1e-12)
    assert found == pytest.approx([0.202048, 0.202048, 0.19997903, 0.20100292], abs=1e-8)
    again = KLController(KLConfig(coef=0.5, type="adaptive"))
    again.load_state_dict(controller.state_dict())
    assert again.coef == controller.coef


def test_a_fixed_coefficient_stays() -> None:
    controller = KLController(KLConfig(coef=0.2))
    controller.observe(100.0, num_episodes=512)
    assert controller.coef == 0.2


def rollout_of(policy: Policy, new_run: Callable[..., Run], settings: RLConfig, num: int = 8) -> Rollout:
    return sample(settings, policy, prompts(num), new_run({}), step=1, generate=generate)


def judged(actors: Actors, rollout: Rollout, settings: RLConfig) -> Rollout:
    return rollout.add(
        scores_B=in_parts(settings, rollout, actors.reward_model.rollout_scores),
        ref_logprobs_BT=in_parts(settings, rollout, lambda part: actors.reference.logprobs(part, 1.0)[0]),
    )


def test_each_minibatch_gets_its_share_of_text(policy: Policy, new_run: Callable[..., Run]) -> None:
    rollout = rollout_of(policy, new_run, config())
    halves = [rollout.select(torch.arange(5)), rollout.select(torch.arange(5, 8))]
    mix = PretrainingMix(PretrainingMixConfig(coef=1.0, examples_per_episode=2, max_tokens=16), documents(9), policy, 0)
    assert [len(batch) for batch in mix.take(1, halves)] == [10, 6]
    flat = [tuple(tokens) for step in (1, 2, 3) for batch in mix.take(step, halves) for tokens, _ in batch]
    again = PretrainingMix(mix._config, documents(9), policy, 0)
    assert [tuple(tokens) for batch in again.take(3, halves) for tokens, _ in batch] == flat[32:]
    num_pieces = len(mix._examples)
    assert len(set(flat[:num_pieces])) == len({tuple(tokens) for tokens, _ in mix._examples})


def test_however_small_the_share_a_minibatch_has_text(policy: Policy, new_run: Callable[..., Run]) -> None:
    rollout = rollout_of(policy, new_run, config())
    mix = PretrainingMix(PretrainingMixConfig(coef=1.0, examples_per_episode=0.01), documents(9), policy, 0)
    assert [len(batch) for batch in mix.take(1, [rollout])] == [1]


def test_plain_ppo_needs_no_text_and_ptx_does(policy: Policy, new_run: Callable[..., Run]) -> None:
    rollout = rollout_of(policy, new_run, config())
    assert PretrainingMix(PretrainingMixConfig(), [], policy, 0).take(1, [rollout, rollout]) == [[], []]
    with pytest.raises(UserError, match="PPO-ptx needs pretraining text"):
        PretrainingMix(PretrainingMixConfig(coef=1.0), [], policy, 0)


def test_text_is_cut_to_the_model_s_context(policy: Policy) -> None:
    long = [Document(id="long", text=" ".join(text.text for text in documents(20)))]
    mix = PretrainingMix(PretrainingMixConfig(coef=1.0, max_tokens=5000), long, policy, 0)
    assert max(len(tokens) for tokens, _ in mix._examples) == policy.max_context == 64
    assert sum(len(tokens) for tokens, _ in mix._examples) >= len(policy.chat.document(long[0].text)) - 1


class Gradients:
    """Stands in for `apply_gradients`: keeps what it would have applied."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: list[list[Tensor]] = []
        monkeypatch.setattr(rl_parts, "apply_gradients", self._keep)

    def _keep(self, optimizer: torch.optim.Optimizer, rate: float, max_grad_norm: float) -> float:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        self.kept.append([torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in weights])
        optimizer.zero_grad(set_to_none=True)
        return 0.0

    def take(self) -> list[Tensor]:
        """The policy's gradients of the last update."""
        policy = self.kept[0]
        self.kept.clear()
        return policy


def assert_close(found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("algorithm_config", [PPO.Config(), REINFORCE.Config(baseline="mean")])
@pytest.mark.parametrize("micro_tokens", [4096, 40])
def test_the_ptx_gradient_is_the_sum_of_both(
    new_actors: NewActors,
    new_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    algorithm_config: Any,
    micro_tokens: int,
) -> None:
    settings = config(algorithm=algorithm_config, micro_tokens=micro_tokens)
    actors = new_actors()
    algorithm = build_algorithm(settings.algorithm, actors.policy, actors.value_model)
    optimizers = build_optimizers(settings, algorithm)
    rollout = algorithm.credit(judged(actors, rollout_of(actors.policy, new_run, settings), settings), kl_coef=0.1)
    texts: list[Example] = PretrainingMix(settings.pretraining, documents(9), actors.policy, 0).take(1, [rollout])[0]
    gradients = Gradients(monkeypatch)

    metrics = update(settings, algorithm, optimizers, rollout, texts, step=1)
    both = gradients.take()
    update(settings, algorithm, optimizers, rollout, [], step=1)
    alone = gradients.take()
    total, count = actors.policy.nll(pack(texts, max_tokens=16))
    (total / count).backward()
    weights = [weight for group in optimizers["policy_optimizer"].param_groups for weight in group["params"]]
    text_gradient = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]

    assert_close(both, [a + GAMMA * t for a, t in zip(alone, text_gradient, strict=True)])
    assert max(float((a - b).abs().max()) for a, b in zip(alone, both, strict=True)) > 0.01
    assert metrics["ptx/loss"] == pytest.approx(float((total / count).detach()), abs=1e-5)


@pytest.mark.parametrize("size", [1, 60, 150])
@pytest.mark.parametrize("algorithm_config", [PPO.Config(num_epochs=2), REINFORCE.Config()])
def test_the_split_into_micro_batches_changes_nothing(
    new_actors: NewActors,
    new_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    algorithm_config: Any,
    size: int,
) -> None:
    actors, gradients, results = new_actors(), Gradients(monkeypatch), []
    whole = config(algorithm=algorithm_config)
    sampled = judged(actors, rollout_of(actors.policy, new_run, whole), whole)
    with torch.no_grad():  # move away from the sampler, so that ratios are not 1 and some are clipped
        for weight in actors.policy.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    for settings in (whole, config(algorithm=algorithm_config, micro_tokens=size)):
        algorithm = build_algorithm(settings.algorithm, actors.policy, actors.value_model)
        rollout = algorithm.credit(sampled, kl_coef=0.1)
        texts = PretrainingMix(settings.pretraining, documents(9), actors.policy, 0).take(1, [rollout])[0]
        metrics = update(settings, algorithm, build_optimizers(settings, algorithm), rollout, texts, step=1)
        results.append((metrics, [gradient for kept in gradients.kept for gradient in kept]))
        gradients.kept.clear()
    assert_close(results[1][1], results[0][1])
    assert results[1][0] == pytest.approx(results[0][0], abs=1e-4)
    assert results[0][0]["kl/old"] > 1e-3


def test_a_prompt_that_leaves_no_room_is_named(policy: Policy, new_run: Callable[..., Run]) -> None:
    long = prompt(3).model_copy(
        update={"id": "the-long-one", "messages": (prompt(3).messages[0].model_copy(update={"content": "dear " * 60}),)}
    )
    with pytest.raises(UserError, match=r"prompt 'the-long-one' has \d+ tokens; with 6 for the response"):
        sample(config(), policy, [*prompts(3), long], new_run({}), step=1, generate=generate)


def test_a_row_s_response_does_not_depend_on_its_neighbours(policy: Policy, new_run: Callable[..., Run]) -> None:
    many = rollout_of(policy, new_run, config(), num=8)
    few = sample(config(), policy, prompts(3), new_run({}, "few"), step=1, generate=generate)
    length = few.num_response
    assert torch.equal(many.response_tokens_BT[:3, :length], few.response_tokens_BT)
    later = sample(config(), policy, prompts(3), new_run({}, "next"), step=2, generate=generate)
    assert not torch.equal(later.response_tokens_BT, few.response_tokens_BT)
