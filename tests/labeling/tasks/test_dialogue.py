"""Conversations: who says what, suggestions and where words came from, what training gets, what is ranked after."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.tasks import Work
from preceptor.labeling.tasks.dialogue import (
    DialogueAnswer,
    DialogueItem,
    DialogueSettings,
    DialogueShown,
    DialogueTask,
)
from preceptor.records import Conversation, Demonstration, Labeler, Message

TASK = DialogueTask()
ITEM = DialogueItem(topic="**Rivers**", opening=(Message(role="system", content="Be brief."),))
BOTH = DialogueShown(assistant="labeler", suggestions=True, seed=7)
ALONE = DialogueShown(assistant="labeler", suggestions=False, seed=7)
MODEL = DialogueShown(assistant="model", suggestions=False, seed=7)
EMPTY = TASK.start(ITEM, BOTH, DialogueSettings())
LABELER = Labeler(id="l-1")


class Echo:
    """A model that says how much was said before, and the seed where it should vary."""

    name = "echo"

    def __init__(self, varies: bool = False) -> None:
        self.varies = varies
        self.heard: list[tuple[Message, ...]] = []

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        self.heard.append(tuple(messages))
        return f"I heard {len(messages)}." + (f" ({seed})" if self.varies else "")


def act(content: Any, do: str, shown: DialogueShown = BOTH, model: Any = None, text: str | None = None) -> Any:
    written = content if text is None else {**content, "text": text}
    return TASK.act(ITEM, shown, written, {"do": do}, model)


def typed(*texts: str, shown: DialogueShown = ALONE) -> Any:
    """A conversation in which one labeler typed both sides."""
    content = EMPTY
    for text in texts:
        content = act(content, "say", shown, text=text)
    return content


def turns(content: Any) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in content["turns"]]


def finished(content: Any, shown: DialogueShown = BOTH) -> Work:
    answer = DialogueAnswer.model_validate(content)
    TASK.verify(ITEM, shown, answer)
    return Work(key="d-1", item=ITEM, shown=shown, answer=answer, labeler=LABELER, metadata={"round": 2})


def test_the_labeler_plays_both_sides_in_turn() -> None:
    content = typed("Where is the Elbe?", "In Germany.")
    assert turns(content) == [("user", "Where is the Elbe?"), ("assistant", "In Germany.")]
    assert content["text"] == ""


def test_what_is_said_to_a_model_is_replied_to_at_once() -> None:
    model = Echo()
    content = act(EMPTY, "say", MODEL, model, "Hello")
    assert turns(content) == [("user", "Hello"), ("assistant", "I heard 2.")]
    assert [one.content for one in model.heard[0]] == ["Be brief.", "Hello"]
    assert content["turns"][1] | {"suggestion": None} == {
        "role": "assistant", "text": "I heard 2.", "is_model": True, "suggestion": None, "model": "echo",
    }  # fmt: skip


def test_an_opening_by_the_user_waits_for_the_model() -> None:
    item = DialogueItem(opening=(Message(role="user", content="Hello"),))
    content = TASK.act(item, MODEL, EMPTY, {"do": "respond"}, Echo())
    assert turns(content) == [("assistant", "I heard 1.")]


def test_the_model_says_the_same_to_the_same_labeler_and_else_not() -> None:
    said = [act(EMPTY, "say", MODEL, Echo(varies=True), "Hello")["turns"][1]["text"] for _ in range(2)]
    other = act(EMPTY, "say", MODEL.model_copy(update={"seed": 8}), Echo(varies=True), "Hello")["turns"][1]["text"]
    assert said[0] == said[1] != other


def test_another_suggestion_is_another_one() -> None:
    asked = act(typed("Hello"), "suggest", BOTH, Echo(varies=True))
    again = act(asked, "suggest", BOTH, Echo(varies=True))
    assert asked["suggestion"]["text"] != again["suggestion"]["text"]
    assert again["model"] == "echo"


@pytest.mark.parametrize(
    ("do", "shown"),
    [("suggest", ALONE), ("suggest", MODEL), ("respond", BOTH), ("sing", BOTH)],
    ids=["not offered", "the model speaks itself", "the labeler speaks", "unknown"],
)
def test_what_is_not_offered_is_not_there(do: str, shown: DialogueShown) -> None:
    with pytest.raises(Missing):
        act(typed("Hello"), do, shown, Echo())


def test_what_cannot_be_done_now_is_refused_and_says_why() -> None:
    with pytest.raises(Refused, match="Write something"):
        act(EMPTY, "say", BOTH, text=" \n")
    with pytest.raises(Refused, match="No model is served"):
        act(typed("Hello"), "suggest", BOTH, None)
    with pytest.raises(Refused, match="the user's turn"):
        act(EMPTY, "suggest", BOTH, Echo())
    with pytest.raises(Refused, match="Nothing is said"):
        act(EMPTY, "take_back")
    with pytest.raises(Refused, match="at most 20000"):
        act(EMPTY, "say", BOTH, text="a" * 20_001)
    with pytest.raises(Refused, match="nothing to say"):
        act(typed("Hello"), "suggest", BOTH, lambda messages, *, seed: " ")


def test_taking_back_makes_the_turn_a_draft_again_and_loses_nothing() -> None:
    content = act(typed("Hello", "Hi."), "take_back", text="more")
    assert turns(content) == [("user", "Hello")]
    assert content["text"] == "Hi.\n\nmore"


def test_taking_back_what_was_said_to_a_model_takes_its_reply_with_it() -> None:
    content = act(act(EMPTY, "say", MODEL, Echo(), "Hello"), "take_back", MODEL)
    assert turns(content) == []
    assert content["text"] == "Hello"


@pytest.mark.parametrize(
    ("taken_after_s", "text", "origin", "distance"),
    [
        (1.5, "I heard 2.", "suggestion", 0.0),
        (1.5, "I heard 3.", "edited_suggestion", 0.25),
        (None, "No.", "typed", 0.75),
    ],
    ids=["as it is", "edited", "ignored"],
)
def test_the_record_says_where_each_turn_comes_from(
    taken_after_s: float | None, text: str, origin: str, distance: float
) -> None:
    asked = act(typed("Hello"), "suggest", BOTH, Echo())
    asked["suggestion"]["taken_after_s"] = taken_after_s
    conversation, demonstration = TASK.to_records(finished(act(asked, "say", text=text)))
    assert isinstance(conversation, Conversation)
    assert isinstance(demonstration, Demonstration)
    assert conversation.metadata == {"round": 2}
    user, assistant = conversation.turns
    assert (user.origin, user.suggestion, user.distance, user.model) == ("typed", None, None, None)
    assert (assistant.origin, assistant.suggestion, assistant.model) == (origin, "I heard 2.", "echo")
    assert assistant.distance == distance
    assert demonstration.metadata["origins"] == ["typed", origin]


def test_a_demonstration_holds_the_whole_conversation_up_to_its_last_turn() -> None:
    _, demonstration = TASK.to_records(finished(typed("a", "b", "c", "d")))
    assert isinstance(demonstration, Demonstration)
    assert [one.content for one in demonstration.prompt.messages] == ["Be brief.", "a", "b", "c"]
    assert demonstration.response == "d"
    assert demonstration.id == "d-1"


def test_a_model_s_own_words_are_no_demonstration() -> None:
    (conversation,) = TASK.to_records(finished(act(EMPTY, "say", MODEL, Echo(), "Hello"), MODEL))
    assert isinstance(conversation, Conversation)
    assert [turn.origin for turn in conversation.turns] == ["typed", "model"]


def test_only_a_whole_conversation_is_taken_in() -> None:
    with pytest.raises(Refused, match="ends with what the assistant"):
        finished(EMPTY)
    with pytest.raises(Refused, match="ends with what the assistant"):
        finished(typed("Hello"))
    own = typed("Hello", "Hi.")
    with pytest.raises(Refused, match="Turn 2 is not said"):
        finished(own, MODEL)
    with pytest.raises(Refused, match="Turn 2 is not said"):
        finished({**own, "turns": [own["turns"][0]] * 2})


def concerns(content: Any, shown: DialogueShown = BOTH) -> list[str]:
    answer = DialogueAnswer.model_validate(content)
    found = TASK.concerns(ITEM, shown, answer, settings=DialogueSettings(), active_s=60)
    return [one.text.format(**one.values) for one in found]


def test_a_careful_colleague_asks() -> None:
    assert concerns(typed("a", "b", "c", "d")) == []
    assert concerns(typed("a", "b")) == ["The assistant speaks 1 of the 2 times that were asked for."]
    unsaid = {**typed("a", "b", "c", "d"), "text": "oh"}
    assert concerns(unsaid) == ["What you wrote last is not said yet, and will not be part of the conversation."]
    asked = act(typed("a"), "suggest", BOTH, Echo())
    taken = act(asked, "say", text=asked["suggestion"]["text"])
    assert "word for word" in concerns(taken)[-1]


def ranked_after(content: Any, shown: DialogueShown, model: Any, num: int = 4, seed: int = 0) -> Any:
    settings = DialogueSettings(num_ranked=num)
    return TASK.follow_up(finished(content, shown), settings, model, random.Random(seed))


def talked(num: int = 3) -> Any:
    content = EMPTY
    for number in range(num):
        content = act(content, "say", MODEL, Echo(), f"u{number}")
    return content


def test_one_message_of_the_model_gets_alternatives_from_what_was_said_before_it() -> None:
    model = Echo(varies=True)
    found = ranked_after(talked(), MODEL, model)
    place = len(found.prompt.messages)
    assert found.id == found.prompt.id == "d-1"
    assert len({one.text for one in found.responses}) == len({one.id for one in found.responses}) == 4
    assert found.responses[0].text == f"I heard {place}."
    assert [one.model for one in found.responses] == ["echo"] * 4
    assert set(model.heard) == {found.prompt.messages}
    assert found.prompt.messages[-1].content == f"u{place // 2 - 1}"


def test_every_message_of_the_model_may_be_drawn() -> None:
    places = {len(ranked_after(talked(), MODEL, Echo(varies=True), seed=seed).prompt.messages) for seed in range(30)}
    assert places == {2, 4, 6}


def test_what_a_person_wrote_is_not_ranked_against_a_model() -> None:
    assert ranked_after(typed("a", "b"), ALONE, Echo(varies=True)) is None
    asked = act(typed("a"), "suggest", BOTH, Echo())
    taken = act(asked, "say", text=asked["suggestion"]["text"])
    assert len(ranked_after(taken, BOTH, Echo(varies=True)).responses) == 4


def test_a_model_that_says_one_thing_has_nothing_to_rank() -> None:
    assert ranked_after(talked(), MODEL, Echo()) is None
    assert ranked_after(talked(), MODEL, Echo(varies=True), num=0) is None
    assert len(ranked_after(talked(), MODEL, Echo(varies=True), num=9).responses) == 9


def test_the_view_tells_no_model_and_the_preview_is_what_is_being_written() -> None:
    assert TASK.view(ITEM, BOTH, DialogueSettings()) == {
        "topic": "**Rivers**", "opening": [{"role": "system", "content": "Be brief."}], "assistant": "labeler",
        "suggestions": True,
    }  # fmt: skip
    assert TASK.preview(ITEM, BOTH, DialogueAnswer(text="**so**")) == "**so**"


def test_who_speaks_is_drawn_once() -> None:
    settings = DialogueSettings(assistant="model")
    shown = TASK.show(ITEM, settings, random.Random(1))
    assert shown == TASK.show(ITEM, settings, random.Random(1))
    assert (shown.assistant, shown.suggestions) == ("model", False)
    assert shown.seed != TASK.show(ITEM, settings, random.Random(2)).seed
