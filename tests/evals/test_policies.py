"""Evaluations of policies: a perfect and a worst one get the extremes; judges are blinded; ties count one half."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from preceptor.evals import (
    EVALUATIONS,
    HumanPreference,
    Likert,
    PolicyResponses,
    PreferenceConfig,
    items_of_rankings,
    likert,
    win_rate,
)
from preceptor.records import Labeler, Message, Prompt, Ranking, Rating, Response


@dataclass
class QualityJudge:
    """Prefers the text with the higher number in it; a tie within `tie`. Remembers what it was shown."""

    labeler: Labeler
    tie: float = 0.0
    position_bias: float = 0.0
    shown: list[tuple[str, str]] = field(default_factory=list)
    rated: list[Response] = field(default_factory=list)

    def prefers(self, prompt: Prompt, first_text: str, second_text: str) -> str:
        self.shown.append((first_text, second_text))
        gap = float(first_text) - float(second_text) + self.position_bias
        return "tie" if abs(gap) <= self.tie else "first" if gap > 0 else "second"

    def rate(self, prompt: Prompt, response: Response) -> Rating:
        self.rated.append(response)
        quality = float(response.text)
        return Rating(
            id=f"{prompt.id}/{self.labeler.id}",
            prompt=prompt,
            response=response,
            likert=round(1 + 6 * quality),
            flags=frozenset() if quality > 0.5 else frozenset({"fails_instruction", "harmful_advice"}),
            labeler=self.labeler,
        )


def panel(**kwargs: float) -> list[QualityJudge]:
    return [QualityJudge(Labeler(id=f"l{i}", group="held_out", origin="simulated"), **kwargs) for i in range(3)]


def prompts(count: int = 12) -> tuple[Prompt, ...]:
    return tuple(Prompt(id=f"p{i}", messages=(Message(role="user", content=f"Ask {i}"),)) for i in range(count))


def responses(policy: str, texts: Sequence[str] | str) -> PolicyResponses:
    texts = (texts,) * 12 if isinstance(texts, str) else tuple(texts)
    return PolicyResponses(policy, prompts(len(texts)), texts)


@pytest.mark.parametrize("name", sorted(EVALUATIONS))
def test_perfect_and_worst_policies_get_the_extremes(name: str) -> None:
    evaluation = EVALUATIONS[name]()
    baseline = responses("sft", "0.5")
    best = evaluation.run(responses("perfect", "1"), panel(), baseline=baseline)
    worst = evaluation.run(responses("worst", "0"), panel(), baseline=baseline)
    assert (best.value, worst.value) == (evaluation.best, evaluation.worst)
    assert best.name == worst.name == name
    assert best.interval.low == best.interval.high == best.value
    assert len(best.per_item) == 36


def test_same_texts_win_half_without_asking() -> None:
    judges = panel(position_bias=5)
    report = HumanPreference().run(responses("a", "0.5"), judges, baseline=responses("sft", "0.5"))
    assert report.value == 0.5
    assert judges[0].shown == []


def test_ties_count_half() -> None:
    report = HumanPreference().run(responses("a", "0.6"), panel(tie=0.2), baseline=responses("sft", "0.5"))
    assert report.value == 0.5


def test_both_orders_cancel_a_position_bias_and_one_order_does_not() -> None:
    subject, baseline = responses("a", "0.6"), responses("sft", "0.5")
    both = HumanPreference().run(subject, panel(position_bias=5), baseline=baseline)
    assert both.value == 0.5
    judges = panel(position_bias=5)
    one = HumanPreference(PreferenceConfig(order="random")).run(subject, judges, baseline=baseline)
    firsts = [first for judge in judges for first, _ in judge.shown]
    assert one.value == firsts.count("0.6") / 36
    assert 0 < firsts.count("0.6") < 36


def test_judges_never_see_a_policy_name() -> None:
    judges = panel()
    Likert().run(responses("ppo", "1"), judges)
    assert all(response.model is None and "ppo" not in response.id for response in judges[0].rated)


def test_each_prompt_can_have_fewer_labelers() -> None:
    config = PreferenceConfig(labelers_per_prompt=1)
    report = HumanPreference(config).run(responses("a", "1"), panel(), baseline=responses("sft", "0"))
    assert [item.prompt for item in report.per_item] == [f"p{i}" for i in range(12)]
    assert len({item.labeler for item in report.per_item}) > 1


def test_interval_covers_and_narrows_with_prompts() -> None:
    few = HumanPreference().run(responses("a", ["1", "0"] * 6), panel(), baseline=responses("sft", "0.5"))
    many = HumanPreference().run(responses("a", ["1", "0"] * 60), panel(), baseline=responses("sft", ["0.5"] * 120))
    assert few.value == many.value == 0.5
    assert few.interval.low < 0.5 < few.interval.high
    assert many.interval.high - many.interval.low < 0.5 * (few.interval.high - few.interval.low)


def test_mistakes_of_the_caller_are_named() -> None:
    with pytest.raises(ValueError, match="baseline"):
        HumanPreference().run(responses("a", "1"), panel())
    with pytest.raises(ValueError, match="same prompts"):
        HumanPreference().run(responses("a", "1"), panel(), baseline=responses("sft", ["1"]))
    with pytest.raises(ValueError, match="no judge"):
        HumanPreference().run(responses("a", "1"), [], baseline=responses("sft", "1"))
    with pytest.raises(ValueError, match="2 prompts, but 1"):
        PolicyResponses("a", prompts(2), ("x",))


def ranking(number: int, groups: tuple[tuple[str, ...], ...], texts: dict[str, str]) -> Ranking:
    return Ranking(
        id=f"r{number}",
        prompt=prompts()[number],
        responses=tuple(Response(id=name, text=text) for name, text in texts.items()),
        groups=groups,
        labeler=Labeler(id="l0", group="held_out"),
    )


def test_win_rate_from_rankings_by_hand() -> None:
    texts = {"sft": "a", "ppo": "b", "base": "c"}
    rankings = [
        ranking(0, (("ppo",), ("sft", "base")), texts),  # ppo wins 1
        ranking(1, (("sft", "ppo"), ("base",)), texts),  # tie ½
        ranking(2, (("base",), ("sft",), ("ppo",)), texts),  # ppo loses 0
        ranking(3, (("ppo",), ("sft",)), {"sft": "same", "ppo": "same"}),  # equal texts are tied ½
        ranking(4, (("ppo",), ("base",)), {"ppo": "b", "base": "c"}),  # no baseline: left out, counted
    ]
    items, dropped = items_of_rankings(rankings, "ppo", "sft")
    assert [item.value for item in items] == [1, 0.5, 0, 0.5]
    assert dropped == {"ranking without ppo or sft": 1}
    assert win_rate(items, dropped=dropped).value == 0.5


def test_flag_shares_by_hand_and_only_where_they_apply() -> None:
    judge = panel()[0]
    ratings = [judge.rate(prompt, Response(id="r", text=text)) for prompt, text in responses("a", ["1", "0", "0", "1"])]
    report = likert(
        ratings, applies={"harmful_advice": lambda prompt: prompt.id != "p0", "hallucination": lambda _: False}
    )
    assert report.value == 4.0
    assert report.parts["fails_instruction"].value == 0.5
    assert report.parts["harmful_advice"].value == pytest.approx(2 / 3)
    assert "hallucination" not in report.parts
