"""The grammar of prompts: which task, how it is dressed, who asks."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from preceptor.records import Message, UseCase
from preceptor.simulation import lexicon
from preceptor.simulation.constraints import constraint_request, draw_constraint
from preceptor.simulation.language import chance, lower_first, pick, with_articles, words
from preceptor.simulation.task import Asked, Task
from preceptor.simulation.tasks_knowing import FactQuestion, FalsePremise, FollowUp, Ideas, IsItTrue, Members
from preceptor.simulation.tasks_reading import (
    ClosedQuestion,
    Extract,
    InThePast,
    KindOf,
    Polite,
    Replace,
    Sentiment,
    Summary,
)  # fmt: skip
from preceptor.simulation.tasks_talking import Cannot, Harmful, HarmfulChat, HarmfulWriting, Mood, Opposite, Order
from preceptor.simulation.tasks_writing import Advert, Describe, Note, Rhyme, Story

USE_CASE_SHARES: dict[UseCase, float] = {
    "generation": 45.6, "open_qa": 12.4, "brainstorming": 11.2, "chat": 8.4, "rewrite": 6.6,
    "summarization": 4.2, "classification": 3.5, "other": 3.5, "closed_qa": 2.6, "extract": 1.9,
}  # fmt: skip
"""Per cent, Ouyang et al. 2022, Table 1; they sum to 99.9."""

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Story(), Describe(), Note(), Advert(), Rhyme(), HarmfulWriting(),
        FactQuestion(), IsItTrue(), FalsePremise(), Harmful(),
        Ideas(), Members(), FollowUp(), Mood(), HarmfulChat(),
        Polite(), InThePast(), Replace(), Summary(), Sentiment(), KindOf(),
        Opposite(), Order(), Cannot(), ClosedQuestion(), Extract(),
    )
}  # fmt: skip
CONSTRAINED = 0.4
"""Share of the requests that can carry a constraint and do: about a quarter of all (Table 7 has 26.3 %)."""
FEW_SHOT = 0.4
USER_BASED = 0.12


@dataclass(frozen=True)
class Request:
    """A prompt without its name and user."""

    task: Task
    messages: tuple[Message, ...]
    spec: dict[str, Any]
    """JSON: task, args, constraint, kind, declines, false_premise. All that the judge needs."""


def draw_task(generator: np.random.Generator) -> Task:
    """A task: use case by Table 1, then by its weight."""
    shares = np.array(list(USE_CASE_SHARES.values()))
    use_case = list(USE_CASE_SHARES)[int(generator.choice(len(shares), p=shares / shares.sum()))]
    tasks = [task for task in TASKS.values() if task.use_case == use_case]
    weights = np.array([task.weight for task in tasks])
    return tasks[int(generator.choice(len(tasks), p=weights / weights.sum()))]


def draw_request(generator: np.random.Generator, task: Task | None = None) -> Request:
    """A request as somebody would type it."""
    task = task or draw_task(generator)
    asked = task.ask(generator)
    constraint = asked.constraint
    if task.constraints and chance(generator, CONSTRAINED):
        constraint = draw_constraint(generator, task.constraints)
        if constraint["kind"] == "avoid" and constraint["value"] in words(asked.text):
            constraint = None
    text, kind = _dressed(asked, constraint if constraint is not asked.constraint else None, generator)
    text = with_articles(text)
    spec = {
        "task": task.name,
        "args": asked.args,
        "constraint": constraint,
        "kind": kind,
        "declines": task.declines,
        "false_premise": asked.false_premise,
    }
    return Request(task, (*asked.before, Message(role="user", content=text)), spec)


def _dressed(asked: Asked, constraint: dict[str, Any] | None, generator: np.random.Generator) -> tuple[str, str]:
    """The request with constraint, examples, persona or politeness, and which kind of prompt that makes it."""
    text = asked.text
    if constraint is not None:
        text = f"{text} {constraint_request(constraint, generator)}"
    if asked.examples and constraint is None and chance(generator, FEW_SHOT):
        return "\n".join((*asked.examples, f"{asked.bare} ->")), "few_shot"
    if chance(generator, USER_BASED):
        return f"{pick(generator, lexicon.PERSONAS)} {text}", "user_based"
    if asked.before:
        return text, "plain"
    if words(text)[0] in lexicon.REQUEST_VERBS and chance(generator, 0.25):
        text = f"Please {lower_first(text)}"
    if chance(generator, 0.25):
        text = f"{pick(generator, lexicon.GREETINGS)} {text}"
    if chance(generator, 0.15) and text.endswith((".", "?")):
        text = f"{text} {pick(generator, lexicon.THANKS)}"
    return text, "plain"
