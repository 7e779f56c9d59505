"""What became of a model's suggestion: the distance of words against its definition, and where words come from."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preceptor.labeling.suggestions import Suggestion, origin_of, word_distance

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=7)


def fewest_changes(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """Levenshtein's distance as it is defined, too slow for anything but a test."""

    @cache
    def distance(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        changed = distance(i - 1, j - 1) + (left[i - 1] != right[j - 1])
        return min(changed, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(left), len(right))


@settings(deadline=None)  # the machine may be busy
@given(WORDS, WORDS)
def test_distance_is_that_of_the_definition(left: list[str], right: list[str]) -> None:
    expected = fewest_changes(tuple(left), tuple(right)) / max(len(left), len(right), 1)
    assert word_distance(" ".join(left), " ".join(right)) == expected


def test_distance_of_texts() -> None:
    assert word_distance("Paris is large.", "Paris  is large.") == 0, "space is no word"
    assert word_distance("Paris is large.", "Paris is very large.") == 1 / 5
    assert word_distance("Paris is large.", "Paris is large!") == 1 / 4, "a sign is a word"
    assert word_distance("Yes", "No") == 1
    assert word_distance("", "") == 0


def test_long_texts_take_no_time() -> None:
    text = "word and another word " * 1000
    assert word_distance(text, text + "more") == 1 / 4001


@pytest.mark.parametrize(
    ("text", "taken_after_s", "origin"),
    [
        ("London is small, I think.", None, "typed"),
        ("Paris is large.\n", 2.5, "suggestion"),
        ("Paris is large.", None, "suggestion"),
        ("Paris is very large.", 2.5, "edited_suggestion"),
    ],
    ids=["ignored", "taken as it is", "typed off", "edited"],
)
def test_where_words_come_from(text: str, taken_after_s: float | None, origin: str) -> None:
    assert origin_of(text, Suggestion(text="Paris is large.", taken_after_s=taken_after_s)) == origin


def test_without_a_suggestion_words_are_typed() -> None:
    assert origin_of("Paris is large.", None) == "typed"
