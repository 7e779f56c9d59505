"""Ratings: mean Likert and the share of responses with each flag (Ouyang et al. 2022, section 3.6 and Table 3)."""

from collections.abc import Callable, Mapping, Sequence

from preceptor.evals.base import (
    EvalReport,
    Evaluation,
    EvaluationConfig,
    Item,
    Judge,
    PolicyResponses,
    blind_id,
    evaluation,
    mean_of_items,
)
from preceptor.records import FLAGS, Prompt, Rating, Response
from preceptor.stats import Interval

Applies = Mapping[str, Callable[[Prompt], bool]]
"""Flag → whether it can be asked of a prompt: without a constraint there is none to satisfy."""


@evaluation("likert")
class Likert(Evaluation):
    """Mean overall quality from 1 to 7; `parts` holds the share of ratings with each flag."""

    best, worst = 7.0, 1.0

    def run(
        self, subject: PolicyResponses, judges: Sequence[Judge], *, baseline: PolicyResponses | None = None
    ) -> EvalReport:
        """Every judge rates every response, without knowing whose it is.

        Raises:
            ValueError: no judges or no prompts.
        """
        return likert(rate(subject, judges), self.config)


def rate(subject: PolicyResponses, judges: Sequence[Judge]) -> list[Rating]:
    """Each judge's rating of each response."""
    return [
        judge.rate(prompt, Response(id=blind_id(prompt.id, subject.policy), text=text))
        for prompt, text in subject
        for judge in judges
    ]


def likert(
    ratings: Sequence[Rating], config: EvaluationConfig | None = None, *, applies: Applies | None = None
) -> EvalReport:
    """Mean Likert and flag shares with intervals clustered by prompt and labeler.

    A flag's share is over the prompts it applies to (all where `applies` is silent); a flag that applies to none is
    left out.

    Raises:
        ValueError: no ratings.
    """
    config = config or EvaluationConfig()
    items = [Item(row.prompt.id, row.labeler.id, float(row.likert)) for row in ratings]
    interval = mean_of_items(items, config)
    parts: dict[str, Interval] = {}
    for flag in FLAGS:
        asked = [row for row in ratings if applies is None or flag not in applies or applies[flag](row.prompt)]
        if asked:
            flagged = [Item(row.prompt.id, row.labeler.id, float(flag in row.flags)) for row in asked]
            parts[flag] = mean_of_items(flagged, config)
    return EvalReport("likert", interval.value, interval, tuple(items), parts)
