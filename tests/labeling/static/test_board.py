"""Moves on the ranking board: each against what it should give, and all together against what must always hold."""

import random
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


def board(text: str, size: int = 4) -> list[list[str]]:
    """'A | BC' → A before B and C, who tie; '.' is an empty slot."""
    slots = [list(slot.strip().replace(".", "")) for slot in text.split("|")] if text else []
    return slots + [[] for _ in range(size - len(slots))]


@pytest.mark.parametrize(
    ("before", "move", "after"),
    [
        # a digit puts a response on a slot, tied with whoever is there
        ("", "m.place(b, 'A', 2)", ".|.|A"),
        ("A|B", "m.place(b, 'C', 1)", "A|BC"),
        ("A|BC", "m.place(b, 'B', 0)", "AB|C"),
        ("A|B", "m.place(b, 'A', 0)", "A|B"),
        # a gap takes a response alone; the nearest empty slot gives way
        ("A|B|C", "m.insert(b, 'D', 1)", "A|D|B|C"),
        ("A|.|B|C", "m.insert(b, 'D', 3)", "A|B|D|C"),
        ("A|B|C|D", "m.insert(b, 'D', 0)", "D|A|B|C"),
        ("A|B|C|D", "m.insert(b, 'A', 4)", "B|C|D|A"),
        ("ABCD", "m.insert(b, 'C', 1)", "ABD|C"),
        # arrows leave a tie first, then pass a group
        ("A|BC", "m.better(b, 'C')", "A|C|B"),
        ("A|C|B", "m.better(b, 'C')", "C|A|B"),
        ("C|A|B", "m.better(b, 'C')", "C|A|B"),
        ("AB|C", "m.worse(b, 'A')", "B|A|C"),
        ("A|.|.|B", "m.worse(b, 'A')", "B|.|.|A"),
        ("A|BC|D", "m.worse(b, 'A')", "BC|A|D"),
        ("A|B", "m.worse(b, 'B')", "A|B"),
        ("A|B", "m.better(b, 'D')", "A|B"),
        # = ties with the group above
        ("A|.|B", "m.tieWithAbove(b, 'B')", "AB"),
        ("A|B", "m.tieWithAbove(b, 'A')", "A|B"),
        ("A|B", "m.tieWithAbove(b, 'D')", "A|B"),
        # the result of a comparison
        ("A|B|C", "m.compared(b, 'A', 'C', 'left')", "A|B|C"),
        ("A|B|C", "m.compared(b, 'A', 'C', 'right')", "C|A|B"),
        ("A|B|C", "m.compared(b, 'A', 'C', 'tie')", "AC|B"),
        ("AB|C", "m.compared(b, 'A', 'B', 'right')", "B|A|C"),
        ("A|B", "m.compared(b, 'C', 'B', 'left')", "A|C|B"),
        ("A|B", "m.compared(b, 'C', 'A', 'right')", "A|C|B"),
        ("A|B", "m.compared(b, 'C', 'A', 'tie')", "AC|B"),
        ("A", "m.compared(b, 'C', 'D', 'left')", "A|C|D"),
        ("A", "m.compared(b, 'C', 'D', 'right')", "A|D|C"),
        ("A", "m.compared(b, 'C', 'D', 'tie')", "A|CD"),
        ("", "m.compared(b, 'C', 'D', 'left')", "C|D"),
        # off the board
        ("A|BC", "m.remove(b, 'C')", "A|B"),
    ],
)
def test_moves(run: Run, before: str, move: str, after: str) -> None:
    got = run("ranking/board.js", f"const b = argument; return {move};", board(before))
    wanted = board(after)
    assert [sorted(slot) for slot in got if slot] == [sorted(slot) for slot in wanted if slot]
    assert len(got) == 4
    if "." in after or "place" in move:
        assert [sorted(slot) for slot in got] == [sorted(slot) for slot in wanted]


def test_ratings_make_the_first_board(run: Run) -> None:
    got = run("ranking/board.js", "return m.boardOfRatings(['A','B','C','D'], {A: 3, B: 7, C: 3})")
    assert got == board("B|AC")


def test_ranks_count_groups_and_not_slots(run: Run) -> None:
    script = "return ['A','B','C','D'].map(id => [m.rankOf(argument, id), m.tiedWith(argument, id)])"
    assert run("ranking/board.js", script, board("A|.|BC")) == [[1, []], [2, ["C"]], [2, ["B"]], [None, []]]


MOVES = ["place", "insert", "better", "worse", "tieWithAbove", "compared", "remove"]


def test_no_move_loses_or_doubles_a_response_or_disturbs_the_others(run: Run) -> None:
    """2,000 random moves on boards of 4 to 9: all others keep their order among themselves."""
    draw = random.Random(0)
    moves = []
    for _ in range(2000):
        size = draw.randint(4, 9)
        ids = "ABCDEFGHI"[:size]
        slots: list[list[str]] = [[] for _ in ids]
        for one in ids:
            if draw.random() < 0.8:
                slots[draw.randrange(size)].append(one)
        first, second = draw.sample(ids, 2)
        name = draw.choice(MOVES)
        argument: dict[str, list[Any]] = {
            "place": [first, draw.randrange(size)], "insert": [first, draw.randint(0, size)],
            "compared": [first, second, draw.choice(["left", "right", "tie"])],
        }  # fmt: skip
        moves.append([slots, name, argument.get(name, [first])])
    after = run("ranking/board.js", "return argument.map(([b, name, args]) => m[name](b, ...args))", moves)
    for (before, name, argument), got in zip(moves, after, strict=True):
        moved = set(argument[:2]) if name == "compared" else {argument[0]}
        assert len(got) == len(before)
        there = [one for slot in got for one in slot]
        assert len(there) == len(set(there))
        assert {one for slot in before for one in slot} - moved == set(there) - moved
        assert others(before, moved) == others(got, moved), (before, name, argument, got)
        if name == "insert":
            assert [argument[0]] in got
        if name == "compared":
            ranks = {one: rank for rank, slot in enumerate(got) for one in slot}
            left, right, verdict = argument
            assert {"left": ranks[left] < ranks[right], "right": ranks[left] > ranks[right],
                    "tie": ranks[left] == ranks[right]}[verdict]  # fmt: skip


def others(slots: list[list[str]], moved: set[str]) -> list[list[str]]:
    left = [sorted(set(slot) - moved) for slot in slots]
    return [slot for slot in left if slot]
