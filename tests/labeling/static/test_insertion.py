"""Ranking by questions finds the order that the labeler has in mind, ties included, in as many as were told."""

import random
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

Run = Callable[..., Any]

ASK = """return argument.map(({ids, value}) => {
    let state = m.begin(ids);
    const told = m.questionsLeft(state);
    let asked = 0;
    for (let pair = m.question(state); pair; pair = m.question(state)) {
        const [one, other] = pair.map(id => value[id]);
        state = m.answered(state, one > other ? 'better' : one < other ? 'worse' : 'tie');
        asked += 1;
        if (m.questionsLeft(state) > told - asked) throw new Error('it got longer');
    }
    return {groups: state.groups, asked, told, left: m.questionsLeft(state)};
})"""


def order(value: dict[str, int]) -> list[list[str]]:
    return [sorted(one for one in value if value[one] == step) for step in sorted(set(value.values()), reverse=True)]


def check(run: Run, values: list[dict[str, int]], most: int) -> None:
    results = run("ranking/insertion.js", ASK, [{"ids": list(value), "value": value} for value in values])
    for value, result in zip(values, results, strict=True):
        assert [sorted(group) for group in result["groups"]] == order(value)
        assert result["asked"] <= result["told"] <= most
        assert result["left"] == 0


def test_every_order_of_four_with_ties(run: Run) -> None:
    check(run, [dict(zip("ABCD", steps, strict=True)) for steps in product(range(4), repeat=4)], most=5)


def test_nine_take_at_most_21_questions(run: Run) -> None:
    draw = random.Random(0)
    distinct = [dict(zip("ABCDEFGHI", draw.sample(range(9), 9), strict=True)) for _ in range(200)]
    tied = [{one: draw.randrange(5) for one in "ABCDEFGHI"} for _ in range(200)]
    check(run, distinct + tied, most=21)


@pytest.mark.parametrize(("size", "told"), [(1, 0), (2, 1), (4, 5), (6, 11), (9, 21)])
def test_what_is_told_at_the_start(run: Run, size: int, told: int) -> None:
    script = "return m.questionsLeft(m.begin(argument))"
    assert run("ranking/insertion.js", script, list("ABCDEFGHI"[:size])) == told
