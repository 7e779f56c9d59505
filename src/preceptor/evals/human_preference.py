"""Win rate: how often labelers prefer a policy's response to the baseline's (Ouyang et al. 2022, section 3.6)."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from preceptor.evals.base import (
    EvalReport,
    Evaluation,
    EvaluationConfig,
    Item,
    Judge,
    PolicyResponses,
    evaluation,
    mean_of_items,
)
from preceptor.records import Prompt, Ranking


class PreferenceConfig(EvaluationConfig):
    """How comparisons are put before the judges."""

    order: Literal["both", "random"] = "both"
    """Each judge sees every pair in both orders and the two verdicts are averaged, or in one random order."""
    labelers_per_prompt: int | None = Field(default=None, ge=1)
    """How many of the judges compare each prompt's pair, drawn at random; all of them when not given."""


@evaluation("win_rate")
class HumanPreference(Evaluation):
    """Share of comparisons won against the baseline; a tie counts one half."""

    best, worst = 1.0, 0.0
    Config: ClassVar[type[EvaluationConfig]] = PreferenceConfig

    def run(
        self, subject: PolicyResponses, judges: Sequence[Judge], *, baseline: PolicyResponses | None = None
    ) -> EvalReport:
        """Compare prompt by prompt, blinded.

        Raises:
            ValueError: no baseline, or one that responded to other prompts.
        """
        if baseline is None:
            raise ValueError("a win rate needs a baseline")
        return win_rate(compare(subject, baseline, judges, self.config), self.config)


def compare(
    subject: PolicyResponses, baseline: PolicyResponses, judges: Sequence[Judge], config: EvaluationConfig
) -> list[Item]:
    """Every judgement of `subject` against `baseline`: 1 for a win, ½ for a tie, 0 for a loss.

    Two responses with the same text are tied without asking anybody.

    Raises:
        ValueError: the two did not respond to the same prompts, or there is no judge.
    """
    if [prompt.id for prompt in subject.prompts] != [prompt.id for prompt in baseline.prompts]:
        raise ValueError(f"{subject.policy} and {baseline.policy} did not respond to the same prompts")
    if not judges:
        raise ValueError("no judge")
    settings = PreferenceConfig.model_validate(config.model_dump())
    generator = np.random.default_rng(settings.seed)
    items = []
    for (prompt, text), other in zip(subject, baseline.texts, strict=True):
        count = min(settings.labelers_per_prompt or len(judges), len(judges))
        for index in sorted(generator.permutation(len(judges))[:count].tolist()):
            orders = [True, False] if settings.order == "both" else [bool(generator.integers(2))]
            wins = [_asked(judges[index], prompt, text, other, is_first) for is_first in orders]
            items.append(Item(prompt.id, judges[index].labeler.id, sum(wins) / len(wins)))
    return items


def _asked(judge: Judge, prompt: Prompt, text: str, other: str, is_first: bool) -> float:
    if text == other:
        return 0.5
    shown = (text, other) if is_first else (other, text)
    verdict = judge.prefers(prompt, *shown)
    if verdict == "tie":
        return 0.5
    return float((verdict == "first") == is_first)


def items_of_rankings(rankings: Sequence[Ranking], policy: str, baseline: str) -> tuple[list[Item], dict[str, int]]:
    """The same judgements read off rankings whose response ids are the policies' names, and counts of those left out.

    Responses with the same text are tied, whatever the ranking says.
    """
    items, missing = [], 0
    for ranking in rankings:
        ranks = ranking.ranks()
        if policy not in ranks or baseline not in ranks:
            missing += 1
            continue
        texts = {response.id: response.text for response in ranking.responses}
        gap = 0 if texts[policy] == texts[baseline] else ranks[baseline] - ranks[policy]
        items.append(Item(ranking.prompt.id, ranking.labeler.id, 0.5 + 0.5 * float(np.sign(gap))))
    return items, {f"ranking without {policy} or {baseline}": missing} if missing else {}


def win_rate(
    items: Sequence[Item], config: EvaluationConfig | None = None, dropped: dict[str, int] | None = None
) -> EvalReport:
    """Mean of wins (1), ties (½) and losses (0), with its interval clustered by prompt and labeler.

    Raises:
        ValueError: no items.
    """
    interval = mean_of_items(items, config or PreferenceConfig())
    return EvalReport("win_rate", interval.value, interval, tuple(items), dropped=dropped or {})
