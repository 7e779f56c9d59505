"""REINFORCE against the derivation: the gradient of the expected objective, by enumerating all responses."""

from itertools import product

import pytest
import torch
from torch import Tensor

from preceptor.text.batches import Rollout
from preceptor.training.algorithms.ppo import PPO
from preceptor.training.algorithms.reinforce import REINFORCE
from tests.training.algorithms.tabular import (
    END_TOKEN,
    VOCABULARY,
    TabularPolicy,
    TabularValues,
    gradients,
    judged,
    new_algorithm,
    new_policy,
    normal,
    rollout_of,
    total_loss,
)

END, BETA = END_TOKEN, 0.4


def all_responses(max_tokens: int) -> list[list[int]]:
    """Each response that ends with the end token, or is cut off at `max_tokens`."""
    found = []
    for length in range(1, max_tokens + 1):
        for body in product(range(END), repeat=length - 1):
            found.append([*body, END])
    return found + [list(body) for body in product(range(END), repeat=max_tokens)]


@pytest.fixture(scope="module")
def everything() -> Rollout:
    """All responses of up to three tokens, judged."""
    return judged(rollout_of(all_responses(3)), new_policy())


def objective_gradient(rollout: Rollout) -> Tensor:
    """∇ of J(θ) = Σ_y π(y)·(score(y) − β·log π(y)/π_ref(y)), differentiated by autograd through everything."""
    policy = new_policy()
    logprobs_B = policy.logprobs(rollout, 1.0)[0].sum(dim=1)
    objective = (logprobs_B.exp() * (rollout.scores_B - BETA * (logprobs_B - rollout.ref_logprobs_BT.sum(dim=1)))).sum()
    return torch.autograd.grad(objective, policy.logits)[0]


def test_responses_are_all_there_is(everything: Rollout) -> None:
    assert float(everything.old_logprobs_BT.sum(dim=1).exp().sum()) == pytest.approx(1.0, abs=1e-12)


def test_expected_gradient_is_the_gradient_of_the_objective(everything: Rollout) -> None:
    algorithm = new_algorithm("reinforce")
    rollout = algorithm.credit(everything, kl_coef=BETA)
    expected = torch.zeros(VOCABULARY, VOCABULARY, dtype=torch.float64)
    for row in range(len(rollout)):
        one = rollout.select(torch.tensor([row]))
        loss, _ = total_loss(algorithm, one, int(one.response_mask_BT.sum()))
        loss.backward()
        expected += one.old_logprobs_BT.sum().exp() * gradients(algorithm)["policy.logits"]
    exact = -objective_gradient(everything)
    assert exact.abs().max() > 0.01
    torch.testing.assert_close(expected, exact, rtol=0, atol=1e-10)


def test_a_constant_baseline_changes_no_expectation(everything: Rollout) -> None:
    algorithm = new_algorithm("reinforce")
    rollout = algorithm.credit(everything, kl_coef=BETA)
    total = torch.zeros(VOCABULARY, VOCABULARY, dtype=torch.float64)
    constant = Rollout(**{**vars(rollout), "advantages_BT": rollout.response_mask_BT.double()})
    for row in range(len(rollout)):
        loss, _ = total_loss(algorithm, constant.select(torch.tensor([row])), 1)
        loss.backward()
        total += constant.old_logprobs_BT[row].sum().exp() * gradients(algorithm)["policy.logits"]
    assert total.abs().max() < 1e-12


def test_credit_by_hand() -> None:
    # β = 0.5; log-ratios (0.2, −0.4) and (1.0), scores 1 and 3
    # rewards (−0.1, 0.2 + 1) = (−0.1, 1.2) and (−0.5 + 3) = 2.5;  to go (1.1, 1.2) and (2.5)
    # mean of the others: 2.5 for the first, 1.1 for the second: advantages (−1.4, −1.3) and (1.4)
    rollout = rollout_of([[1, END], [END]])
    rollout = Rollout(
        **{
            **vars(rollout),
            "old_logprobs_BT": torch.tensor([[-1.0, -2.0], [-1.0, 0.0]], dtype=torch.float64),
            "ref_logprobs_BT": torch.tensor([[-1.2, -1.6], [-2.0, 0.0]], dtype=torch.float64),
            "scores_B": torch.tensor([1.0, 3.0], dtype=torch.float64),
        }
    )
    plain = new_algorithm("reinforce").credit(rollout, kl_coef=0.5)
    assert plain.rewards_BT.flatten().tolist() == pytest.approx([-0.1, 1.2, 2.5, 0.0], abs=1e-12)
    assert plain.returns_BT.flatten().tolist() == pytest.approx([1.1, 1.2, 2.5, 0.0], abs=1e-12)
    assert torch.equal(plain.advantages_BT, plain.returns_BT)
    centred = new_algorithm("reinforce", settings={"baseline": "mean"}).credit(rollout, kl_coef=0.5)
    assert centred.advantages_BT.flatten().tolist() == pytest.approx([-1.4, -1.3, 1.4, 0.0], abs=1e-12)


def test_each_rollout_is_used_once() -> None:
    algorithm = new_algorithm("reinforce")
    rollout = rollout_of([[1, END]] * 300)
    assert algorithm.num_epochs == 1
    assert [len(part) for part in rollout.minibatches(algorithm.minibatch_size, torch.Generator())] == [300]
    assert algorithm.value_model is None


def test_ppo_without_its_additions_is_reinforce(everything: Rollout) -> None:
    """λ = 1, no values, no whitening, ratio 1: the same gradient, where both are means over tokens."""
    values = TabularValues(torch.zeros(VOCABULARY, dtype=torch.float64))
    policy = TabularPolicy(normal(0, VOCABULARY, VOCABULARY))
    ppo = PPO(policy, values, PPO.Config(gae_lambda=1.0, whiten_advantages=False))
    reinforce = REINFORCE(policy, None, REINFORCE.Config())
    num_tokens, found = int(everything.response_mask_BT.sum()), []
    for algorithm, count in ((ppo, len(everything)), (reinforce, num_tokens)):
        loss, _ = total_loss(algorithm, algorithm.credit(everything, kl_coef=BETA), num_tokens, count)
        loss.backward()
        found.append(gradients(algorithm)["policy.logits"])
    assert found[0].abs().max() > 1e-4
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
