"""`preceptor prompts build` in a process of its own, with the seconds of its parts: `… timed_build PROJECT ENGINE`."""

import json
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from preceptor.cli.base import open_project
from preceptor.pipeline import building
from preceptor.prompts import steps

PARTS = {
    "near duplicates": (steps, "_near"),
    "comparing, with near duplicates": (building, "decide"),
    "private, languages, writing": (building, "_write_pool"),
    "drawing sets": (building, "_keep_sets"),
}


def main() -> None:
    """Build, and print {part: seconds} as the last line."""
    seconds: dict[str, float] = {}
    for name, (module, function) in PARTS.items():
        setattr(module, function, timed(getattr(module, function), name, seconds))
    start = time.monotonic()
    building.build_prompts(open_project(Path(sys.argv[1]), None), None, sys.argv[2])
    seconds["all in all"] = time.monotonic() - start
    print(json.dumps({name: round(one, 2) for name, one in seconds.items()}))


def timed(function: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    """The function, with how long it took written down."""

    @wraps(function)
    def measured(*arguments: Any) -> Any:
        start = time.monotonic()
        made = function(*arguments)
        seconds[name] = time.monotonic() - start
        return made

    return measured


if __name__ == "__main__":
    main()
