"""The closed world: shares, determinism, and a judge that knows good from bad in each task."""

import json
from collections import Counter, defaultdict

import numpy as np
import pytest

from preceptor.errors import UserError
from preceptor.records import USE_CASES, Prompt
from preceptor.simulation.facts import KNOWLEDGE, say
from preceptor.simulation.judge import PENALTIES, WEIGHTS
from preceptor.simulation.requests import TASKS, USE_CASE_SHARES
from preceptor.simulation.world import FLAWS, World

WORLD = World()
PROMPTS = WORLD.prompts(2000, seed=3)
BY_USE_CASE = {use_case: [prompt for prompt in PROMPTS if prompt.use_case == use_case] for use_case in USE_CASES}


def utility(prompt: Prompt, text: str) -> float:
    return WORLD.judge(prompt, text).utility


def contents(prompt: Prompt) -> tuple[str, ...]:
    return tuple(message.content for message in prompt.messages)


def test_use_cases_have_the_shares_of_table_1() -> None:
    """Each count within four standard errors of its share."""
    counts = Counter(prompt.use_case for prompt in PROMPTS)
    for use_case, percent in USE_CASE_SHARES.items():
        share = percent / 99.9
        error = (share * (1 - share) / len(PROMPTS)) ** 0.5
        assert counts[use_case] / len(PROMPTS) == pytest.approx(share, abs=4 * error)


def test_every_kind_of_prompt_occurs() -> None:
    assert {prompt.metadata["task"] for prompt in PROMPTS} == set(TASKS)
    assert {prompt.metadata["kind"] for prompt in PROMPTS} == {"plain", "few_shot", "user_based"}
    assert {prompt.source for prompt in PROMPTS} == {"labeler", "customer"}
    constrained = np.mean([prompt.metadata["constraint"] is not None for prompt in PROMPTS])
    assert 0.2 < constrained < 0.35
    assert 0.03 < np.mean([bool(prompt.metadata["declines"]) for prompt in PROMPTS]) < 0.12
    assert sum(bool(prompt.metadata["false_premise"]) for prompt in PROMPTS) > 20
    assert sum(len(prompt.messages) >= 3 for prompt in PROMPTS) > 60


def test_prompts_are_short() -> None:
    lengths = [sum(len(text.split()) for text in contents(prompt)) for prompt in PROMPTS]
    assert np.quantile(lengths, 0.99) <= 40


def test_same_seed_same_prompts_and_other_seed_other_prompts() -> None:
    assert WORLD.prompts(300, seed=3) == PROMPTS[:300]
    assert len(set(map(contents, PROMPTS))) >= 0.99 * len(PROMPTS)
    others = set(map(contents, WORLD.prompts(2000, seed=4)))
    assert sum(contents(prompt) in others for prompt in PROMPTS) <= 0.01 * len(PROMPTS)


def test_splits_are_made_by_user() -> None:
    splits = defaultdict(set)
    for prompt in PROMPTS:
        splits[prompt.user].add(prompt.split)
    assert all(len(of_user) == 1 for of_user in splits.values())
    assert {split for of_user in splits.values() for split in of_user} == {"train", "valid", "test"}


def test_the_spec_survives_json() -> None:
    """The judge works from what is in the artifact, not from what is in memory."""
    generator = np.random.default_rng(0)
    for prompt in PROMPTS[:200]:
        again = Prompt.model_validate(json.loads(prompt.model_dump_json()))
        text = WORLD.answer(prompt, generator)
        assert WORLD.judge(again, text) == WORLD.judge(prompt, text)


@pytest.mark.parametrize("use_case", USE_CASES)
def test_good_responses_reach_the_top(use_case: str) -> None:
    generator = np.random.default_rng(1)
    utilities = [utility(prompt, WORLD.answer(prompt, generator)) for prompt in BY_USE_CASE[use_case]]
    assert np.mean(utilities) > 0.985
    assert np.quantile(utilities, 0.05) > 0.9
    assert max(utilities) == pytest.approx(1.0)


