"""The closed world's labelers as judges: they find the better policy, and call equals equal."""

import numpy as np
import pytest

from preceptor.evals import HumanPreference, Likert, PolicyResponses
from preceptor.simulation.labelers import SimulatedLabeler, panel
from preceptor.simulation.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def judges(world: World) -> list[SimulatedLabeler]:
    return panel(world, 0, "held_out", 5)


def policy(world: World, name: str, seed: int, *, flawed: bool) -> PolicyResponses:
    """One that makes no mistakes, or one that always makes one."""
    generator = np.random.default_rng(seed)
    prompts = world.prompts(40, 1)
    texts = []
    for prompt in prompts:
        flaws = frozenset(world.applicable_flaws(prompt)[:1]) if flawed else frozenset()
        texts.append(world.answer(prompt, generator, flaws))
    return PolicyResponses(name, tuple(prompts), tuple(texts))


def test_labelers_prefer_the_policy_without_flaws(world: World, judges: list[SimulatedLabeler]) -> None:
    good, bad = policy(world, "good", 0, flawed=False), policy(world, "bad", 1, flawed=True)
    won = HumanPreference().run(good, judges, baseline=bad)
    lost = HumanPreference().run(bad, judges, baseline=good)
    assert won.interval.low > 0.5
    assert won.value == pytest.approx(1 - lost.value)
    assert Likert().run(good, judges).value > Likert().run(bad, judges).value + 0.5


def test_equals_are_not_told_apart(world: World, judges: list[SimulatedLabeler]) -> None:
    one, other = policy(world, "one", 0, flawed=False), policy(world, "other", 7, flawed=False)
    report = HumanPreference().run(one, judges, baseline=other)
    assert report.interval.low < 0.5 < report.interval.high
