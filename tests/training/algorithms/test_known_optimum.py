"""The one-token problem, whose best policy is known: π*(y) = π_ref(y)·exp(r(y)/β) / Z."""

import pytest
import torch
from torch import Tensor

from preceptor.text.batches import Rollout
from preceptor.training.algorithms import ALGORITHMS, Algorithm, build_algorithm
from tests.training.algorithms.tabular import (
    VOCABULARY,
    TabularPolicy,
    TabularValues,
    gradients,
    rollout_of,
    total_loss,
)

BETA = 0.5
SCORES = torch.tensor([0.0, 0.5, -0.5, 0.7, -1.0, 0.2], dtype=torch.float64)
REF = torch.tensor([0.3, 0.2, 0.25, 0.05, 0.15, 0.05], dtype=torch.float64)
OPTIMUM = (REF * (SCORES / BETA).exp()) / (REF * (SCORES / BETA).exp()).sum()
LOG_Z = (REF * (SCORES / BETA).exp()).sum().log()

VARIANTS = [(name, {}) for name in sorted(ALGORITHMS)] + [("reinforce", {"baseline": "mean"})]
SPEEDS = {"ppo": {"num_epochs": 4, "minibatch_size": 64}}
"""More steps on each rollout, to keep the test short."""

each_variant = pytest.mark.parametrize(("name", "settings"), VARIANTS)


def total_variation(p: Tensor, q: Tensor) -> float:
    return 0.5 * float((p - q).abs().sum())


def one_token_policy(probabilities: Tensor) -> TabularPolicy:
    return TabularPolicy(probabilities.log().expand(VOCABULARY, -1))


def judged_tokens(tokens_B: Tensor, policy: TabularPolicy) -> Rollout:
    rollout = rollout_of([[token] for token in tokens_B.tolist()])
    with torch.no_grad():
        return Rollout(
            **{
                **vars(rollout),
                "old_logprobs_BT": policy.logprobs(rollout, 1.0)[0],
                "ref_logprobs_BT": one_token_policy(REF).logprobs(rollout, 1.0)[0],
                "scores_B": SCORES[tokens_B],
            }
        )


def train(algorithm: Algorithm, *, kl_coef: float, num_steps: int = 200, batch_size: int = 256) -> Tensor:
    """Sample, credit, loss, step; returns the policy's final probabilities."""
    policy, generator = algorithm.policy, torch.Generator().manual_seed(0)
    optimizers = [torch.optim.Adam(policy.parameters(), lr=0.05, eps=1e-5)]
    if algorithm.value_model is not None:
        optimizers.append(torch.optim.Adam(algorithm.value_model.parameters(), lr=0.05, eps=1e-5))
    for step in range(num_steps):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / num_steps)
        tokens = torch.multinomial(policy.table(1.0)[0].exp(), batch_size, replacement=True, generator=generator)
        rollout = algorithm.credit(judged_tokens(tokens, policy), kl_coef=kl_coef)
        for _ in range(algorithm.num_epochs):
            for minibatch in rollout.minibatches(algorithm.minibatch_size, generator):
                loss, _ = total_loss(algorithm, minibatch, len(minibatch))
                loss.backward()
                for optimizer in optimizers:
                    optimizer.step()
                    optimizer.zero_grad()
    return policy.table(1.0)[0].exp().detach()


def new(name: str, settings: dict[str, object], probabilities: Tensor, value: float = 0.0) -> Algorithm:
    values = TabularValues(torch.full((VOCABULARY,), value, dtype=torch.float64))
    return build_algorithm(ALGORITHMS[name].Config(**settings), one_token_policy(probabilities), values)


def test_the_problem_is_one_that_has_to_be_learned() -> None:
    assert total_variation(REF, OPTIMUM) > 0.3
    assert total_variation(OPTIMUM, torch.nn.functional.one_hot(SCORES.argmax(), VOCABULARY)) > 0.3


@each_variant
def test_reaches_the_optimum(name: str, settings: dict[str, object]) -> None:
    learned = train(new(name, settings | SPEEDS.get(name, {}), REF), kl_coef=BETA)
    assert total_variation(learned, OPTIMUM) < 0.03


@each_variant
def test_does_not_without_the_kl_term(name: str, settings: dict[str, object]) -> None:
    learned = train(new(name, settings | SPEEDS.get(name, {}), REF), kl_coef=0.0)
    assert total_variation(learned, OPTIMUM) > 0.2
    assert float(learned @ SCORES) > float(OPTIMUM @ SCORES) + 0.1, "it is over-optimised, not merely unfinished"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ppo", {}),
        ("ppo", {"whiten_advantages": False}),
        ("ppo", {"gae_lambda": 0.0}),
        ("reinforce", {"baseline": "mean"}),
    ],
)
def test_at_the_optimum_every_advantage_is_zero(name: str, settings: dict[str, object]) -> None:
    # r − β·log(π*/π_ref) = β·log Z for every token, which is what the value model says, or the others' mean
    algorithm = new(name, settings, OPTIMUM, value=float(BETA * LOG_Z))
    rollout = algorithm.credit(judged_tokens(torch.arange(VOCABULARY), algorithm.policy), kl_coef=BETA)
    torch.testing.assert_close(rollout.rewards_BT[:, 0], (BETA * LOG_Z).expand(VOCABULARY), rtol=0, atol=1e-12)
    assert rollout.advantages_BT.abs().max() < 1e-10
    elsewhere = new(name, settings, REF, value=float(BETA * LOG_Z))
    rollout = elsewhere.credit(judged_tokens(torch.arange(VOCABULARY), elsewhere.policy), kl_coef=BETA)
    assert rollout.advantages_BT.abs().max() > 0.1


@each_variant
def test_at_the_optimum_the_expected_gradient_is_zero(name: str, settings: dict[str, object]) -> None:
    def expected_gradient(probabilities: Tensor) -> Tensor:
        algorithm = new(name, settings, probabilities)
        rollout = algorithm.credit(judged_tokens(torch.arange(VOCABULARY), algorithm.policy), kl_coef=BETA)
        total = torch.zeros(VOCABULARY, VOCABULARY, dtype=torch.float64)
        for token in range(VOCABULARY):
            loss, _ = total_loss(algorithm, rollout.select(torch.tensor([token])), 1)
            loss.backward()
            total += probabilities[token] * gradients(algorithm)["policy.logits"]
        return total

    assert expected_gradient(OPTIMUM).abs().max() < 1e-10
    assert expected_gradient(REF).abs().max() > 0.01
