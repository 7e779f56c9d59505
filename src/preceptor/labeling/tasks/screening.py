"""What candidates are asked besides ordinary work (Ouyang et al. 2022, appendix B.1): sensitive speech, topics.

The other two criteria, rankings and demonstrations, are ordinary tasks in a stage for candidates.
"""

import random
from typing import Any, Self

from pydantic import Field, JsonValue, model_validator

from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks.base import A_PROMPT, Concern, Judgement, Task, Work, shuffled
from preceptor.records import Prompt, Record, Response

LETTERS = "ABCDEFGHI"
PROMPT = "prompt"
SENSITIVE = "sensitive"
"""The measure under which agreement on sensitive speech is known."""


class ScreeningItem(Record):
    """Texts that may be sensitive speech, or topics to choose from, or both."""

    prompt: Prompt | None = None
    """Its last message is flagged or not; what was said before is shown beside it."""
    responses: tuple[Response, ...] = Field(default=(), max_length=len(LETTERS))
    """Flagged or not, each by itself."""
    topics: tuple[str, ...] = ()
    """Topics and cultural groups in which somebody may be able to tell sensitive speech."""

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.prompt is None and not self.topics:
            raise ValueError("there is neither a prompt to flag nor a topic to choose")
        if self.responses and self.prompt is None:
            raise ValueError("responses need their prompt")
        if len({one.id for one in self.responses} | {PROMPT}) != len(self.responses) + 1:
            raise ValueError("responses share an id, or one is called 'prompt'")
        return self


class ScreeningShown(Record):
    """What was drawn for one labeler."""

    order: tuple[str, ...]
    """Response ids as shown: the first is A."""

    @property
    def names(self) -> dict[str, str]:
        """Letter → response id."""
        return dict(zip(LETTERS, self.order, strict=False))


class ScreeningAnswer(Record):
    """Which texts are sensitive, and what the labeler knows of."""

    sensitive: dict[str, bool] = Field(default_factory=dict)
    """'prompt' and the letters of the responses → whether it is sensitive speech."""
    topics: tuple[str, ...] = ()
    """Those in which the labeler can tell sensitive speech."""
    other_topics: str = Field(default="", max_length=5000)
    """More of them, in the labeler's words."""


class ScreeningTask(Task):
    """Flag sensitive speech; say in which topics one can tell it."""

    kind = "screening"
    title = N_("Tell sensitive speech")
    Item = ScreeningItem
    example = ScreeningItem(
        prompt=A_PROMPT, responses=(Response(id="bread-1", text="Buy it."),), topics=("Religion", "Sports")
    )
    Answer = ScreeningAnswer
    Shown = ScreeningShown

    def show(self, item: ScreeningItem, settings: Any, draw: random.Random) -> ScreeningShown:
        """A random order of the responses."""
        return ScreeningShown(order=tuple(shuffled([one.id for one in item.responses], draw)))

    def view(self, item: ScreeningItem, shown: ScreeningShown, settings: Any) -> dict[str, Any]:
        """The texts under the names that the answer gives them, and the topics."""
        texts = {one.id: one.text for one in item.responses}
        messages = item.prompt.messages if item.prompt else ()
        return {
            "before": [message.model_dump() for message in messages[:-1]],
            "texts": [{"name": PROMPT, "text": message.content} for message in messages[-1:]]
            + [{"name": letter, "text": texts[name]} for letter, name in shown.names.items()],
            "topics": list(item.topics),
        }

    def start(self, item: ScreeningItem, shown: ScreeningShown, settings: Any) -> dict[str, JsonValue]:
        """Nothing is flagged and nothing left."""
        return {"sensitive": {}, "topics": [], "other_topics": ""}

    def verify(self, item: ScreeningItem, shown: ScreeningShown, answer: ScreeningAnswer) -> None:
        """Each text is judged, and no other; no topic that was not asked about.

        Raises:
            Refused: it is not so.
        """
        asked = [*([PROMPT] if item.prompt else []), *shown.names]
        if missing := [name for name in asked if name not in answer.sensitive]:
            if missing[0] == PROMPT:
                raise Refused("Say whether the prompt is sensitive.")
            raise Refused("Say whether response {letter} is sensitive.", letter=missing[0])
        if unknown := sorted((set(answer.sensitive) - set(asked)) | (set(answer.topics) - set(item.topics))):
            raise Refused("There is no '{name}' here.", name=unknown[0])

    def concerns(
        self, item: ScreeningItem, shown: ScreeningShown, answer: ScreeningAnswer, *, settings: Any, active_s: float
    ) -> list[Concern]:
        """No topic at all, or no time to read."""
        found = []
        if item.topics and not answer.topics and not answer.other_topics.strip():
            found.append(Concern("You chose no topic."))
        if item.prompt and active_s < settings.min_active_s:
            found.append(Concern("That was quick. Did you read every text to its end?"))
        return found

    def to_records(self, work: Work) -> list[Record]:
        """Nothing: what candidates say of texts trains nobody."""
        return []

    def judgements(self, item: ScreeningItem, shown: ScreeningShown, answer: ScreeningAnswer) -> list[Judgement]:
        """Each text is sensitive or not."""
        ids = {PROMPT: PROMPT, **shown.names}
        return [Judgement(SENSITIVE, "nominal", ids[name], flag) for name, flag in sorted(answer.sensitive.items())]
