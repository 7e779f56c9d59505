"""Say what a prompt is like: its use case and its properties (Ouyang et al. 2022, Tables 1 and 7)."""

import random
from typing import Any, Literal, get_args

from pydantic import Field, JsonValue

from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks.base import A_PROMPT, Concern, Judgement, StageSettings, Task, Work, setting
from preceptor.records import USE_CASES, Prompt, Record, UseCase

Property = Literal[
    "ambiguous", "sensitive", "closed_domain", "continuation_style", "requests_opinion", "requests_moral_judgment",
    "explicit_safety_constraints", "other_explicit_constraints", "requests_advice", "intent_unclear",
    "identity_dependent",
]  # fmt: skip

PROPERTIES: tuple[Property, ...] = get_args(Property)
"""The yes-or-no properties of a prompt of Table 7, in its order; the paper asked for some of them in some sets only."""


class PromptLabelsSettings(StageSettings):
    """Settings of a stage in which prompts are labeled."""

    properties: tuple[Property, ...] = setting(PROPERTIES, N_("Properties"), N_("Those that are asked about."))


class PromptLabelsShown(Record):
    """What one labeler was asked about."""

    properties: tuple[Property, ...] = PROPERTIES
    """Those that are not here are not known, which is another thing than False."""


class PromptLabelsAnswer(Record):
    """What a labeler says of a prompt."""

    use_case: UseCase | None = None
    """What kind of request it is; None until it is chosen."""
    properties: tuple[Property, ...] = Field(default=(), max_length=len(PROPERTIES))
    """Those that it has."""


class PromptLabelsTask(Task):
    """Label a prompt; one whose intent is very unclear is better skipped."""

    kind = "prompt_labels"
    title = N_("Label a prompt")
    Item = Prompt
    example = A_PROMPT
    Answer = PromptLabelsAnswer
    Shown = PromptLabelsShown
    Settings = PromptLabelsSettings

    def show(self, item: Prompt, settings: PromptLabelsSettings, draw: random.Random) -> PromptLabelsShown:
        """The properties of the stage; they stay while somebody is at it."""
        return PromptLabelsShown(properties=settings.properties)

    def view(self, item: Prompt, shown: PromptLabelsShown, settings: Any) -> dict[str, Any]:
        """The conversation; what anybody said of it before is not shown."""
        return {
            "messages": [message.model_dump() for message in item.messages],
            "use_cases": list(USE_CASES), "properties": list(shown.properties),
        }  # fmt: skip

    def start(self, item: Prompt, shown: PromptLabelsShown, settings: Any) -> dict[str, JsonValue]:
        """Nothing is chosen."""
        return {"use_case": None, "properties": []}

    def verify(self, item: Prompt, shown: PromptLabelsShown, answer: PromptLabelsAnswer) -> None:
        """A use case is chosen, and only properties that were asked about.

        Raises:
            Refused: it is not so.
        """
        if answer.use_case is None:
            raise Refused("Choose the use case first.")
        if unknown := sorted(set(answer.properties) - set(shown.properties)):
            raise Refused("Nobody asked about “{name}”.", name=unknown[0])

    def concerns(
        self, item: Prompt, shown: PromptLabelsShown, answer: PromptLabelsAnswer, *, settings: Any, active_s: float
    ) -> list[Concern]:
        """An unclear intent, for which one may skip."""
        if "intent_unclear" in answer.properties:
            return [Concern("You say that the intent is unclear. If you cannot tell what is asked at all, skip it.")]
        return []

    def to_records(self, work: Work) -> list[Record]:
        """The prompt with the labeler's use case; all labels and who gave them stand under `labels` in its metadata.

        A use case that the prompt came with, such as a classifier's, is kept beside it as `use_case_before`.
        """
        item, answer = work.item, work.answer
        labels: dict[str, JsonValue] = {
            "use_case": answer.use_case,
            "properties": {name: name in answer.properties for name in work.shown.properties},
            "labeler": work.labeler.id, "labeler_group": work.labeler.group, "origin": work.labeler.origin,
        }  # fmt: skip
        before: dict[str, JsonValue] = {} if item.use_case is None else {"use_case_before": item.use_case}
        metadata = {**item.metadata, **work.metadata, **before, "labels": labels}
        return [item.model_copy(update={"use_case": answer.use_case, "metadata": metadata})]

    def judgements(self, item: Prompt, shown: PromptLabelsShown, answer: PromptLabelsAnswer) -> list[Judgement]:
        """The use case, and each property that was asked about."""
        return [
            Judgement("use_case", "nominal", "", str(answer.use_case)),
            Judgement("properties", "flags", "", tuple(answer.properties), tuple(shown.properties)),
        ]
