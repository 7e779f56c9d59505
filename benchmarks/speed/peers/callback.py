"""Turns for trainers that own their loop: they are held at the end of a step until the next turn."""

import os
from typing import Any

from transformers import TrainerCallback

from benchmarks.speed.turns import Turns


class TurnByTurn(TrainerCallback):
    """One turn is `num_steps` of the trainer's steps; the process ends with the last turn."""

    def __init__(self, turns: Turns, num_steps: int = 1) -> None:
        self._turns = iter(turns)
        self._num_steps = num_steps
        self._num_done = 0

    def on_train_begin(self, *arguments: Any, **named: Any) -> None:
        """Wait for the first turn."""
        self._wait()

    def on_step_end(self, *arguments: Any, **named: Any) -> None:
        """End the turn when its steps are done."""
        self._num_done += 1
        if self._num_done % self._num_steps == 0:
            self._wait()

    def _wait(self) -> None:
        if next(self._turns, self) is self:  # there are no more
            os._exit(0)
