"""The closed world: prompts with a known best response, a judge who knows the truth, and writers good and bad."""

from collections.abc import Mapping, Sequence
from itertools import islice
from zlib import crc32

import numpy as np
from pydantic import JsonValue

from preceptor.errors import UserError
from preceptor.records import Document, Message, Prompt, Split
from preceptor.simulation import answers
from preceptor.simulation.corpus import draw_documents
from preceptor.simulation.judge import Judgement, judge
from preceptor.simulation.requests import TASKS, draw_request, draw_task
from preceptor.simulation.task import Task

NUM_USERS = 200
NUM_SLOTS = 8
MAX_REDRAWS = 200
SOURCE_LABELER = 0.3
"""Share of prompts written by labelers; the rest come from customers."""
FLAWS = answers.FLAWS


class World:
    """A small English world with fixed facts; everything else is drawn from seeds."""

    def prompts(self, num: int, seed: int) -> list[Prompt]:
        """`num` different prompts in the ten use cases. Split by user: 80 % train, 10 % valid, 10 % test."""
        generator = np.random.default_rng((7, seed))
        seen: set[tuple[Message, ...]] = set()
        return [self._prompt(f"world-{seed}-{number}", seed, generator, seen) for number in range(num)]

    def _prompt(
        self, prompt_id: str, seed: int, generator: np.random.Generator, seen: set[tuple[Message, ...]]
    ) -> Prompt:
        task = draw_task(generator)
        for _ in range(MAX_REDRAWS):
            request = draw_request(generator, task)
            if request.messages not in seen and _slot(request.messages) == seed % NUM_SLOTS:
                break
        seen.add(request.messages)
        user = int(generator.integers(NUM_USERS))
        is_labeler = request.spec["kind"] != "plain" or generator.random() < SOURCE_LABELER
        return Prompt(
            id=prompt_id,
            messages=request.messages,
            source="labeler" if is_labeler else "customer",
            user=f"u{user:03d}",
            use_case=request.task.use_case,
            split=_split(user),
            metadata=request.spec,
        )

    def judge(self, prompt: Prompt, text: str) -> Judgement:
        """What is true of a response to one of this world's prompts."""
        task, spec = _task(prompt)
        return judge(task, spec, "\n".join(message.content for message in prompt.messages), text)

    def answer(self, prompt: Prompt, generator: np.random.Generator, flaws: frozenset[str] = frozenset()) -> str:
        """A good response, or one with flaws out of `FLAWS`; those that cannot occur in it are left out."""
        task, spec = _task(prompt)
        return answers.write(task, spec, generator, flaws)

    def applicable_flaws(self, prompt: Prompt) -> tuple[str, ...]:
        """The flaws that a response to this prompt can have."""
        return answers.applicable_flaws(*_task(prompt))

    def corpus(self, num: int, seed: int) -> list[Document]:
        """`num` pages as from the web: what a base model is trained on."""
        pages = islice(draw_documents(np.random.default_rng((11, seed))), num)
        return [Document(id=f"page-{seed}-{n}", text=text, source=source) for n, (source, text) in enumerate(pages)]


def _slot(messages: Sequence[Message]) -> int:
    """Which seeds may use this prompt: seeds that differ modulo `NUM_SLOTS` share none."""
    return crc32("\n".join(message.content for message in messages).encode()) % NUM_SLOTS


def _split(user: int) -> Split:
    return "test" if user % 10 == 9 else "valid" if user % 10 == 8 else "train"


def _task(prompt: Prompt) -> tuple[Task, Mapping[str, JsonValue]]:
    name = prompt.metadata.get("task")
    if not isinstance(name, str) or name not in TASKS:
        raise UserError(
            f"prompt {prompt.id!r} is not of the closed world",
            field="metadata.task",
            remedy="the gold judge and the simulated labelers know only prompts made by `World.prompts`",
        )
    return TASKS[name], prompt.metadata
