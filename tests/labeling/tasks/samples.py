"""One item of each kind with an answer to it. The contract tests and the demonstration project read them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from preceptor.labeling.tasks.dialogue import DialogueItem
from preceptor.labeling.tasks.prompt import PromptRequest
from preceptor.labeling.tasks.screening import ScreeningItem
from preceptor.records import Message, Record
from tests.labeling.people import candidates, ranked


@dataclass(frozen=True)
class Sample:
    """What the contract tests need of a kind."""

    item: Record
    """Of the kind's `Item`, naming the models "sft" and "ppo" where it names models."""
    answer: Callable[[Any], dict[str, Any]]
    """A good answer as the page posts it, to the item as `shown`."""
    bad: Callable[[Any], dict[str, Any]]
    """An answer that `verify` or the type of the answer must refuse."""


SAMPLES: dict[str, Sample] = {
    "demonstration": Sample(
        item=candidates(1).prompt,
        answer=lambda shown: {
            "response": "One, **please**.",
            "pasted_share": 0.25,
            "model": "sft",
            "suggestion": {"text": "One.", "taken_after_s": 1.5},
        },
        bad=lambda shown: {"response": " "},
    ),
    "dialogue": Sample(
        item=DialogueItem(topic="Where *rivers* go", opening=(Message(role="system", content="Be brief."),)),
        answer=lambda shown: {
            "turns": [
                {"role": "user", "text": "Where is the Elbe?"},
                {"role": "assistant", "text": "In Germany.", "suggestion": {"text": "Germany."}, "model": "sft"},
            ]
        },
        bad=lambda shown: {"turns": [{"role": "user", "text": "Where is the Elbe?"}]},
    ),
    "evaluation": Sample(
        item=candidates(1, 3),
        answer=lambda shown: ranked(list(shown.letters)),
        bad=lambda shown: ranked(list(shown.letters)[1:]),
    ),
    "prompt": Sample(
        item=PromptRequest(),
        answer=lambda shown: {"text": "Where is Paris?"},
        bad=lambda shown: {"text": ""},
    ),
    "prompt_labels": Sample(
        item=candidates(1).prompt,
        answer=lambda shown: {"use_case": "rewrite", "properties": ["ambiguous", "requests_opinion"]},
        bad=lambda shown: {"properties": ["ambiguous"]},
    ),
    "ranking": Sample(
        item=candidates(1, 5),
        answer=lambda shown: ranked(list(shown.letters)),
        bad=lambda shown: ranked(list(shown.letters)[1:]),
    ),
    "screening": Sample(
        item=ScreeningItem(
            prompt=candidates(1).prompt,
            responses=candidates(1, 3).responses,
            topics=("Politics", "Religion", "Sports", "Teenagers’ slang"),
        ),
        answer=lambda shown: {
            "sensitive": {"prompt": False, "A": True, "B": False, "C": False},
            "topics": ["Religion"],
        },
        bad=lambda shown: {"sensitive": {"prompt": False, "A": True}},
    ),
    "toxicity": Sample(
        item=candidates(1, 3),
        answer=lambda shown: {
            "prompt_toxicity": 1,
            "responses": {
                letter: {"toxicity": 0, "relative_toxicity": -1, "continuity": 5, "rank": 2 if name == "p1-0" else 1}
                for letter, name in shown.letters.items()
            },
        },
        bad=lambda shown: {"prompt_toxicity": 1, "responses": {}},
    ),
}
"""Kind → its sample. Whoever adds a kind adds one."""
