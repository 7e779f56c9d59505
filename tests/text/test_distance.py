"""Edit distance against its definition, and what any distance obeys."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preceptor.text.distance import edit_distance

TEXTS = st.text(alphabet="ab\u00e9\U0001f600 ", max_size=9)


def by_definition(first: str, second: str) -> int:
    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        replaced = distance(i - 1, j - 1) + (first[i - 1] != second[j - 1])
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, replaced)

    return distance(len(first), len(second))


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("", "", 0), ("same", "same", 0), ("Saturday", "Sunday", 3)],
)
def test_known_words(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance


@given(TEXTS, TEXTS)
def test_it_is_what_the_definition_says_in_both_directions(first: str, second: str) -> None:
    assert edit_distance(first, second) == edit_distance(second, first) == by_definition(first, second)


@given(TEXTS, TEXTS, TEXTS)
def test_a_detour_is_never_shorter(first: str, second: str, third: str) -> None:
    assert edit_distance(first, third) <= edit_distance(first, second) + edit_distance(second, third)
