"""Have a conversation, as for ChatGPT: play both sides with a model's suggestions at hand, or talk with a model."""

import random
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.suggestions import Suggestion, origin_of, word_distance
from preceptor.labeling.tasks.base import Concern, Respond, StageSettings, Task, Work, setting
from preceptor.records import Candidates, Conversation, Demonstration, Message, Prompt, Record, Response, Turn
from preceptor.records.artifacts import canonical_hash

MAX_TURN = 20_000
"""Characters that one turn may have."""
MAX_TRIES = 5
"""Samples per alternative until it differs from the others."""

Side = Literal["user", "assistant"]


class DialogueItem(Record):
    """What a conversation begins with."""

    topic: str = Field(default="", max_length=MAX_TURN)
    """What to talk about, in Markdown and for the labeler alone; empty leaves it to the labeler."""
    opening: tuple[Message, ...] = ()
    """A system message, or turns to go on from."""


class DialogueSettings(StageSettings):
    """Settings of a stage in which people have conversations."""

    assistant: Literal["labeler", "model"] = setting(
        "labeler", N_("The assistant is"), N_("Who speaks for the assistant; the labeler always speaks for the user.")
    )
    suggestions: bool = setting(
        True,
        N_("Suggestions"),
        N_("A labeler who speaks for the assistant may ask a model for a suggestion."),
    )
    min_exchanges: int = setting(
        2, N_("Least turns of the assistant"),
        N_("Who submits after fewer is asked whether the conversation is over."), ge=1, le=50,
    )  # fmt: skip
    num_ranked: int = setting(
        4, N_("Responses to rank afterwards"),
        N_("In place of one of the model’s messages, drawn by lot, that one among them; 0 asks for none."), ge=0, le=9,
    )  # fmt: skip


class DialogueShown(Record):
    """How the item was put to one labeler."""

    assistant: Literal["labeler", "model"]
    """Who speaks for the assistant."""
    suggestions: bool
    """Whether a suggestion could be asked for."""
    seed: int
    """Decides, with what was said, what the model says."""


class DialogueTurn(Record):
    """One turn as it was said."""

    role: Side
    """Who speaks."""
    text: str = Field(min_length=1, max_length=MAX_TURN)
    """Markdown."""
    is_model: bool = False
    """Whether it is the model's own turn."""
    suggestion: Suggestion | None = None
    """What a model suggested for it; None when it was not asked."""
    model: str | None = None
    """The model that wrote the turn or its suggestion."""


class DialogueAnswer(Record):
    """A conversation, and what is being written for its next turn."""

    turns: tuple[DialogueTurn, ...] = Field(default=(), max_length=200)
    """What was said after the opening."""
    text: str = Field(default="", max_length=MAX_TURN)
    """Not said yet."""
    suggestion: Suggestion | None = None
    """For the turn that is being written."""
    model: str | None = None
    """The model that wrote the suggestion."""


