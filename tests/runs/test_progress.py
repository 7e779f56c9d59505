"""Progress: lines now and then off a terminal, a bar on one, silence on request."""

import io
from typing import Any

import pytest
from rich.console import Console

from preceptor.runs import Progress, progress


def test_off_a_terminal_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(100, "PPO", done=20) as shown:
        for step in range(80):
            now[0] += 2.5
            shown.show({"rollout/score": step / 10})
            shown.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "PPO 24/100, 3:10 left, rollout/score 0.3"
    assert lines[-1] == "PPO 100/100, done in 3:20, rollout/score 7.9"
    assert len(lines) == 20


def test_silence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with Progress(5, "SFT", is_shown=False) as shown:
        shown.advance(5)
    captured = capsys.readouterr()
    assert captured.err + captured.out == ""


def test_on_a_terminal_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal: Any = lambda: Console(file=screen, force_terminal=True, width=120)  # noqa: E731
    monkeypatch.setattr(progress, "console", terminal)
    with Progress(4, "SFT") as shown:
        shown.show({"sft/loss": 1.25})
        shown.advance(3)
        shown.say("a word in between")
    assert "SFT" in screen.getvalue()
    assert "3/4" in screen.getvalue()
    assert "sft/loss 1.25" in screen.getvalue()
    assert "a word in between" in screen.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3725, "1:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert progress._clock(seconds) == text
