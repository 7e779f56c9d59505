"""What labelers make: demonstrations, rankings, ratings also of toxicity. And the responses that they judge."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, JsonValue, field_serializer, model_validator

from preceptor.records.base import Record
from preceptor.records.prompt import Prompt

Flag = Literal[
    "fails_instruction", "inappropriate_for_assistant", "hallucination", "satisfies_constraint",
    "sexual_content", "violent_content", "encourages_violence", "denigrates_protected_class",
    "harmful_advice", "expresses_opinion", "expresses_moral_judgment",
]  # fmt: skip

FLAGS: tuple[Flag, ...] = get_args(Flag)
"""The eleven binary flags of Ouyang et al. 2022, Table 3, in its order."""


class Labeler(Record):
    """Who judged: a pseudonym, a group, and whether it is a person."""

    id: str
    """Pseudonym; 'unknown' when the source does not say who judged."""
    group: Literal["training", "held_out"] = "training"
    """Labelers of the held-out group make no training data: they show how far a model suits people it never met."""
    origin: Literal["human", "simulated"] = "human"
    """A person, or a simulation of one."""


class Sampling(Record):
    """How a response was drawn from its model."""

    temperature: float = Field(default=1.0, ge=0)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Share of the probability that is kept, most likely tokens first; 1 keeps all."""
    top_k: int = Field(default=0, ge=0)
    """0 keeps the whole vocabulary."""
    max_tokens: int = Field(default=64, ge=1)
    """Longest response, in tokens, its end token included."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Texts at the first of which a response ends; what is shown of it ends before."""

    def shown(self, text: str) -> str:
        """What comes before the first stop string."""
        return text[: min((text.find(stop) for stop in self.stop if stop in text), default=len(text))]


class Response(Record):
    """One text that answers a prompt, with where it came from."""

    id: str
    """Unique among the responses to one prompt."""
    text: str
    """What is said, without special tokens."""
    model: str | None = None
    """Name or content hash of the model that wrote it; None for a person's text."""
    sampling: Sampling | None = None
    """How it was drawn; None when it is not known."""
    tokens: tuple[int, ...] | None = None
    """Token ids as sampled, end token included when the model ended by itself."""
    finished: bool | None = None
    """Whether the model ended by itself; None when it is not known."""


class Demonstration(Record):
    """A prompt and what the assistant should say to it."""

    id: str
    """Unique in its artifact for each labeler: those who did the same task share its id."""
    prompt: Prompt
    """What was asked."""
    response: str
    """What the labeler wrote for the assistant to say."""
    labeler: Labeler
    """Who wrote it."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""


class Ranking(Record):
    """An order over the K responses to one prompt: groups from best to worst, ties share a group."""

    id: str
    """Unique in its artifact for each labeler: those who did the same task share its id."""
    prompt: Prompt
    """What was asked."""
    responses: tuple[Response, ...] = Field(min_length=1)
    """The K responses that were shown, in the order in which they were shown where it is known."""
    groups: tuple[tuple[str, ...], ...]
    """Response ids, best group first. `B > {D, A} > C` is (("B",), ("D", "A"), ("C",))."""
    labeler: Labeler
    """Who ranked them."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""

    @model_validator(mode="after")
    def _groups_cover_responses(self) -> Self:
        check_groups([response.id for response in self.responses], self.groups)
        return self

    def ranks(self) -> dict[str, int]:
        """Rank of each response id: 0 is best, equal is tied."""
        return {response_id: rank for rank, group in enumerate(self.groups) for response_id in group}

    def pairs(self) -> list[tuple[int, int]]:
        """(chosen, rejected) indices into `responses` of every untied pair."""
        ranks = self.ranks()
        order = [ranks[response.id] for response in self.responses]
        return [(i, j) for i in range(len(order)) for j in range(len(order)) if order[i] < order[j]]


class Rating(Record):
    """One response judged alone: overall quality and flags."""

    id: str
    """Unique in its artifact for each labeler: those who did the same task share its id."""
    prompt: Prompt
    """What was asked."""
    response: Response
    """What is judged."""
    likert: int = Field(ge=1, le=7)
    """1 is worst, 7 is best."""
    flags: frozenset[Flag] = frozenset()
    """What the labeler ticked; a flag that is absent was not ticked."""
    labeler: Labeler
    """Who judged."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""

    @field_serializer("flags")
    def _flags_in_order(self, flags: frozenset[Flag]) -> list[Flag]:
        # A set's order changes from process to process; content hashes must not.
        return [flag for flag in FLAGS if flag in flags]


class ResponseToxicity(Record):
    """One response as it goes on from a prompt that may be toxic."""

    response: Response
    """What is judged."""
    toxicity: int = Field(ge=0, le=2)
    """0 is not toxic, 2 is very toxic."""
    relative_toxicity: int = Field(ge=-1, le=1)
    """−1 is less toxic than the prompt, 1 is more."""
    continuity: int = Field(ge=1, le=7)
    """How well it goes on from the prompt: 1 is worst, 7 is best."""


class ToxicityRating(Record):
    """How toxic a prompt and the responses to it are, and which ones are preferred (Ouyang et al. 2022, Figure 11)."""

    id: str
    """Unique in its artifact for each labeler: those who did the same task share its id."""
    prompt: Prompt
    """What was to be gone on with."""
    prompt_toxicity: int = Field(ge=0, le=2)
    """As of a response."""
    responses: tuple[ResponseToxicity, ...] = Field(min_length=1)
    """Each response judged."""
    groups: tuple[tuple[str, ...], ...]
    """Response ids by preference, as in a ranking."""
    labeler: Labeler
    """Who judged."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""

    @model_validator(mode="after")
    def _groups_cover_responses(self) -> Self:
        check_groups([judged.response.id for judged in self.responses], self.groups)
        return self


def check_groups(shown: Sequence[str], groups: Sequence[Sequence[str]]) -> None:
    """Check that an order over responses names each of those that were shown exactly once.

    Raises:
        ValueError: it does not, two of those shown share an id, or a group is empty.
    """
    ranked = [response_id for group in groups for response_id in group]
    if len(set(shown)) != len(shown):
        raise ValueError(f"two responses share an id: {list(shown)}")
    if unknown := [response_id for response_id in ranked if response_id not in shown]:
        raise ValueError(f"groups name a response that does not exist: {unknown[0]!r}")
    if len(set(ranked)) != len(ranked):
        raise ValueError(f"groups name a response twice: {ranked}")
    if missing := [response_id for response_id in shown if response_id not in ranked]:
        raise ValueError(f"groups leave out response {missing[0]!r}")
    if any(not group for group in groups):
        raise ValueError("groups hold an empty group")
