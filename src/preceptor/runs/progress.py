"""Progress with time left: a bar on a terminal, a line now and then elsewhere, silence when asked for."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

SECONDS_BETWEEN_LINES = 10.0


def console() -> Console:
    """Where people are talked to: the standard error stream, so that results can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class Progress:
    """Counts `done` of `total` steps: `with Progress(80, "PPO") as progress: progress.advance()`."""

    def __init__(self, total: int, label: str, *, done: int = 0, is_shown: bool = True) -> None:
        self.total, self.label, self.done = total, label, done
        self._first = done
        self._is_shown = is_shown
        self._console = console()
        self._bar: RichProgress | None = None
        self._shown: dict[str, float] = {}

    def __enter__(self) -> "Progress":
        self._started = self._told = time.monotonic()
        if self._is_shown and self._console.is_terminal:
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[shown]}"),
                console=self._console,
                speed_estimate_period=600.0,  # steps may take longer than rich's default of 30 s
            )
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, completed=self.done, shown="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._is_shown and kind is None and self.done > self._first:
            self._tell(f"done in {_clock(time.monotonic() - self._started)}")

    def show(self, values: Mapping[str, float]) -> None:
        """Show these numbers beside the count from now on."""
        self._shown.update(values)

    def advance(self, num: int = 1) -> None:
        """`num` more steps are done."""
        self.done += num
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, shown=self._numbers())
        elif self._is_shown and time.monotonic() - self._told >= SECONDS_BETWEEN_LINES and self.done < self.total:
            self._told = time.monotonic()
            left = (self._told - self._started) / (self.done - self._first) * (self.total - self.done)
            self._tell(f"{_clock(left)} left")

    def say(self, text: str) -> None:
        """A sentence above the bar."""
        (self._console if self._bar is None else self._bar.console).print(text, markup=False)

    def _tell(self, text: str) -> None:
        parts = (f"{self.label} {self.done}/{self.total}", text, self._numbers())
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)

    def _numbers(self) -> str:
        return "  ".join(f"{name} {value:.3g}" for name, value in self._shown.items())


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


@contextmanager
def on_interrupt(tell: Callable[[], None]) -> Iterator[None]:
    """On Ctrl-C inside this block call `tell`, then let KeyboardInterrupt pass as ever."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # signals are the main thread's, and a process told to ignore Ctrl-C goes on doing so
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        tell()
        before(number, frame)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
