"""Two tabs or devices: what only one changed is kept from both, what both changed is asked."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

BASE = {"text": "old", "ratings": {"a": {"likert": 3, "flags": []}}, "groups": [["a"], ["b"]]}


@pytest.mark.parametrize(
    ("mine", "theirs", "merged", "conflicts"),
    [
        ({}, {}, {}, []),
        ({"text": "new"}, {}, {"text": "new"}, []),
        ({}, {"text": "new"}, {"text": "new"}, []),
        ({"text": "new"}, {"text": "new"}, {"text": "new"}, []),
        ({"text": "mine"}, {"groups": [["b"], ["a"]]}, {"text": "mine", "groups": [["b"], ["a"]]}, []),
        ({"text": "mine"}, {"text": "theirs"}, {"text": "mine"}, [["text"]]),
        ({"groups": [["b", "a"]]}, {"groups": [["b"], ["a"]]}, {"groups": [["b", "a"]]}, [["groups"]]),
        (
            {"ratings": {"a": {"likert": 5, "flags": []}}},
            {"ratings": {"a": {"likert": 3, "flags": ["x"]}, "b": {"likert": 1, "flags": []}}},
            {"ratings": {"a": {"likert": 5, "flags": ["x"]}, "b": {"likert": 1, "flags": []}}},
            [],
        ),
        (
            {"ratings": {"a": {"likert": 5, "flags": []}}},
            {"ratings": {"a": {"likert": 6, "flags": []}}},
            {"ratings": {"a": {"likert": 5, "flags": []}}},
            [["ratings", "a", "likert"]],
        ),
        ({"note": "mine"}, {"other": 1}, {"note": "mine", "other": 1}, []),
    ],
)
def test_merging(run: Run, mine: Any, theirs: Any, merged: Any, conflicts: list[list[str]]) -> None:
    script = "return m.merge(...argument)"
    got = run("merge.js", script, [BASE, BASE | mine, BASE | theirs])
    assert got["merged"] == BASE | merged
    assert [conflict["path"] for conflict in got["conflicts"]] == conflicts


def test_what_one_side_took_away_goes(run: Run) -> None:
    got = run("merge.js", "return m.merge({a: 1, b: 2}, {a: 1}, {a: 1, b: 2})")
    assert got == {"merged": {"a": 1}, "conflicts": []}


def test_without_a_common_base_differences_are_asked(run: Run) -> None:
    got = run("merge.js", "return m.merge(undefined, {a: 1, b: 2}, {a: 1, b: 3})")
    assert [conflict["path"] for conflict in got["conflicts"]] == [["b"]]


def test_replacing_at_a_path(run: Run) -> None:
    got = run("merge.js", "const c = {a: {b: 1, c: 2}}; return [m.replaced(c, ['a', 'b'], 9), c]")
    assert got == [{"a": {"b": 9, "c": 2}}, {"a": {"b": 1, "c": 2}}]
