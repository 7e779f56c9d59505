"""The verdict claims what the intervals prove, and nothing else."""

import pytest

from preceptor.reporting.data import Estimate, HealthFinding, PolicyRow, ReportData
from preceptor.reporting.verdict import verdict
from tests.reporting.example_report import example_report


def compared(
    ppo: tuple[float, float, float], ptx: tuple[float, float, float] | None = None, gold: dict[str, float] | None = None
) -> ReportData:
    """A report on SFT, PPO and, when given, PPO-ptx, by win rate and (± 0.01) gold utility."""

    def row(name: str, rate: tuple[float, float, float]) -> PolicyRow:
        utility = (gold or {}).get(name)
        known = None if utility is None else Estimate(value=utility, low=utility - 0.01, high=utility + 0.01)
        won = Estimate(value=rate[0], low=rate[1], high=rate[2])
        return PolicyRow(name=name, win_rate_vs_sft=won, gold_utility=known)

    rows = [row("sft", (0.5, 0.5, 0.5)), row("ppo", ppo), *([row("ppo_ptx", ptx)] if ptx else [])]
    return example_report(policies=tuple(rows), optimization=(), health=())


BETTER, OPEN, WORSE = (0.6, 0.55, 0.65), (0.55, 0.49, 0.61), (0.4, 0.35, 0.45)


@pytest.mark.parametrize(
    ("ppo", "ptx", "kind", "headline"),
    [
        (BETTER, BETTER, "better", "PPO and PPO-ptx are better than SFT."),
        (BETTER, None, "better", "PPO is better than SFT."),
        (OPEN, OPEN, "not_shown", "It is not shown that PPO and PPO-ptx are better than SFT."),
        (WORSE, WORSE, "worse", "PPO and PPO-ptx are worse than SFT."),
        (BETTER, OPEN, "mixed", "PPO is better than SFT; it is not shown that PPO-ptx is better than SFT."),
        (WORSE, BETTER, "mixed", "PPO-ptx is better than SFT; PPO is worse than SFT."),
        ((0.52, 0.5, 0.54), None, "not_shown", "It is not shown that PPO is better than SFT."),
    ],
)
def test_headline_follows_the_intervals(ppo: tuple, ptx: tuple | None, kind: str, headline: str) -> None:
    found = verdict(compared(ppo, ptx))
    assert (found.kind, found.headline) == (kind, headline)


def test_a_win_that_the_gold_judge_denies_is_not_claimed() -> None:
    found = verdict(compared(BETTER, gold={"sft": 0.8, "ppo": 0.6}))
    assert found.kind == "not_shown"
    assert any("disagrees: the labelers were pleased, not served" in sentence for sentence in found.sentences)


def test_the_gold_judge_may_agree_or_leave_it_open() -> None:
    agreed = verdict(compared(BETTER, BETTER, gold={"sft": 0.5, "ppo": 0.7, "ppo_ptx": 0.6}))
    assert "agrees (utility 0.50 for SFT, 0.70 for PPO, 0.60 for PPO-ptx)." in agreed.sentences[1]
    unsure = verdict(compared(BETTER, gold={"sft": 0.5, "ppo": 0.51}))
    assert unsure.kind == "better"
    assert "may be luck" in unsure.sentences[1]


def test_first_sentence_gives_rate_interval_and_who_judged() -> None:
    sentence = verdict(compared(BETTER, OPEN)).sentences[0].replace("\N{NO-BREAK SPACE}", " ")
    assert sentence == (
        "Against SFT, simulated held-out labelers prefer PPO in 60.0 % of comparisons (95 % interval 55.0 to 65.0 %) "
        "and PPO-ptx in 55.0 % (49.0 to 61.0 %); 200 held-out prompts, ties counting one half."
    )
    people = verdict(compared(BETTER).model_copy(update={"origin": "human"})).sentences[0]
    assert "simulated" not in people


def test_overoptimisation_a_forced_gate_and_failed_health_are_told() -> None:
    data = example_report(falls=True, health=(HealthFinding(stage="ppo", name="KL", is_ok=False, message="KL is 3."),))
    forced = data.reward_model.model_copy(update={"gate_open": False, "forced": "I know better"})
    sentences = " ".join(verdict(data.model_copy(update={"reward_model": forced})).sentences)
    for words in ("Over-optimised since step 50", "“I know better”", "Health check failed in ppo: KL is 3."):
        assert words in sentences
    assert "Over-optimised" not in " ".join(verdict(example_report()).sentences)


def test_alignment_tax_in_words() -> None:
    # base 1.82, ppo 2.46, ptx 2.19: (2.46 − 2.19) / (2.46 − 1.82) = 42 %
    sentences = " ".join(verdict(example_report()).sentences).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "The alignment tax of PPO is 0.64 nats per token of pretraining text, measured from the base model; "
        "PPO-ptx gives back 42 % of it." in sentences
    )


def test_nothing_compared_claims_nothing() -> None:
    found = verdict(example_report(policies=(PolicyRow(name="base"),), optimization=()))
    assert found.kind == "not_shown"
    assert "nothing is claimed" in found.headline