class DialogueTask(Task):
    """Have a conversation; alternatives to one of the model's messages are then ranked."""

    kind = "dialogue"
    title = N_("Have a conversation")
    Item = DialogueItem
    example = DialogueItem(topic="Where rivers go", opening=(Message(role="system", content="Be brief."),))
    Answer = DialogueAnswer
    Draft = DialogueAnswer
    Shown = DialogueShown
    Settings = DialogueSettings
    follow_up_kind = "ranking"

    def show(self, item: DialogueItem, settings: DialogueSettings, draw: random.Random) -> DialogueShown:
        """Who speaks for the assistant; it stays as it was while somebody is at it."""
        is_labeler = settings.assistant == "labeler"
        suggestions = is_labeler and settings.suggestions
        return DialogueShown(assistant=settings.assistant, suggestions=suggestions, seed=draw.getrandbits(32))

    def view(self, item: DialogueItem, shown: DialogueShown, settings: Any) -> dict[str, Any]:
        """The topic and the opening."""
        return {
            "topic": item.topic, "opening": [message.model_dump() for message in item.opening],
            "assistant": shown.assistant, "suggestions": shown.suggestions,
        }  # fmt: skip

    def start(self, item: DialogueItem, shown: DialogueShown, settings: Any) -> dict[str, JsonValue]:
        """Nothing is said."""
        return {"turns": [], "text": "", "suggestion": None, "model": None}

    def preview(self, item: DialogueItem, shown: DialogueShown, answer: DialogueAnswer) -> str:
        """The turn that is being written."""
        return answer.text

    def act(
        self,
        item: DialogueItem,
        shown: DialogueShown,
        content: dict[str, Any],
        action: dict[str, Any],
        respond: Respond | None,
    ) -> dict[str, Any]:
        """`{"do": …}`: 'say' what is written, 'take_back' the last turn, 'suggest' one, let the model 'respond'.

        To say something to the model lets it respond, too.

        Raises:
            Missing: this is no action.
            Refused: it cannot be done now.
        """
        answer = _parsed(content)
        match action, shown.assistant:
            case {"do": "say"}, "labeler":
                after = _say(item, answer)
            case {"do": "say"}, "model":
                after = _respond(item, _say(item, answer), respond, shown.seed)
            case {"do": "respond"}, "model":
                after = _respond(item, answer, respond, shown.seed)
            case {"do": "suggest"}, "labeler" if shown.suggestions:
                after = _suggest(item, answer, respond, shown.seed)
            case {"do": "take_back"}, _:
                after = _take_back(answer)
            case _:
                raise Missing
        return after.model_dump(mode="json")

    def verify(self, item: DialogueItem, shown: DialogueShown, answer: DialogueAnswer) -> None:
        """The two sides take turns, each said by whom it should be; the assistant has the last word.

        Raises:
            Refused: it is not so.
        """
        so_far = list(item.opening)
        for number, turn in enumerate(answer.turns, start=1):
            by_model = turn.role == "assistant" and shown.assistant == "model"
            if turn.role != _next_role(so_far) or turn.is_model != by_model:
                raise Refused("Turn {number} is not said by who should say it.", number=number)
            so_far.append(Message(role=turn.role, content=turn.text))
        if not answer.turns or answer.turns[-1].role != "assistant":
            raise Refused("A conversation ends with what the assistant says.")

    def concerns(
        self, item: DialogueItem, shown: DialogueShown, answer: DialogueAnswer, *, settings: Any, active_s: float
    ) -> list[Concern]:
        """Something not said yet, a short conversation, or an assistant who says only what was suggested."""
        spoken = [turn for turn in answer.turns if turn.role == "assistant"]
        found = []
        if answer.text.strip():
            found.append(Concern("What you wrote last is not said yet, and will not be part of the conversation."))
        if len(spoken) < settings.min_exchanges:
            least, number = settings.min_exchanges, len(spoken)
            found.append(
                Concern(
                    "The assistant speaks {number} of the {least} times that were asked for.",
                    {"number": number, "least": least},
                )
            )
        if shown.suggestions and all(_origin(turn) == "suggestion" for turn in spoken):
            found.append(Concern("The assistant says what was suggested, word for word. Would you say it so?"))
        return found

    def to_records(self, work: Work) -> list[Record]:
        """The conversation; where a person spoke for the assistant, also a demonstration of its last turn.

        Training learns all turns of the assistant in a demonstration, so one stands for the whole conversation. What a
        model said by itself is none: a model would learn from itself.
        """
        item, turns = work.item, work.answer.turns
        conversation = Conversation(
            id=work.key, opening=item.opening, turns=tuple(_recorded(turn) for turn in turns), labeler=work.labeler,
            metadata=dict(work.metadata),
        )  # fmt: skip
        if work.shown.assistant == "model":
            return [conversation]
        origins: list[JsonValue] = [_origin(turn) for turn in turns]
        prompt = Prompt(id=work.key, messages=_said(item, turns[:-1]), source="labeler", user=work.labeler.id)
        demonstration = Demonstration(
            id=work.key, prompt=prompt, response=turns[-1].text, labeler=work.labeler,
            metadata={**work.metadata, "origins": origins},
        )  # fmt: skip
        return [conversation, demonstration]

    def follow_up(self, work: Work, settings: Any, respond: Respond, draw: random.Random) -> Candidates | None:
        """Alternatives to a random message of the model's, sampled from what was said before it, to be ranked."""
        turns = work.answer.turns
        written = [
            place
            for place, turn in enumerate(turns)
            if turn.role == "assistant" and _origin(turn) in ("model", "suggestion")
        ]
        if settings.num_ranked < 2 or not written:
            return None
        place = draw.choice(written)
        before = _said(work.item, turns[:place])
        texts = _alternatives(before, turns[place].text, settings.num_ranked, respond, draw)
        if len(texts) < 2:
            return None
        models = [turns[place].model, *[respond.name] * (len(texts) - 1)]
        responses = [
            Response(id=f"{work.key}-{number}", text=text, model=model)
            for number, (text, model) in enumerate(zip(texts, models, strict=True))
        ]
        prompt = Prompt(id=work.key, messages=before, source="labeler", metadata={"turn": len(before)})
        return Candidates(id=work.key, prompt=prompt, responses=tuple(responses))


