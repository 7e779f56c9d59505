"""Time that was worked: pauses count up to two minutes, hidden pages not at all."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

PLAY = """let now = 0;
const time = new m.ActiveTime(10, () => now);
for (const [at, what] of argument) { now = at; if (what) time[what](); }
return [time.seconds, time.idle === Infinity ? 'away' : time.idle]"""


@pytest.mark.parametrize(
    ("events", "seconds", "idle"),
    [
        ([], 10, 0),
        ([(30, None)], 40, 30),
        ([(30, "note"), (60, "note")], 70, 0),
        ([(500, None)], 130, 500),
        ([(500, "note"), (520, "note")], 150, 0),
        ([(20, "pause"), (900, None)], 30, "away"),
        ([(20, "pause"), (900, "note"), (950, "resume"), (960, None)], 40, 10),
        ([(500, "pause")], 130, "away"),
    ],
)
def test_active_time(run: Run, events: list[tuple[float, str | None]], seconds: float, idle: float | str) -> None:
    assert run("active_time.js", PLAY, events) == [seconds, idle]
