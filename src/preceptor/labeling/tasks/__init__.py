"""Kinds of tasks: one file each, found by their names."""

from preceptor.labeling.tasks.base import Concern, Judgement, Respond, StageSettings, Task, Work, kinds

__all__ = ["Concern", "Judgement", "Respond", "StageSettings", "Task", "Work", "kinds"]
