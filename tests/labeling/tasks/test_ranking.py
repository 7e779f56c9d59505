"""Rating and ranking: order, ties and a hidden duplicate under letters; what is asked about; rankings and ratings."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks import Work
from preceptor.labeling.tasks.ranking import RankingAnswer, RankingSettings, RankingShown, RankingTask
from preceptor.records import FLAGS, Labeler, Ranking, Rating
from tests.labeling.people import candidates, ranked

TASK = RankingTask()
ITEM = candidates(1, 3)
SHOWN = RankingShown(order=("p1-2", "p1-0", "p1-1"), board="sorted")  # A, B, C
TWICE = RankingShown(order=("p1-2", "p1-0", "p1-1", "p1-0"), board="empty")  # B and D are the same
LABELER = Labeler(id="l1", group="training")


def answer(*groups: str, likert: dict[str, int] | None = None, **changes: Any) -> RankingAnswer:
    """`answer("AB", "C")` ties A and B before C; all are rated 4 where nothing else is said."""
    content = ranked([letter for group in groups for letter in group])
    content["groups"] = [list(group) for group in groups]
    for letter, points in (likert or {}).items():
        content["ratings"][letter]["likert"] = points
    return RankingAnswer.model_validate({**content, **changes})


def test_the_order_is_drawn_and_the_view_tells_no_ids() -> None:
    assert len({TASK.show(ITEM, RankingSettings(), random.Random(seed)).order for seed in range(60)}) == 6
    view = TASK.view(ITEM, SHOWN, None)
    assert view["responses"][0] == {"letter": "A", "text": "Response 2 to 1."}
    assert "p1-" not in str(view)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_as_many_boards_are_empty_and_responses_doubled_as_the_stage_says(share: float) -> None:
    settings = RankingSettings(empty_board_share=share, duplicate_share=share)
    drawn = [TASK.show(ITEM, settings, random.Random(seed)) for seed in range(400)]
    assert sum(one.board == "empty" for one in drawn) / 400 == pytest.approx(share, abs=0.07)
    assert sum(one.duplicate is not None for one in drawn) / 400 == pytest.approx(share, abs=0.07)
    assert {len(one.order) for one in drawn} == {3 + (one.duplicate is not None) for one in drawn}


def test_nine_responses_leave_no_letter_for_a_duplicate() -> None:
    shown = TASK.show(candidates(1, 9), RankingSettings(duplicate_share=1), random.Random(0))
    assert shown.duplicate is None
    assert len(shown.letters) == 9


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer("A", "B"), "Response C is not rated"),
        (answer("ABC", groups=[["A"], ["B"]]), "Response C is not on the board"),
        (answer("ABCD"), "There is no response D"),
        (answer("ABC", unread=["E"]), "There is no response E"),
        (answer("ABC", initial_board=[["F"]]), "There is no response F"),
    ],
    ids=["unrated", "unranked", "too many", "unread", "initial board"],
)
def test_each_response_is_rated_and_ranked_and_no_other(given: RankingAnswer, words: str) -> None:
    TASK.verify(ITEM, SHOWN, answer("C", "AB"))
    with pytest.raises(Refused, match=words):
        TASK.verify(ITEM, SHOWN, given)


def test_no_response_is_on_the_board_twice() -> None:
    with pytest.raises(ValidationError, match="twice"):
        answer("ABC", groups=[["A", "B"], ["C", "A"]])


def test_the_records_are_one_ranking_and_a_rating_of_each() -> None:
    given = answer("C", "AB", likert={"C": 7, "A": 2})
    given.ratings["C"] = given.ratings["C"].model_copy(update={"flags": (FLAGS[0],), "note": "short"})
    ranking, *ratings = TASK.to_records(Work("key", ITEM, SHOWN, given, LABELER, {"round": 2}))
    assert isinstance(ranking, Ranking)
    assert (ranking.id, ranking.prompt, ranking.labeler) == ("key", ITEM.prompt, LABELER)
    assert ranking.groups == (("p1-1",), ("p1-0", "p1-2"))
    assert [one.id for one in ranking.responses] == ["p1-2", "p1-0", "p1-1"], "as they were shown"
    assert ranking.metadata == {"round": 2, "board": "sorted", "num_moves": 1}
    assert all(isinstance(one, Rating) for one in ratings)
    assert {one.response.id: one.likert for one in ratings} == {"p1-2": 2, "p1-0": 4, "p1-1": 7}
    assert {one.response.id: set(one.flags) for one in ratings if one.flags} == {"p1-1": {FLAGS[0]}}
    assert [one.metadata.get("note") for one in ratings] == [None, None, "short"]


def test_a_duplicate_counts_once_and_tells_who_is_attentive() -> None:
    tied, apart = answer("BD", "A", "C"), answer("B", "A", "C", "D")
    for given in (tied, apart):
        TASK.verify(ITEM, TWICE, given)
        ranking, *ratings = TASK.to_records(Work("key", ITEM, TWICE, given, LABELER))
        assert isinstance(ranking, Ranking)
        assert ranking.groups == (("p1-0",), ("p1-2",), ("p1-1",))
        assert len(ranking.responses) == len(ratings) == 3
        assert len([one for one in TASK.judgements(ITEM, TWICE, given) if one.measure == "likert"]) == 3
    assert TASK.is_attentive(ITEM, TWICE, tied) is True
    assert TASK.is_attentive(ITEM, TWICE, apart) is False
    assert TASK.is_attentive(ITEM, SHOWN, answer("ABC")) is None


@pytest.mark.parametrize(
    ("given", "active_s", "words"),
    [
        (answer("A", "B", "C"), 60, []),
        (answer("A", "B", "C", likert={"B": 5}), 60, []),
        (answer("A", "B", "C", likert={"B": 6}), 60, ["You rated B higher than A, and ranked it lower."]),
        (answer("ABC"), 60, ["All responses are tied."]),
        (answer("A", "BC", unread=["C"]), 60, ["Response C was not read to its end."]),
        (answer("A", "BC", moves=[]), 19, ["You left the board as the ratings had sorted it."]),
        (answer("A", "BC", moves=[]), 21, []),
        (answer("A", "BC"), 19, []),
    ],
    ids=["none", "one point", "against the ratings", "tied", "unread", "unmoved", "unmoved slowly", "moved"],
)
def test_what_a_colleague_would_ask(given: RankingAnswer, active_s: float, words: list[str]) -> None:
    found = TASK.concerns(ITEM, SHOWN, given, settings=RankingSettings(min_active_s=20), active_s=active_s)
    assert [one.text.format(**one.values) for one in found] == words


def test_an_empty_board_cannot_be_left_as_it_was_sorted() -> None:
    shown = SHOWN.model_copy(update={"board": "empty"})
    found = TASK.concerns(ITEM, shown, answer("A", "BC", moves=[]), settings=RankingSettings(), active_s=0)
    assert found == []


def test_agreement_is_measured_on_the_ranking_the_ratings_and_the_flags() -> None:
    found = {(one.measure, one.unit): (one.scale, one.value) for one in TASK.judgements(ITEM, SHOWN, answer("C", "AB"))}
    assert found["ranking", ""] == ("ranking", (("p1-1",), ("p1-0", "p1-2")))
    assert found["likert", "p1-2"] == ("ordinal", 4)
    assert found["flags", "p1-0"] == ("flags", ())
    assert len(found) == 1 + 2 * 3
