"""Labels of a prompt: what is asked, what is kept, and that they never pass for a classifier's."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks import Work
from preceptor.labeling.tasks.prompt_labels import (
    PROPERTIES,
    PromptLabelsAnswer,
    PromptLabelsSettings,
    PromptLabelsShown,
    PromptLabelsTask,
)
from preceptor.records import USE_CASES, Labeler, Message, Prompt

TASK = PromptLabelsTask()
GUESSED = Prompt(
    id="p1", messages=(Message(role="user", content="Tell a story."),), use_case="chat", metadata={"page": 3}
)
ALL = PromptLabelsShown()
SOME = PromptLabelsShown(properties=("ambiguous", "closed_domain"))


def labeled(shown: PromptLabelsShown, item: Prompt = GUESSED, **content: Any) -> Prompt:
    answer = PromptLabelsAnswer.model_validate(content)
    TASK.verify(item, shown, answer)
    labeler = Labeler(id="l1", group="held_out", origin="simulated")
    (record,) = TASK.to_records(Work("key", item, shown, answer, labeler, {"round": 2}))
    assert isinstance(record, Prompt)
    return record


def test_there_are_the_tables_of_the_paper() -> None:
    assert (len(USE_CASES), len(PROPERTIES)) == (10, 11)


def test_what_was_said_before_is_not_shown() -> None:
    view = TASK.view(GUESSED, SOME, None)
    assert view["messages"] == [{"role": "user", "content": "Tell a story."}]
    assert set(view) == {"messages", "use_cases", "properties"}
    assert view["properties"] == ["ambiguous", "closed_domain"]


def test_a_stage_asks_about_the_properties_that_it_wants() -> None:
    settings = PromptLabelsSettings(properties=("ambiguous", "closed_domain"))
    assert TASK.show(GUESSED, settings, random.Random(0)) == SOME
    assert TASK.show(GUESSED, PromptLabelsSettings(), random.Random(0)) == ALL


def test_the_prompt_carries_the_labels_and_who_gave_them() -> None:
    record = labeled(SOME, use_case="generation", properties=["ambiguous"])
    assert (record.id, record.messages, record.use_case) == ("p1", GUESSED.messages, "generation")
    assert record.metadata == {
        "page": 3, "round": 2, "use_case_before": "chat",
        "labels": {
            "use_case": "generation", "properties": {"ambiguous": True, "closed_domain": False},
            "labeler": "l1", "labeler_group": "held_out", "origin": "simulated",
        },
    }  # fmt: skip


def test_without_a_guess_there_is_none_to_keep() -> None:
    record = labeled(SOME, GUESSED.model_copy(update={"use_case": None}), use_case="chat")
    assert "use_case_before" not in record.metadata


def test_what_was_not_asked_is_not_known() -> None:
    properties = labeled(SOME, use_case="chat").metadata["labels"]["properties"]  # type: ignore[index,call-overload]
    assert properties == {"ambiguous": False, "closed_domain": False}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "Choose the use case"),
        ({"use_case": "chat", "properties": ["sensitive"]}, "Nobody asked about “sensitive”"),
    ],
)
def test_what_is_not_an_answer_is_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        labeled(SOME, **content)


@pytest.mark.parametrize("content", [{"use_case": "poetry"}, {"use_case": "chat", "properties": ["long"]}])
def test_there_are_no_others(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PromptLabelsAnswer.model_validate(content)


def test_who_finds_the_intent_unclear_is_reminded_of_skipping() -> None:
    for properties, num in (([], 0), (["ambiguous"], 0), (["intent_unclear"], 1)):
        answer = PromptLabelsAnswer.model_validate({"use_case": "chat", "properties": properties})
        assert len(TASK.concerns(GUESSED, ALL, answer, settings=PromptLabelsSettings(), active_s=60)) == num


def test_agreement_is_measured_on_what_was_asked() -> None:
    answer = PromptLabelsAnswer(use_case="chat", properties=("ambiguous",))
    use_case, properties = TASK.judgements(GUESSED, SOME, answer)
    assert use_case == ("use_case", "nominal", "", "chat", ())
    assert properties == ("properties", "flags", "", ("ambiguous",), ("ambiguous", "closed_domain"))
