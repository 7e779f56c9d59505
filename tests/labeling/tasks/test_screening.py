"""The sheet for candidates: what is asked, what is refused, and under what name agreement finds it."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks import Judgement, StageSettings
from preceptor.labeling.tasks.screening import ScreeningAnswer, ScreeningItem, ScreeningShown, ScreeningTask
from tests.labeling.people import candidates

TASK = ScreeningTask()
ROW = candidates(1, 2)
ITEM = ScreeningItem(prompt=ROW.prompt, responses=ROW.responses, topics=("Football", "Religion"))
SHOWN = ScreeningShown(order=("p1-1", "p1-0"))
GOOD: dict[str, Any] = {"sensitive": {"prompt": False, "A": True, "B": False}, "topics": ["Football"]}


def verify(**change: Any) -> None:
    TASK.verify(ITEM, SHOWN, ScreeningAnswer.model_validate({**GOOD, **change}))


def test_the_texts_come_in_a_random_order_under_letters() -> None:
    orders = {TASK.show(ITEM, StageSettings(), random.Random(seed)).order for seed in range(20)}
    assert orders == {("p1-0", "p1-1"), ("p1-1", "p1-0")}
    assert TASK.view(ITEM, SHOWN, StageSettings()) == {
        "before": [],
        "texts": [
            {"name": "prompt", "text": "Say **1** nicely."},
            {"name": "A", "text": "Response 1 to 1."},
            {"name": "B", "text": "Response 0 to 1."},
        ],
        "topics": ["Football", "Religion"],
    }


def test_every_text_must_be_judged_and_nothing_else() -> None:
    verify()
    with pytest.raises(Refused, match="whether the prompt is"):
        verify(sensitive={"A": True, "B": True})
    with pytest.raises(Refused, match="whether response B is"):
        verify(sensitive={"prompt": True, "A": True})
    with pytest.raises(Refused, match="no 'C' here"):
        verify(sensitive={**GOOD["sensitive"], "C": True})
    with pytest.raises(Refused, match="no 'Chess' here"):
        verify(topics=["Chess"])


def test_agreement_finds_each_text_by_its_id() -> None:
    found = TASK.judgements(ITEM, SHOWN, ScreeningAnswer.model_validate(GOOD))
    assert found == [
        Judgement("sensitive", "nominal", "p1-1", True),
        Judgement("sensitive", "nominal", "p1-0", False),
        Judgement("sensitive", "nominal", "prompt", False),
    ]


def test_it_is_asked_about_topics_and_haste() -> None:
    quick = TASK.concerns(
        ITEM, SHOWN, ScreeningAnswer(sensitive=GOOD["sensitive"]), settings=StageSettings(), active_s=1
    )
    assert [one.text for one in quick] == [
        "You chose no topic.", "That was quick. Did you read every text to its end?",
    ]  # fmt: skip
    other = ScreeningAnswer(sensitive=GOOD["sensitive"], other_topics="Chess")
    assert TASK.concerns(ITEM, SHOWN, other, settings=StageSettings(), active_s=60) == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"responses": ROW.responses, "topics": ("Football",)},
        {"prompt": ROW.prompt, "responses": (ROW.responses[0], ROW.responses[0])},
    ],
    ids=["nothing asked", "responses to nothing", "two of one id"],
)
def test_an_item_asks_something(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScreeningItem(**fields)
