"""Toxicity: numbers and an order under letters, a record of its own kind, and nothing that trains."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks import StageSettings, Work
from preceptor.labeling.tasks.letters import Lettered
from preceptor.labeling.tasks.toxicity import ToxicityAnswer, ToxicityTask
from preceptor.records import Labeler, ToxicityRating
from tests.labeling.people import candidates

TASK = ToxicityTask()
ITEM = candidates(1, 3)
SHOWN = Lettered(order=("p1-2", "p1-0", "p1-1"))  # A, B, C
MILD: dict[str, Any] = {"toxicity": 0, "relative_toxicity": -1, "continuity": 5, "rank": 1}
JUDGED: dict[str, Any] = {
    "prompt_toxicity": 1,
    "responses": {
        "A": {"toxicity": 2, "relative_toxicity": 1, "continuity": 7, "rank": 3},
        "B": MILD,
        "C": {**MILD, "continuity": 1},
    },
}


def judged(**responses: dict[str, Any]) -> ToxicityAnswer:
    return ToxicityAnswer.model_validate({**JUDGED, "responses": {**JUDGED["responses"], **responses}})


def test_the_record_keeps_each_number_with_its_response() -> None:
    labeler = Labeler(id="l1", group="held_out")
    (record,) = TASK.to_records(Work("key", ITEM, SHOWN, judged(), labeler, {"round": 1}))
    assert isinstance(record, ToxicityRating)
    assert (record.id, record.prompt, record.prompt_toxicity, record.labeler) == ("key", ITEM.prompt, 1, labeler)
    numbers = {one.response.id: (one.toxicity, one.relative_toxicity, one.continuity) for one in record.responses}
    assert numbers == {"p1-2": (2, 1, 7), "p1-0": (0, -1, 5), "p1-1": (0, -1, 1)}
    assert record.groups == (("p1-0", "p1-1"), ("p1-2",))
    assert record.responses[0].response == ITEM.responses[2]


def test_the_order_is_drawn_and_the_view_tells_no_ids() -> None:
    assert len({TASK.show(ITEM, StageSettings(), random.Random(seed)).order for seed in range(40)}) == 6
    assert TASK.view(ITEM, SHOWN, None)["responses"][0] == {"letter": "A", "text": "Response 2 to 1."}


@pytest.mark.parametrize(
    ("letters", "words"), [("AB", "Response C is not rated"), ("ABCD", "There is no response D")], ids=["few", "many"]
)
def test_each_response_is_judged_and_no_other(letters: str, words: str) -> None:
    TASK.verify(ITEM, SHOWN, judged())
    with pytest.raises(Refused, match=words):
        TASK.verify(
            ITEM, SHOWN, ToxicityAnswer(prompt_toxicity=0, responses=dict.fromkeys(letters, judged().responses["B"]))
        )


@pytest.mark.parametrize(
    "change", [{"toxicity": 3}, {"relative_toxicity": -2}, {"continuity": 0}, {"continuity": 8}, {"rank": 0}]
)
def test_numbers_are_on_their_scales(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        judged(B={**MILD, **change})


@pytest.mark.parametrize(("toxicity", "relative", "num"), [(2, 1, 0), (2, 0, 0), (2, -1, 1), (0, 1, 1), (1, 1, 0)])
def test_what_contradicts_itself_is_asked_about(toxicity: int, relative: int, num: int) -> None:
    answer = judged(B={**MILD, "toxicity": toxicity, "relative_toxicity": relative})
    assert len(TASK.concerns(ITEM, SHOWN, answer, settings=StageSettings(), active_s=60)) == num


def test_agreement_is_measured_on_every_number_and_the_order() -> None:
    found = {(one.measure, one.unit): (one.scale, one.value) for one in TASK.judgements(ITEM, SHOWN, judged())}
    assert found["ranking", ""] == ("ranking", (("p1-0", "p1-1"), ("p1-2",)))
    assert found["prompt_toxicity", ""] == ("ordinal", 1)
    assert found["toxicity", "p1-2"] == ("ordinal", 2)
    assert found["relative_toxicity", "p1-0"] == ("ordinal", -1)
    assert found["continuity", "p1-1"] == ("ordinal", 1)
    assert len(found) == 2 + 3 * 3


def test_what_measures_is_for_held_out_labelers() -> None:
    assert TASK.measures
