"""The soft checks of a ranking say what is odd, and only that."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

SOUND = {
    "ids": ["a", "b", "c"], "likert": {"a": 6, "b": 4, "c": 2}, "board": [["a"], ["b"], ["c"]],
    "read": ["a", "b", "c"], "moves": 0, "initialBoard": [["a"], ["b"], ["c"]], "activeSeconds": 90, "minSeconds": 60,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"board": [["b"], ["a"], ["c"]]}, [{"name": "contradiction", "ids": ["b", "a"]}]),
        ({"board": [["b"], ["a"], ["c"]], "likert": {"a": 5, "b": 4, "c": 2}}, []),
        ({"board": [["a", "b", "c"], [], []]}, [{"name": "all_tied", "ids": ["a", "b", "c"]}]),
        ({"read": ["b"]}, [{"name": "unread", "ids": ["a", "c"]}]),
        ({"activeSeconds": 59}, [{"name": "unchanged", "ids": []}]),
        ({"activeSeconds": 59, "moves": 1}, []),
        ({"activeSeconds": 59, "initialBoard": [[], [], []]}, []),
    ],
)
def test_checks(run: Run, change: dict[str, Any], found: list[dict[str, Any]]) -> None:
    assert run("ranking/checks.js", "return m.checks(argument)", SOUND | change) == found


def test_what_is_missing(run: Run) -> None:
    script = "return m.missing(['a', 'b', 'c'], {a: 1, b: null}, [['a'], ['c'], []])"
    assert run("ranking/checks.js", script) == {"unrated": ["b", "c"], "unranked": ["b"]}