def _parsed(content: dict[str, Any]) -> DialogueAnswer:
    try:
        return DialogueAnswer.model_validate(content)
    except ValidationError:
        raise Refused("A turn may have at most {limit} characters.", limit=MAX_TURN) from None


def _next_role(messages: Sequence[Message]) -> Side:
    return "assistant" if messages and messages[-1].role == "user" else "user"


def _said(item: DialogueItem, turns: Sequence[DialogueTurn]) -> tuple[Message, ...]:
    return (*item.opening, *(Message(role=turn.role, content=turn.text) for turn in turns))


def _say(item: DialogueItem, answer: DialogueAnswer) -> DialogueAnswer:
    """What is written becomes the next turn."""
    if not answer.text.strip():
        raise Refused("Write something first.")
    turn = DialogueTurn(
        role=_next_role(_said(item, answer.turns)), text=answer.text.strip(), suggestion=answer.suggestion,
        model=answer.model,
    )  # fmt: skip
    return DialogueAnswer(turns=(*answer.turns, turn))


def _respond(item: DialogueItem, answer: DialogueAnswer, respond: Respond | None, seed: int) -> DialogueAnswer:
    """The model takes its turn."""
    text, model = _ask(_said(item, answer.turns), respond, seed)
    turn = DialogueTurn(role="assistant", text=text, is_model=True, model=model)
    return answer.model_copy(update={"turns": (*answer.turns, turn)})


def _suggest(item: DialogueItem, answer: DialogueAnswer, respond: Respond | None, seed: int) -> DialogueAnswer:
    """Another suggestion for the assistant's turn; the one before is no more."""
    before = answer.suggestion.text if answer.suggestion else ""
    text, model = _ask(_said(item, answer.turns), respond, seed, before)
    return answer.model_copy(update={"suggestion": Suggestion(text=text), "model": model})


def _take_back(answer: DialogueAnswer) -> DialogueAnswer:
    """The labeler's last turn is being written again, before what is being written already; a model's reply goes."""
    turns = answer.turns[:-1] if answer.turns and answer.turns[-1].is_model else answer.turns
    if not turns:
        raise Refused("Nothing is said yet.")
    last = turns[-1]
    text = "\n\n".join(part for part in (last.text, answer.text.strip()) if part)
    kept = {"turns": turns[:-1], "text": text, "suggestion": last.suggestion, "model": last.model}
    return _parsed(kept)


def _ask(messages: Sequence[Message], respond: Respond | None, seed: int, *key: str) -> tuple[str, str]:
    """What the model says next, which the conversation, seed and key decide; and the model's name."""
    if respond is None:
        raise Refused("No model is served here now. Ask an admin to start one.")
    if _next_role(messages) != "assistant":
        raise Refused("It is the user's turn.")
    said: list[JsonValue] = [[message.role, message.content] for message in messages]
    for number in range(MAX_TRIES):
        text = respond(messages, seed=int(canonical_hash([seed, number, said, list(key)])[:12], 16)).strip()[:MAX_TURN]
        if text:
            return text, respond.name
    raise Refused("The model has nothing to say to this.")


def _origin(turn: DialogueTurn) -> Literal["typed", "model", "suggestion", "edited_suggestion"]:
    return "model" if turn.is_model else origin_of(turn.text, turn.suggestion)


def _recorded(turn: DialogueTurn) -> Turn:
    suggested = None if turn.suggestion is None else turn.suggestion.text
    return Turn(
        role=turn.role, content=turn.text, origin=_origin(turn), suggestion=suggested, model=turn.model,
        distance=None if suggested is None else round(word_distance(suggested, turn.text), 4),
    )  # fmt: skip


def _alternatives(
    before: Sequence[Message], original: str, num: int, respond: Respond, draw: random.Random
) -> list[str]:
    """The original and others that differ from it, as many as a few tries find."""
    texts = [original]
    for _ in range(MAX_TRIES * (num - 1)):
        text = respond(before, seed=draw.getrandbits(48)).strip()[:MAX_TURN]
        if text and text not in texts:
            texts.append(text)
        if len(texts) == num:
            break
    return texts
