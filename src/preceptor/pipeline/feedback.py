"""What the pipeline asks of labelers, whoever they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from preceptor.errors import UserError
from preceptor.records import Candidates, Demonstration, Document, Prompt, Ranking, Rating, Record


@dataclass(frozen=True)
class Evidence:
    """What held-out labelers said of the policies' responses to the test prompts."""

    rankings: Sequence[Ranking]
    """One per prompt and labeler, over all policies at once; a response's id is its policy's name."""
    ratings: Sequence[Rating]


class Feedback(Protocol):
    """What the pipeline asks of labelers. `todo` is where work for people is written down."""

    origin: Literal["human", "simulated"]

    def prompts(self) -> list[Prompt]:
        """All prompts there are."""

    def documents(self) -> list[Document]:
        """Pretraining text; may be empty."""

    def demonstrations(self, prompts: Sequence[Prompt], todo: Path) -> list[Demonstration]:
        """What labelers write."""

    def rankings(self, candidates: Sequence[Candidates], todo: Path) -> list[Ranking]:
        """How labelers order the candidates; some by the held-out group."""

    def evidence(self, candidates: Sequence[Candidates], todo: Path) -> Evidence:
        """What held-out labelers say of all policies' responses."""

    def sources(self, rows: Sequence[Record]) -> Mapping[str, str]:
        """Place in the project → content hash of what these rows were read from."""

    def gold(self, prompt: Prompt, text: str) -> Mapping[str, Any] | None:
        """The truth about a response, where it is known: in the closed world only."""

    def has_constraint(self, prompt: Prompt) -> bool:
        """Whether the prompt states a constraint that a response can satisfy."""


def apart(rows: Sequence[Ranking]) -> tuple[list[Ranking], list[Ranking]]:
    """Rankings to train on and rankings to measure on; what held-out labelers did never trains.

    Measured on held-out labelers' rankings where there are any, on those outside the train split elsewhere.

    Raises:
        UserError: one of the two is empty.
    """
    train = [row for row in rows if row.labeler.group == "training"]
    heldout = [row for row in rows if row.labeler.group == "held_out"]
    if not heldout:
        heldout = [row for row in train if row.prompt.split != "train"]
        train = [row for row in train if row.prompt.split == "train"]
    if not heldout or not train:
        raise UserError(
            f"{len(train)} rankings to train on and {len(heldout)} to measure on: both are needed",
            remedy="`preceptor import FILE` brings rankings in and splits them; "
            "`--option labeler_group=held_out` marks those of held-out labelers",
        )
    return train, heldout
