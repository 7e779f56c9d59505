"""A side's end of the line: a child process that works when it is told to, and says how long it took.

The parent writes how often the unit of work is to be done; the child answers with one line of JSON. What libraries
print goes to stderr, so that nothing mixes with it.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Turns:
    """Iterate over it, and do one unit of work in each round; all before the first round is preparation.

    `facts` are added to what is said of the turn: numbers that the parent needs, such as tokens or FLOPs of one unit.
    """

    def __init__(self) -> None:
        self._line = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self.options: dict[str, Any] = json.loads(sys.argv[1])
        self.facts: dict[str, Any] = {}
        self._phases: dict[str, float] = {}

    def __iter__(self) -> Iterator[None]:
        self._say({"ready_mib": peak_mib()})
        for line in sys.stdin:
            num = int(line)
            self._phases.clear()
            start = time.perf_counter()
            for _ in range(num):
                yield
            seconds = (time.perf_counter() - start) / num
            phases = {name: total / num for name, total in self._phases.items()}
            self._say({"seconds": seconds, "phases": phases, "peak_mib": peak_mib(), **self.facts})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter()
        yield
        self._phases[name] = self._phases.get(name, 0.0) + time.perf_counter() - start

    def _say(self, message: dict[str, Any]) -> None:
        self._line.write(json.dumps(message) + "\n")
        self._line.flush()


def peak_mib() -> float:
    """Most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
