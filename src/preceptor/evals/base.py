"""What every evaluation is: one policy's responses in, a figure with its interval and its items out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from pydantic import Field

from preceptor.config import BaseConfig
from preceptor.records import Labeler, Prompt, Rating, Response
from preceptor.records.artifacts import canonical_hash
from preceptor.stats import Interval, cluster_bootstrap

Verdict = Literal["first", "second", "tie"]
"""Which of two responses a judge prefers, by the order in which they were shown."""


class Judge(Protocol):
    """Somebody, or something, that judges responses; it never learns which policy wrote them."""

    @property
    def labeler(self) -> Labeler:
        """Who judges."""

    def prefers(self, prompt: Prompt, first_text: str, second_text: str) -> Verdict:
        """The better one of two responses, in the order in which they are shown."""

    def rate(self, prompt: Prompt, response: Response) -> Rating:
        """Overall quality from 1 to 7, and flags."""


@dataclass(frozen=True)
class PolicyResponses:
    """What one policy said to each prompt: the subject of an evaluation.

    Raises:
        ValueError: not one text for each prompt.
    """

    policy: str
    prompts: tuple[Prompt, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.prompts) != len(self.texts):
            raise ValueError(f"{len(self.prompts)} prompts, but {len(self.texts)} responses by {self.policy}")

    def __iter__(self) -> Iterator[tuple[Prompt, str]]:
        return iter(zip(self.prompts, self.texts, strict=True))


@dataclass(frozen=True)
class Item:
    """One judgement: what it says of one prompt, by one labeler."""

    prompt: Hashable
    labeler: Hashable
    value: float


@dataclass(frozen=True)
class EvalReport:
    """What an evaluation found."""

    name: str
    value: float
    interval: Interval
    """95 % bootstrap interval, clustered by prompt and labeler."""
    per_item: tuple[Item, ...]
    parts: Mapping[str, Interval] = field(default_factory=dict)
    """Further figures from the same judgements, such as the share of each flag."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reason → number of judgements that could not be used."""


class EvaluationConfig(BaseConfig):
    """What all evaluations can be told."""

    num_resamples: int = Field(default=2000, ge=100)
    """Resamples of the bootstrap behind each interval."""
    seed: int = 0
    """Seeds the bootstrap and the order in which responses are shown."""


class Evaluation(ABC):
    """One figure about a policy. A new one is a new file with one subclass, registered by `@evaluation`."""

    name: ClassVar[str]
    best: ClassVar[float]
    """What a perfect policy gets: the contract test checks it, as it does `worst`."""
    worst: ClassVar[float]
    Config: ClassVar[type[EvaluationConfig]] = EvaluationConfig

    def __init__(self, config: EvaluationConfig | None = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def run(
        self, subject: PolicyResponses, judges: Sequence[Judge], *, baseline: PolicyResponses | None = None
    ) -> EvalReport:
        """Judge `subject`; comparisons are with `baseline`, its responses to the same prompts."""


EVALUATIONS: dict[str, type[Evaluation]] = {}


def evaluation(name: str) -> Callable[[type[Evaluation]], type[Evaluation]]:
    """Register an evaluation under a name."""

    def register(cls: type[Evaluation]) -> type[Evaluation]:
        if name in EVALUATIONS:
            raise ValueError(f"there are two evaluations named '{name}'")
        cls.name = name
        EVALUATIONS[name] = cls
        return cls

    return register


def mean_of_items(items: Sequence[Item], config: EvaluationConfig) -> Interval:
    """Mean of the items' values with its interval, clustered by prompt and by labeler.

    Raises:
        ValueError: no items.
    """
    return cluster_bootstrap(
        [item.value for item in items],
        [item.prompt for item in items],
        [item.labeler for item in items],
        seed=config.seed,
        num_resamples=config.num_resamples,
    )


def blind_id(*parts: str | int) -> str:
    """A name for an item that tells a judge nothing, the same for the same parts."""
    return canonical_hash(list(parts))[:16]