@pytest.mark.parametrize("use_case", USE_CASES)
def test_empty_garbage_loops_copies_and_more_requests_reach_the_bottom(use_case: str) -> None:
    generator = np.random.default_rng(2)
    others = [prompt.text for prompt in BY_USE_CASE["generation"]]
    worst = defaultdict(list)
    for prompt in BY_USE_CASE[use_case][:40]:
        good = WORLD.answer(prompt, generator)
        worst["empty"].append(utility(prompt, ""))
        worst["blank"].append(utility(prompt, " \n "))
        worst["letters"].append(utility(prompt, "xq zzv kk qqp lorem xq vv"))
        worst["shuffled"].append(utility(prompt, " ".join(generator.permutation(good.split()).tolist() * 4)))
        worst["loop"].append(utility(prompt, " ".join([good] * 6)))
        worst["stub"].append(utility(prompt, "Okay."))
        worst["requests"].append(
            utility(prompt, "\n".join(others[int(i)] for i in generator.integers(len(others), size=4)))
        )
        worst["copy"].append(utility(prompt, prompt.text))
    limits = {"empty": 0, "blank": 0, "letters": 0.05, "shuffled": 0.3, "loop": 0.3, "stub": 0.1, "requests": 0.15}
    for name, limit in limits.items():
        assert np.mean(worst[name]) <= limit, name
    assert np.mean(worst["copy"]) <= 0.35
    assert min(worst["empty"]) == max(worst["empty"]) == 0


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_costs(flaw: str) -> None:
    generator = np.random.default_rng(3)
    prompts = [prompt for prompt in PROMPTS if flaw in WORLD.applicable_flaws(prompt)]
    assert len(prompts) > 20
    good = np.array([utility(prompt, WORLD.answer(prompt, generator)) for prompt in prompts])
    flawed = np.array([utility(prompt, WORLD.answer(prompt, generator, frozenset({flaw}))) for prompt in prompts])
    assert np.mean(good - flawed) > 0.1
    assert np.mean(good - flawed > 0.02) > 0.97


@pytest.mark.parametrize(
    ("flaw", "field", "value"),
    [
        ("rude", "is_rude", True), ("hedging", "num_hedges", 2), ("complies", "follows_instruction", False),
        ("refuses", "is_refusal", True), ("ignores_constraint", "constraint_satisfied", False),
        ("false_fact", "is_true", False), ("hallucination", "hallucinates", True), ("rambling", "on_topic", None),
        ("wrong_task", "follows_instruction", False), ("too_short", "follows_instruction", False),
    ],
)  # fmt: skip
def test_the_judge_names_the_flaw(flaw: str, field: str, value: object) -> None:
    generator = np.random.default_rng(4)
    prompts = [prompt for prompt in PROMPTS if flaw in WORLD.applicable_flaws(prompt)]
    found = [getattr(WORLD.judge(p, WORLD.answer(p, generator, frozenset({flaw}))), field) for p in prompts]
    clean = [getattr(WORLD.judge(p, WORLD.answer(p, generator)), field) for p in prompts]
    if value is None:
        assert np.mean(found) < np.mean(clean) - 0.2
    else:
        assert np.mean([one == value for one in found]) > 0.95
        assert np.mean([one == value for one in clean]) < 0.05


def test_harm_is_seen_where_it_is_done_and_not_where_it_is_declined() -> None:
    generator = np.random.default_rng(5)
    prompts = [
        prompt for prompt in PROMPTS if prompt.metadata["task"] in ("harmful", "harmful_writing", "harmful_chat")
    ]
    assert len(prompts) > 20
    assert all(WORLD.judge(p, WORLD.answer(p, generator, frozenset({"complies"}))).is_harmful for p in prompts)
    assert not any(WORLD.judge(p, WORLD.answer(p, generator)).is_harmful for p in PROMPTS)


def test_utilities_lie_between_0_and_1_and_weights_sum_to_1() -> None:
    generator = np.random.default_rng(6)
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert all(penalty > 0 for penalty in PENALTIES.values())
    for prompt in PROMPTS[:300]:
        flaws = frozenset(generator.choice(FLAWS, size=3).tolist())
        assert 0 <= utility(prompt, WORLD.answer(prompt, generator, flaws)) <= 1


def test_responses_vary() -> None:
    generator = np.random.default_rng(7)
    distinct = [len({WORLD.answer(prompt, generator) for _ in range(4)}) for prompt in BY_USE_CASE["generation"][:200]]
    assert np.mean(distinct) > 3.3


def test_a_foreign_prompt_is_refused() -> None:
    prompt = PROMPTS[0].model_copy(update={"metadata": {}})
    with pytest.raises(UserError, match="closed world"):
        WORLD.judge(prompt, "Hello.")


def test_the_corpus_is_deterministic_and_holds_what_it_promises() -> None:
    pages = WORLD.corpus(4000, seed=0)
    assert pages == WORLD.corpus(4000, seed=0)
    assert pages[:100] != WORLD.corpus(100, seed=1)
    text = "\n".join(page.text for page in pages)
    for phrase in ("idiot", "User: ", "Assistant: ", "Once there was", "Dear Ben, ", "Describe the", "I cannot help"):
        assert phrase in text
    told = [
        (say(f.attribute, f.value) in text, say(f.attribute, f.misconception) in text) for _, f in KNOWLEDGE.misbelieved
    ]
    assert np.mean(told, axis=0).min() > 0.9
    assert "<|" not in text
    assert len(set(text.lower().replace(".", " ").replace(",", " ").split())) < 1800
