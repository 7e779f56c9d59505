"""The word diff marks a longest common subsequence, and gives up where marks would not help."""

import random
from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]


def longest_common(left: list[str], right: list[str]) -> int:
    row = [0] * (len(right) + 1)
    for one in left:
        before = 0
        for index, other in enumerate(right):
            before, row[index + 1] = row[index + 1], before + 1 if one == other else max(row[index + 1], row[index])
    return row[-1]


def test_common_words_are_a_longest_common_subsequence(run: Run) -> None:
    draw = random.Random(0)
    pairs = [
        [[draw.choice("abcd") for _ in range(draw.randint(0, 25))] for _ in range(2)]
        for _ in range(400)
    ]  # fmt: skip
    results = run("diff.js", "return argument.map(([left, right]) => m.commonWords(left, right))", pairs)
    assert sum(common is not None for common in results) > 200
    for (left, right), common in zip(pairs, results, strict=True):
        if common is None:
            assert longest_common(left, right) < min(len(left), len(right)) / 2
            continue
        kept_left = [word for word, is_common in zip(left, common["left"], strict=True) if is_common]
        kept_right = [word for word, is_common in zip(right, common["right"], strict=True) if is_common]
        assert kept_left == kept_right
        assert len(kept_left) == longest_common(left, right)


def test_words_know_where_they_start(run: Run) -> None:
    found = run("diff.js", "return m.wordsOf('El niño, 2 años… 你好')")
    assert [(one["word"], one["start"]) for one in found] == [
        ("El", 0), ("niño", 3), (",", 7), ("2", 9), ("años", 11), ("…", 15), ("你好", 17),
    ]  # fmt: skip


def test_two_texts_with_nothing_in_common_are_not_marked(run: Run) -> None:
    script = """const many = (word) => Array.from({length: 4000}, (_, i) => word + i);
    return [m.commonWords(many('a'), many('b')), m.commonWords(many('a'), many('a')).left.every(Boolean)]"""
    assert run("diff.js", script) == [None, True]


def test_long_texts_take_no_time(run: Run) -> None:
    """5,000 words each, 500 of them changed."""
    script = """const left = Array.from({length: 5000}, (_, i) => 'w' + (i % 97));
    const right = left.map((word, i) => i % 10 ? word : 'x' + i);
    const start = performance.now();
    const common = m.commonWords(left, right);
    return [performance.now() - start, common.left.filter(Boolean).length]"""
    milliseconds, kept = run("diff.js", script)
    assert kept == 4500
    assert milliseconds < 2000
