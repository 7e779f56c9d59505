"""Records: they round-trip, refuse what makes no sense, and keep ties."""

import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from preceptor.records import (
    FLAGS,
    KINDS,
    USE_CASES,
    Demonstration,
    Document,
    Flag,
    Labeler,
    Message,
    Prompt,
    Ranking,
    Rating,
    Record,
    Response,
    Sampling,
    UseCase,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT, lambda inner: st.lists(inner, max_size=3)
)
METADATA = st.dictionaries(TEXT, JSON, max_size=3)
LABELERS = st.builds(Labeler, id=TEXT)
MESSAGES = st.lists(st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT), max_size=3)
PROMPTS = st.builds(
    Prompt,
    id=TEXT,
    messages=st.tuples(MESSAGES, TEXT).map(lambda p: (*p[0], Message(role="user", content=p[1]))),
    metadata=METADATA,
)
SAMPLINGS = st.none() | st.builds(Sampling, temperature=st.floats(0, 2), top_p=st.floats(0.01, 1))
RESPONSES = st.builds(Response, id=TEXT, text=TEXT, sampling=SAMPLINGS, tokens=st.none() | st.tuples(st.integers(0, 9)))


@st.composite
def rankings(draw: st.DrawFn) -> Ranking:
    """K responses with a random rank each; equal ranks are ties."""
    ranks = draw(st.lists(st.integers(0, 4), min_size=1, max_size=9))
    responses = tuple(Response(id=f"r{i}", text=draw(TEXT)) for i in range(len(ranks)))
    groups = tuple(
        tuple(responses[i].id for i, other in enumerate(ranks) if other == rank) for rank in sorted(set(ranks))
    )
    return Ranking(
        id=draw(TEXT),
        prompt=draw(PROMPTS),
        responses=responses,
        groups=groups,
        labeler=draw(LABELERS),
        metadata=draw(METADATA),
    )


RECORDS = st.one_of(
    PROMPTS,
    rankings(),
    st.builds(Demonstration, id=TEXT, prompt=PROMPTS, response=TEXT, labeler=LABELERS, metadata=METADATA),
    st.builds(
        Rating, id=TEXT, prompt=PROMPTS, response=RESPONSES, likert=st.integers(1, 7),
        flags=st.frozensets(st.sampled_from(FLAGS)), labeler=LABELERS, metadata=METADATA,
    ),
    st.builds(Document, id=TEXT, text=TEXT),
)  # fmt: skip


def one_ranking(groups: tuple[tuple[str, ...], ...], ids: str = "ABCD") -> Ranking:
    return Ranking(
        id="r",
        prompt=Prompt(id="p", messages=(Message(role="user", content="?"),)),
        responses=tuple(Response(id=name, text=name.lower()) for name in ids),
        groups=groups,
        labeler=Labeler(id="l"),
    )


@settings(deadline=None, max_examples=150)
@given(RECORDS)
def test_round_trip(record: Record) -> None:
    line = record.model_dump_json()
    assert "\n" not in line
    assert type(record).model_validate_json(line, strict=True) == record
    assert type(record).model_validate(record.model_dump()) == record


@settings(deadline=None)
@given(rankings())
def test_pairs_are_all_untied_pairs_once(ranking: Ranking) -> None:
    ranks = ranking.ranks()
    order = [ranks[response.id] for response in ranking.responses]
    num_tied = sum(order[i] == order[j] for i in range(len(order)) for j in range(i))
    pairs = ranking.pairs()
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == len(order) * (len(order) - 1) // 2 - num_tied
    assert all(order[chosen] < order[rejected] for chosen, rejected in pairs)


def test_ties_are_kept() -> None:
    ranking = one_ranking((("B",), ("D", "A"), ("C",)))
    assert ranking.ranks() == {"B": 0, "D": 1, "A": 1, "C": 2}
    assert ranking.pairs() == [(0, 2), (1, 0), (1, 2), (1, 3), (3, 2)]
    assert one_ranking((("A", "B", "C", "D"),)).pairs() == []


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ((("A",), ("B", "C"), ("X", "D")), "does not exist: 'X'"),
        ((("A",), ("B", "C")), "leave out response 'D'"),
        ((("A",), ("B", "C", "D", "A")), "twice"),
        ((("A", "B"), (), ("C", "D")), "empty group"),
        ((), "leave out response 'A'"),
    ],
)
def test_a_ranking_refuses_groups_that_do_not_fit(groups: tuple[tuple[str, ...], ...], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        one_ranking(groups)


def test_a_ranking_refuses_responses_that_share_an_id() -> None:
    with pytest.raises(ValidationError, match="share an id"):
        one_ranking((("A",),), ids="AA")


def test_a_prompt_ends_where_the_assistant_speaks() -> None:
    turns = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello"))
    with pytest.raises(ValidationError, match="assistant is to speak"):
        Prompt(id="p", messages=turns)
    assert Prompt(id="p", messages=turns[:1]).text == "Hi"
    with pytest.raises(ValidationError):
        Prompt(id="p", messages=())


def test_records_are_frozen_and_know_their_fields() -> None:
    labeler = Labeler(id="l")
    with pytest.raises(ValidationError, match="frozen"):
        labeler.id = "m"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Labeler.model_validate({"id": "l", "gruop": "held_out"})


def test_flags_and_use_cases_are_those_of_the_paper() -> None:
    assert len(FLAGS) == 11
    assert len(USE_CASES) == 10
    assert get_args(Flag) == FLAGS
    assert get_args(UseCase) == USE_CASES


def test_flags_are_written_in_one_order_in_every_process() -> None:
    code = (
        "from preceptor.records import *;"
        "p=Prompt(id='p',messages=(Message(role='user',content='?'),));"
        "print(Rating(id='r',prompt=p,response=Response(id='A',text=''),likert=4,flags=frozenset(FLAGS),"
        "labeler=Labeler(id='l')).model_dump_json())"
    )
    lines = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            check=True, capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(lines) == 1


def test_every_field_says_what_it_is() -> None:
    records: set[type[Record]] = {*KINDS.values(), Labeler, Message, Response, Sampling}
    silent = [
        f"{record.__name__}.{name}"
        for record in records
        for name, f in record.model_fields.items()
        if not f.description
    ]
    assert not silent
