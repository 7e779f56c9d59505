"""The screen for unsafe content: a scorer that can be exchanged, and a threshold. It flags prompts and drops none.

What is flagged goes only to labelers who agreed to such content (see labeling.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic import Field, JsonValue

from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.prompts.labeled import LABELS, properties_in
from preceptor.prompts.text_model import YES, TextModel, features_of
from preceptor.prompts.texts import whole_text
from preceptor.records import Prompt

UNSAFE = "unsafe"
"""In a prompt's metadata: that it was flagged, with its score and who gave it."""
SENSITIVE = "sensitive"
"""The property of Table 7 that the scorer `labels` learns."""
PYTHON = "python:"
"""Begins the name of a scorer that is a function: `python:MODULE:FUNCTION`."""
FIELD = "prompts.build.unsafe.scorer"

Scorer = Callable[[Sequence[str]], Sequence[float]]
"""Texts → how unsafe each is, from 0 to 1. It can be pickled: shards may be screened in other processes."""


class UnsafeConfig(BaseConfig):
    """Which prompts are flagged as unsafe. They stay in the data, and go to labelers who agreed to such content."""

    scorer: str | None = "labels"
    """`labels` learns from the property `sensitive` of labeled prompts; `python:MODULE:FUNCTION` is a function of yours
    that gives each of a list of texts a score from 0 to 1; null flags nothing."""
    threshold: float = Field(default=0.4, gt=0, le=1)
    """Least score that is flagged. A false alarm costs a labeler, a miss reaches one who did not agree to it."""


@dataclass(frozen=True)
class Learned:
    """The scorer `labels`."""

    model: TextModel

    def __call__(self, texts: Sequence[str]) -> Sequence[float]:
        """How likely a labeler would call each sensitive; at a half it is as likely as not, were both as frequent."""
        found: list[float] = self.model.probabilities(features_of(texts))[:, self.model.names.index(YES)].tolist()
        return found


@dataclass(frozen=True)
class Function:
    """Somebody's own scorer, `python:MODULE:FUNCTION`; imported in the process that asks it."""

    name: str

    def __call__(self, texts: Sequence[str]) -> Sequence[float]:
        """What the function says.

        Raises:
            UserError: it does not give each text a number from 0 to 1.
        """
        scores = [float(score) for score in self.load()(list(texts))]
        if len(scores) != len(texts):
            problem = f"{self.name} gave {len(scores)} scores for {len(texts)} texts"
            raise UserError(problem, field=FIELD, remedy="return one number for each text")
        if wrong := [score for score in scores if not 0 <= score <= 1]:
            problem = f"{self.name} gave the score {wrong[0]}"
            raise UserError(problem, field=FIELD, remedy="return numbers from 0 to 1")
        return scores

    def load(self) -> Any:
        """The function.

        Raises:
            UserError: there is none of this name.
        """
        module, _, function = self.name.removeprefix(PYTHON).partition(":")
        try:
            return getattr(import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            remedy = "write python:MODULE:FUNCTION, and put the folder of the module on PYTHONPATH"
            raise UserError(f"there is no scorer '{self.name}': {error}", field=FIELD, remedy=remedy) from None


@dataclass(frozen=True)
class Screen:
    """A scorer with its threshold. What a labeler said of the very prompt goes before any score."""

    name: str
    threshold: float
    scorer: Scorer | None
    """None where there are too few labels to learn from; then only what labelers called sensitive is flagged."""

    def screened(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts, some of them flagged."""
        texts = [whole_text([message.model_dump() for message in prompt.messages]) for prompt in prompts]
        scores = self.scorer(texts) if self.scorer and texts else [0.0] * len(texts)
        return [self._flagged(*pair) for pair in zip(prompts, scores, strict=True)]

    def _flagged(self, prompt: Prompt, score: float) -> Prompt:
        scorer, said = self.name, properties_in(prompt, LABELS).get(SENSITIVE)
        if said is not None:
            scorer, score = "labeler", float(said)
        if score < self.threshold:
            return prompt
        found: dict[str, JsonValue] = {"score": round(score, 4), "scorer": scorer}
        return prompt.model_copy(update={"metadata": {**prompt.metadata, UNSAFE: found}})


def screen_of(config: UnsafeConfig, learned: TextModel | None) -> Screen | None:
    """The screen that a recipe asks for; `learned` tells sensitive prompts, if there were labels enough.

    Raises:
        UserError: there is no such scorer.
    """
    if config.scorer is None:
        return None
    if config.scorer == LABELS:
        return Screen(LABELS, config.threshold, None if learned is None else Learned(learned))
    if not config.scorer.startswith(PYTHON):
        remedy = "write labels, python:MODULE:FUNCTION, or null for none"
        raise UserError(f"there is no scorer '{config.scorer}'", field=FIELD, remedy=remedy)
    function = Function(config.scorer)
    function.load()  # a name that is wrong is told before the work begins
    return Screen(config.scorer, config.threshold, function)
