"""Write a demonstration (Ouyang et al. 2022, section 3.4): what the assistant should say to a prompt."""

import random
from typing import Any

from pydantic import Field, JsonValue

from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.suggestions import MAX_SUGGESTION, Suggestion, origin_of, word_distance
from preceptor.labeling.tasks.base import A_PROMPT, Concern, Respond, StageSettings, Task, Work, setting
from preceptor.records import Demonstration, Prompt, Record

MUCH_PASTED = 0.5
"""Pasted share from which on it is asked who wrote the text."""


class DemonstrationSettings(StageSettings):
    """Settings of a stage in which demonstrations are written."""

    suggestions: bool = setting(
        False,
        N_("Suggestions"),
        N_("Labelers may ask a model for a suggestion; what became of it stands on record."),
    )


class DemonstrationShown(Record):
    """How the item was put to one labeler."""

    suggestions: bool = False
    """Whether a suggestion could be asked for."""


class DemonstrationAnswer(Record):
    """A response, and how it came about."""

    response: str = Field(max_length=100_000)
    """Markdown."""
    pasted_share: float = Field(default=0.0, ge=0, le=1)
    """Share of its characters that were pasted from outside of the page. What was pasted is not kept."""
    suggestion: Suggestion | None = None
    """None when no model was asked."""
    model: str | None = None
    """The model that suggested it."""


class DemonstrationTask(Task):
    """Write what the assistant should say; a model may suggest something where the stage allows it."""

    kind = "demonstration"
    title = N_("Write a demonstration")
    Item = Prompt
    example = A_PROMPT
    Answer = DemonstrationAnswer
    Shown = DemonstrationShown
    Settings = DemonstrationSettings

    def show(self, item: Prompt, settings: DemonstrationSettings, draw: random.Random) -> DemonstrationShown:
        """Whether there are suggestions; it stays as it was while somebody writes."""
        return DemonstrationShown(suggestions=settings.suggestions)

    def view(self, item: Prompt, shown: DemonstrationShown, settings: Any) -> dict[str, Any]:
        """The conversation that the response goes on with."""
        return {"messages": [message.model_dump() for message in item.messages], "suggestions": shown.suggestions}

    def start(self, item: Prompt, shown: DemonstrationShown, settings: Any) -> dict[str, JsonValue]:
        """An empty page."""
        return {"response": "", "pasted_share": 0.0, "suggestion": None, "model": None}

    def preview(self, item: Prompt, shown: DemonstrationShown, answer: DemonstrationAnswer) -> str:
        """The response so far."""
        return answer.response

    def act(
        self,
        item: Prompt,
        shown: DemonstrationShown,
        content: dict[str, Any],
        action: dict[str, Any],
        respond: Respond | None,
    ) -> dict[str, Any]:
        """`{"do": "suggest"}` asks the model once.

        Raises:
            Missing: the stage has no suggestions, or this is no action.
            Refused: no model is served.
        """
        if action != {"do": "suggest"} or not shown.suggestions:
            raise Missing
        if content.get("suggestion"):
            return content
        if respond is None:
            raise Refused("No model is there to suggest anything now.")
        suggestion = {"text": respond(item.messages)[:MAX_SUGGESTION], "taken_after_s": None}
        return {**content, "suggestion": suggestion, "model": respond.name}

    def verify(self, item: Prompt, shown: DemonstrationShown, answer: DemonstrationAnswer) -> None:
        """Something is written.

        Raises:
            Refused: nothing is.
        """
        if not answer.response.strip():
            raise Refused("Write the response first.")

    def concerns(
        self, item: Prompt, shown: DemonstrationShown, answer: DemonstrationAnswer, *, settings: Any, active_s: float
    ) -> list[Concern]:
        """Asks about text that is not the labeler's own: those who are asked paste half as much (arXiv 2310.15683)."""
        found = []
        if answer.pasted_share >= MUCH_PASTED:
            percent = round(100 * answer.pasted_share)
            found.append(Concern("Pasted from elsewhere: {percent} %. Is this your own work?", {"percent": percent}))
        if origin_of(answer.response, answer.suggestion) == "suggestion":
            found.append(Concern("This is the suggestion, word for word. Is it what you would have written?"))
        elif active_s < settings.min_active_s:
            found.append(Concern("That was quick. Is it the best response that you can write?"))
        return found

    def to_records(self, work: Work) -> list[Record]:
        """The demonstration; where its words came from is in its metadata, as in a turn of a conversation."""
        answer, suggestion = work.answer, work.answer.suggestion
        provenance: dict[str, JsonValue] = {
            "origin": origin_of(answer.response, suggestion), "pasted_share": round(answer.pasted_share, 4)
        }  # fmt: skip
        if suggestion:
            distance = round(word_distance(suggestion.text, answer.response), 4)
            provenance |= {
                "suggestion": suggestion.text, "distance": distance, "taken_after_s": suggestion.taken_after_s,
                "model": answer.model,
            }  # fmt: skip
        return [
            Demonstration(
                id=work.key, prompt=work.item, response=answer.response, labeler=work.labeler,
                metadata={**work.metadata, **provenance},
            )
        ]  # fmt: skip
