"""Demonstrations: what is shown and kept, suggestions and where words came from."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.tasks import Work
from preceptor.labeling.tasks.demonstration import (
    DemonstrationAnswer,
    DemonstrationSettings,
    DemonstrationShown,
    DemonstrationTask,
)
from preceptor.records import Demonstration, Labeler, Message, Prompt

TASK = DemonstrationTask()
ITEM = Prompt(
    id="p1", user="customer", metadata={"model": "sft-1"},
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="Where is **Paris**?")),
)  # fmt: skip
OFFERED = DemonstrationShown(suggestions=True)
CONTENT: dict[str, Any] = {"response": "In France.", "pasted_share": 0.0, "suggestion": None, "model": None}


class Model:
    """Says always the same, and remembers what it was asked."""

    name = "sft-1"

    def __init__(self) -> None:
        self.asked: list[Sequence[Message]] = []

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        self.asked.append(messages)
        return "France."


def concerns(answer: DemonstrationAnswer, active_s: float = 60) -> list[str]:
    found = TASK.concerns(ITEM, OFFERED, answer, settings=DemonstrationSettings(), active_s=active_s)
    return [one.text.format(**one.values) for one in found]


def test_suggestions_are_off_until_a_stage_turns_them_on() -> None:
    assert TASK.show(ITEM, DemonstrationSettings(), random.Random(0)) == DemonstrationShown(suggestions=False)
    assert TASK.show(ITEM, DemonstrationSettings(suggestions=True), random.Random(0)) == OFFERED


def test_the_view_is_the_conversation_and_nothing_else() -> None:
    view = TASK.view(ITEM, OFFERED, DemonstrationSettings())
    assert view == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is **Paris**?"}],
        "suggestions": True,
    }


def test_a_model_suggests_once() -> None:
    model = Model()
    content = TASK.act(ITEM, OFFERED, CONTENT, {"do": "suggest"}, model)
    assert content == {**CONTENT, "suggestion": {"text": "France.", "taken_after_s": None}, "model": "sft-1"}
    assert TASK.act(ITEM, OFFERED, content, {"do": "suggest"}, model) == content
    assert model.asked == [ITEM.messages]


def test_no_suggestion_where_there_is_none() -> None:
    with pytest.raises(Missing):
        TASK.act(ITEM, DemonstrationShown(), CONTENT, {"do": "suggest"}, Model())
    with pytest.raises(Missing):
        TASK.act(ITEM, OFFERED, CONTENT, {"do": "something"}, Model())
    with pytest.raises(Refused, match="No model"):
        TASK.act(ITEM, OFFERED, CONTENT, {"do": "suggest"}, None)


@pytest.mark.parametrize("response", ["", " \n\t"])
def test_an_empty_response_is_refused(response: str) -> None:
    with pytest.raises(Refused, match="Write the response"):
        TASK.verify(ITEM, OFFERED, DemonstrationAnswer(response=response))


def test_it_is_asked_whose_words_these_are() -> None:
    suggestion = {"text": "In France.", "taken_after_s": 1.0}
    own = DemonstrationAnswer.model_validate(CONTENT)
    pasted = DemonstrationAnswer.model_validate({**CONTENT, "pasted_share": 0.5})
    as_is = DemonstrationAnswer.model_validate({**CONTENT, "suggestion": suggestion})
    assert concerns(own) == []
    assert concerns(DemonstrationAnswer.model_validate({**CONTENT, "pasted_share": 0.49})) == []
    assert concerns(pasted) == ["Pasted from elsewhere: 50 %. Is this your own work?"]
    assert concerns(own, active_s=19) == ["That was quick. Is it the best response that you can write?"]
    assert len(concerns(as_is, active_s=1)) == 1
    assert "word for word" in concerns(as_is)[0]


@pytest.mark.parametrize(
    ("suggestion", "provenance"),
    [
        (None, {"origin": "typed"}),
        ({"text": "In Spain.", "taken_after_s": None}, {"origin": "typed", "distance": 0.3333}),
        ({"text": "In France.", "taken_after_s": 2.5}, {"origin": "suggestion", "distance": 0.0}),
        ({"text": "In Europe.", "taken_after_s": 2.5}, {"origin": "edited_suggestion", "distance": 0.3333}),
    ],
    ids=["none", "ignored", "taken as it is", "edited"],
)
def test_the_record_says_where_its_words_came_from(
    suggestion: dict[str, Any] | None, provenance: dict[str, Any]
) -> None:
    labeler = Labeler(id="l1")
    content = {**CONTENT, "pasted_share": 1 / 3, "suggestion": suggestion, "model": suggestion and "sft-1"}
    answer = DemonstrationAnswer.model_validate(content)
    work = Work(key="p1", item=ITEM, shown=OFFERED, answer=answer, labeler=labeler, metadata={"round": 2})
    metadata = {"round": 2, "pasted_share": 0.3333, **provenance}
    if suggestion:
        metadata |= {"suggestion": suggestion["text"], "taken_after_s": suggestion["taken_after_s"], "model": "sft-1"}
    assert TASK.to_records(work) == [
        Demonstration(id="p1", prompt=ITEM, response="In France.", labeler=labeler, metadata=metadata)
    ]


def test_the_preview_is_the_response() -> None:
    assert TASK.preview(ITEM, OFFERED, DemonstrationAnswer(response="**so**")) == "**so**"
