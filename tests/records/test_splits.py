"""Splits: no user, no conversation and no response text is met in two of them."""

from collections import defaultdict
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preceptor.errors import UserError
from preceptor.records import Labeler, Message, Prompt, Ranking, Response, Split, split_by_group, split_by_response

SHARES: dict[Split, float] = {"train": 0.6, "valid": 0.2, "test": 0.2}


def prompt(number: int, text: str, user: str | None = None, more: tuple[str, ...] = ()) -> Prompt:
    roles: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")
    turns = tuple(Message(role=roles[i % 2], content=turn) for i, turn in enumerate((text, *more)))
    return Prompt(id=str(number), messages=turns, user=user)


def ranking(number: int, first: str, second: str) -> Ranking:
    responses = (Response(id="A", text=first), Response(id="B", text=second))
    groups = (("A",), ("B",))
    return Ranking(id=str(number), prompt=prompt(0, "?"), responses=responses, groups=groups, labeler=Labeler(id="l"))


PROMPTS = st.lists(
    st.tuples(st.sampled_from("abcdefghijklmnopqrst"), st.none() | st.sampled_from("UVWXYZ")), max_size=40
).map(lambda pairs: [prompt(i, text, user) for i, (text, user) in enumerate(pairs)])


@settings(deadline=None)
@given(PROMPTS, st.integers(0, 5))
def test_no_prompt_and_no_user_is_in_two_splits(prompts: list[Prompt], seed: int) -> None:
    splits = defaultdict(set)
    rows = split_by_group(prompts, seed, SHARES)
    for row in rows:
        splits["text", row.text].add(row.split)
        if row.user is not None:
            splits["user", row.user].add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    assert [row.model_copy(update={"split": "train"}) for row in rows] == prompts


def test_without_joining_users_would_leak() -> None:
    """The chain a–U, U–b, b–V must be one group; hashing user or text alone would part it for some seed."""
    for seed in range(20):
        rows = split_by_group(
            [prompt(0, "a", "U"), prompt(1, "b", "U"), prompt(2, "b", "V"), prompt(3, "c", "V")], seed, SHARES
        )
        assert len({row.split for row in rows}) == 1


def test_conversations_that_begin_alike_stay_together() -> None:
    rows = [prompt(0, "Hello  there"), prompt(1, "hello there", more=("Hi.", "Tell me more")), prompt(2, "Bye")]
    parted = 0
    for seed in range(30):
        first, second, third = split_by_group(rows, seed, SHARES)
        assert first.split == second.split
        parted += first.split != third.split
    assert 0 < parted < 30


def test_shares_are_met_and_more_data_changes_no_old_split() -> None:
    prompts = [prompt(i, f"question {i}") for i in range(3000)]
    rows = split_by_group(prompts, 7, SHARES)
    share = sum(row.split == "test" for row in rows) / len(rows)
    assert abs(share - 0.2) < 4 * (0.2 * 0.8 / 3000) ** 0.5
    assert split_by_group(prompts[:100], 7, SHARES) == rows[:100]
    assert split_by_group(prompts, 8, SHARES) != rows


def test_by_response_no_text_is_in_two_splits_and_the_dropped_are_counted() -> None:
    rows = [ranking(i, f"joke {i % 40}", f"joke {(i * 7 + 1) % 40}") for i in range(400) if i % 40 != (i * 7 + 1) % 40]
    kept, num_dropped = split_by_response(rows, 0, {"train": 0.5, "test": 0.5})
    assert len(kept) + num_dropped == len(rows)
    splits = defaultdict(set)
    for row in kept:
        for response in row.responses:
            splits[response.text].add(row.prompt.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {row.prompt.split for row in kept} == {"train", "test"}
    assert num_dropped > 0


@pytest.mark.parametrize("shares", [{"train": 0.5}, {"train": 1.5, "test": -0.5}])
def test_shares_must_sum_to_one(shares: dict[Split, float]) -> None:
    with pytest.raises(UserError, match="shares"):
        split_by_group([prompt(0, "a")], 0, shares)


def test_all_to_one_split() -> None:
    rows = split_by_group([prompt(i, str(i)) for i in range(50)], 0, {"train": 0.0, "valid": 0.0, "test": 1.0})
    assert {row.split for row in rows} == {"test"}
