"""Prompts that labelers write: plain, for a use case, and an instruction with examples that makes several."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks import Work
from preceptor.labeling.tasks.prompt import PromptAnswer, PromptRequest, PromptSettings, PromptShown, PromptTask
from preceptor.records import Demonstration, Labeler, Prompt, Record, split_by_group

TASK = PromptTask()
ITEM = PromptRequest()
PLAIN = PromptShown()
FEW_SHOT = PromptShown(kind="few_shot")
SENTIMENT: dict[str, Any] = {
    "text": "Say how the tweet sounds.\n",
    "examples": [
        {"prompt": "What a day!", "response": "glad"},
        {"prompt": "", "response": " "},
        {"prompt": "Rain again.", "response": "sad "},
        {"prompt": "Bus at 8.", "response": "neither"},
    ],
    "prompt_name": "Tweet", "response_name": "Sound",
}  # fmt: skip


def sentiment(**change: Any) -> PromptAnswer:
    return PromptAnswer.model_validate({**SENTIMENT, **change})


def records(shown: PromptShown, answer: PromptAnswer, key: str = "slot-1") -> list[Record]:
    work = Work(key=key, item=ITEM, shown=shown, answer=answer, labeler=Labeler(id="l1"), metadata={"round": 1})
    return TASK.to_records(work)


def concerns(shown: PromptShown, answer: PromptAnswer, active_s: float = 60) -> list[str]:
    found = TASK.concerns(ITEM, shown, answer, settings=PromptSettings(), active_s=active_s)
    return [one.text.format(**one.values) for one in found]


def test_use_cases_are_drawn_and_all_have_their_turn() -> None:
    settings = PromptSettings(prompt_kind="user_based", use_cases=("a tutor", "a shop", "a game"))
    drawn = [TASK.show(ITEM, settings, random.Random(seed)) for seed in range(60)]
    assert {shown.use_case for shown in drawn} == set(settings.use_cases)
    assert {shown.kind for shown in drawn} == {"user_based"}
    assert TASK.show(ITEM, settings, random.Random(7)) == TASK.show(ITEM, settings, random.Random(7))
    assert TASK.view(ITEM, drawn[0], settings) == {"kind": "user_based", "use_case": drawn[0].use_case}


@pytest.mark.parametrize(
    "settings", [{"prompt_kind": "user_based"}, {"prompt_kind": "plain", "use_cases": ["a shop"]}], ids=["none", "idle"]
)
def test_a_stage_has_use_cases_exactly_where_they_are_used(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="use cases"):
        PromptSettings.model_validate(settings)


def test_a_plain_prompt_is_one_record() -> None:
    (prompt,) = records(PLAIN, PromptAnswer(text="  Where is Paris? "))
    assert isinstance(prompt, Prompt)
    assert prompt.messages[0].content == "Where is Paris?"
    assert (prompt.source, prompt.user, prompt.use_case) == ("labeler", "l1", None)
    assert prompt.metadata == {"round": 1, "kind": "plain"}


def test_a_prompt_for_a_use_case_says_for_which() -> None:
    (prompt,) = records(PromptShown(kind="user_based", use_case="a tutor"), PromptAnswer(text="Where is Paris?"))
    assert prompt.metadata == {"round": 1, "kind": "user_based", "asked_for": "a tutor"}  # type: ignore[attr-defined]


def test_two_prompts_for_one_item_have_two_ids() -> None:
    ids = [records(PLAIN, PromptAnswer(text=text))[0].id for text in ("Where is Paris?", "Where is Rome?")]  # type: ignore[attr-defined]
    assert len(set(ids)) == 2
    assert all(one.startswith("slot-1-") for one in ids)
    assert records(PLAIN, PromptAnswer(text="Where is Rome?"))[0].id == ids[1]  # type: ignore[attr-defined]


def test_k_examples_make_k_prompts_that_each_ask_for_one() -> None:
    made = records(FEW_SHOT, sentiment())
    prompts = [row for row in made if isinstance(row, Prompt)]
    demonstrations = [row for row in made if isinstance(row, Demonstration)]
    assert [row.response for row in demonstrations] == ["glad", "sad", "neither"]
    assert [row.prompt for row in demonstrations] == prompts
    assert len({row.id for row in prompts}) == 3
    assert prompts[1].messages[0].content == (
        "Say how the tweet sounds.\n\n"
        "Tweet: What a day!\nSound: glad\n\n"
        "Tweet: Bus at 8.\nSound: neither\n\n"
        "Tweet: Rain again.\nSound:"
    )
    assert prompts[1].metadata == {"round": 1, "kind": "few_shot", "instruction": "Say how the tweet sounds.\n"}


def test_prompts_of_one_instruction_stay_in_one_split() -> None:
    prompts = [row for row in records(FEW_SHOT, sentiment()) if isinstance(row, Prompt)]
    for seed in range(20):
        assert len({row.split for row in split_by_group(prompts, seed, {"train": 0.5, "test": 0.5})}) == 1


def test_the_preview_is_the_last_of_the_prompts() -> None:
    last = [row for row in records(FEW_SHOT, sentiment()) if isinstance(row, Prompt)][-1]
    assert TASK.preview(ITEM, FEW_SHOT, sentiment()) == last.messages[0].content
    assert TASK.preview(ITEM, FEW_SHOT, sentiment(examples=[])) == "Say how the tweet sounds.\n"
    assert TASK.preview(ITEM, PLAIN, PromptAnswer(text="**so**")) == "**so**"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": " \n"}, "Write the prompt first"),
        ({"examples": SENTIMENT["examples"][:2]}, "Write at least 2 examples"),
        ({"examples": [{"prompt": "a", "response": "b"}, {"prompt": "c", "response": " "}]}, "Example 2 is only half"),
        ({"response_name": " "}, "Give both parts of the examples a name"),
    ],
)
def test_what_is_not_finished_is_refused(change: dict[str, Any], words: str) -> None:
    TASK.verify(ITEM, FEW_SHOT, sentiment())
    with pytest.raises(Refused, match=words):
        TASK.verify(ITEM, FEW_SHOT, sentiment(**change))


def test_a_plain_prompt_needs_no_examples() -> None:
    TASK.verify(ITEM, PLAIN, PromptAnswer(text="Where is Paris?"))
    with pytest.raises(Refused, match="Write the prompt first"):
        TASK.verify(ITEM, PLAIN, PromptAnswer(text=" "))


def test_the_first_draft_is_a_form_to_fill_in() -> None:
    assert TASK.start(ITEM, PLAIN, None) == {"text": ""}
    begun = PromptAnswer.model_validate(TASK.start(ITEM, FEW_SHOT, None))
    assert len(begun.examples) == 3
    assert begun.written == ()


def test_same_examples_and_haste_are_asked_about() -> None:
    twice = [{"prompt": "a", "response": "b"}, {"prompt": "c", "response": "d"}, {"prompt": "a ", "response": "e"}]
    assert concerns(FEW_SHOT, sentiment()) == []
    assert concerns(FEW_SHOT, sentiment(examples=twice)) == ["Examples 1 and 3 are the same."]
    assert concerns(FEW_SHOT, sentiment(examples=[{}, {}])) == []
    assert "quick" in concerns(PLAIN, PromptAnswer(text="Hi"), active_s=2)[0]
