"""Write a prompt (Ouyang et al. 2022, section 3.2): the three kinds of prompts with which labelers begin."""

import random
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks.base import Concern, StageSettings, Task, Work, setting
from preceptor.records import Demonstration, Message, Prompt, Record
from preceptor.records.artifacts import canonical_hash

PromptKind = Literal["plain", "few_shot", "user_based"]

MIN_EXAMPLES = 2
"""Examples of a few-shot prompt: each is asked once, with the others before it."""


class PromptRequest(Record):
    """A prompt that is wanted; the stage says of which kind."""


class PromptSettings(StageSettings):
    """Settings of a stage in which prompts are written."""

    prompt_kind: PromptKind = setting(
        "plain", N_("Kind of prompt"), N_("Any task, an instruction with examples, or a task for one of the use cases.")
    )
    use_cases: tuple[str, ...] = setting(
        (), N_("Use cases"),
        N_("One on each line: what users said they want a model for. Each item is given one of them by lot."),
    )  # fmt: skip

    @model_validator(mode="after")
    def _use_cases_are_for_the_user_based(self) -> Self:
        if (self.prompt_kind == "user_based") != bool(self.use_cases):
            raise ValueError("prompts for use cases, and only these, need a list of use cases")
        return self


class PromptShown(Record):
    """What one labeler was asked for."""

    kind: PromptKind = "plain"
    """Of which kind the prompt is to be."""
    use_case: str | None = None
    """For what; None where it is the labeler's to choose."""


class Example(Record):
    """A case of the instruction, with what is to be said to it."""

    prompt: str = Field(default="", max_length=20_000)
    """What is given, such as a tweet."""
    response: str = Field(default="", max_length=20_000)
    """What is to be said, such as 'positive'."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing is written in it."""
        return not self.prompt.strip() and not self.response.strip()

    @property
    def is_whole(self) -> bool:
        """Whether both parts are written."""
        return bool(self.prompt.strip() and self.response.strip())


class PromptAnswer(Record):
    """A prompt, or what few-shot prompts are made of."""

    text: str = Field(default="", max_length=50_000)
    """The prompt; the instruction of a few-shot prompt."""
    examples: tuple[Example, ...] = Field(default=(), max_length=50)
    """Of a few-shot prompt; blank ones do not count."""
    prompt_name: str = Field(default="", max_length=100)
    """What the prompt of an example is called: 'Tweet'."""
    response_name: str = Field(default="", max_length=100)
    """What its response is called: 'Sentiment'."""

    @property
    def written(self) -> tuple[Example, ...]:
        """The examples that are not blank."""
        return tuple(example for example in self.examples if not example.is_blank)


class PromptTask(Task):
    """Write what somebody might ask an assistant."""

    kind = "prompt"
    title = N_("Write a prompt")
    Item = PromptRequest
    example = PromptRequest()
    Answer = PromptAnswer
    Shown = PromptShown
    Settings = PromptSettings

    def show(self, item: PromptRequest, settings: PromptSettings, draw: random.Random) -> PromptShown:
        """The kind, and by lot the use case."""
        use_case = draw.choice(settings.use_cases) if settings.use_cases else None
        return PromptShown(kind=settings.prompt_kind, use_case=use_case)

    def view(self, item: PromptRequest, shown: PromptShown, settings: Any) -> dict[str, Any]:
        """What is asked for."""
        return {"kind": shown.kind, "use_case": shown.use_case}

    def start(self, item: PromptRequest, shown: PromptShown, settings: Any) -> dict[str, JsonValue]:
        """An empty page, with three rows for examples where there are to be some."""
        if shown.kind != "few_shot":
            return {"text": ""}
        examples: list[JsonValue] = [{"prompt": "", "response": ""} for _ in range(3)]
        return {"text": "", "examples": examples, "prompt_name": "Input", "response_name": "Output"}

    def preview(self, item: PromptRequest, shown: PromptShown, answer: PromptAnswer) -> str:
        """The prompt; of several few-shot prompts the one that asks for the last example."""
        if shown.kind != "few_shot" or not answer.written:
            return answer.text
        return few_shot_text(answer, len(answer.written) - 1)

    def verify(self, item: PromptRequest, shown: PromptShown, answer: PromptAnswer) -> None:
        """Something is written, and a few-shot prompt has whole examples.

        Raises:
            Refused: it is not so.
        """
        if not answer.text.strip():
            raise Refused("Write the prompt first.")
        if shown.kind != "few_shot":
            return
        for number, example in enumerate(answer.examples, start=1):
            if not (example.is_blank or example.is_whole):
                raise Refused("Example {number} is only half written.", number=number)
        if len(answer.written) < MIN_EXAMPLES:
            raise Refused("Write at least {least} examples.", least=MIN_EXAMPLES)
        if not (answer.prompt_name.strip() and answer.response_name.strip()):
            raise Refused("Give both parts of the examples a name.")

    def concerns(
        self, item: PromptRequest, shown: PromptShown, answer: PromptAnswer, *, settings: Any, active_s: float
    ) -> list[Concern]:
        """Two examples that ask the same, or a prompt written in no time."""
        found = []
        asked: dict[str, int] = {}
        for number, example in enumerate(answer.examples, start=1):
            first = asked.setdefault(example.prompt.strip(), number)
            if first != number and example.prompt.strip():
                found.append(Concern("Examples {first} and {second} are the same.", {"first": first, "second": number}))
        if active_s < settings.min_active_s:
            found.append(Concern("That was quick. Is it a prompt that somebody would really write?"))
        return found

    def to_records(self, work: Work) -> list[Record]:
        """One prompt; of K examples K prompts that each ask for one of them, and the K demonstrations of these.

        So the paper makes K data points of one instruction: each example in turn, with the K − 1 others before it.
        """
        answer = work.answer
        if work.shown.kind != "few_shot":
            return [_prompt(work, answer.text, {"asked_for": work.shown.use_case} if work.shown.use_case else {})]
        records: list[Record] = []
        for place, example in enumerate(answer.written):
            prompt = _prompt(work, few_shot_text(answer, place), {"instruction": answer.text})
            records.append(prompt)
            records.append(
                Demonstration(
                    id=prompt.id, prompt=prompt, response=example.response.strip(), labeler=work.labeler,
                    metadata=dict(work.metadata),
                )
            )  # fmt: skip
        return records


def few_shot_text(answer: PromptAnswer, place: int) -> str:
    """The prompt that asks for the example at a place, the others before it as Brown et al. 2020 have them."""
    asked = answer.written[place]
    others = [example for number, example in enumerate(answer.written) if number != place]
    solved = [f"{_case(answer, example)} {example.response.strip()}" for example in others]
    return "\n\n".join([answer.text.strip(), *solved, _case(answer, asked)])


def _case(answer: PromptAnswer, example: Example) -> str:
    return f"{answer.prompt_name.strip()}: {example.prompt.strip()}\n{answer.response_name.strip()}:"


def _prompt(work: Work, text: str, more: dict[str, JsonValue]) -> Prompt:
    """A prompt whose id tells it from others that were written for the same item."""
    return Prompt(
        id=f"{work.key}-{canonical_hash(text)[:8]}", messages=(Message(role="user", content=text.strip()),),
        source="labeler", user=work.labeler.id, metadata={**work.metadata, "kind": work.shown.kind, **more},
    )  # fmt: skip
