"""What labelers said of prompts, one word for each prompt: its use case, and its properties of Table 7."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from preceptor.prompts.texts import whole_text
from preceptor.records import Prompt

LABELS = "labels"
"""In a prompt's metadata: what labelers said of it."""


@dataclass(frozen=True)
class Labeled:
    """A prompt of which somebody said what it is like."""

    id: str
    text: str
    user: str | None
    use_case: str | None = None
    """None where nobody said, or as many said one thing as another."""
    properties: Mapping[str, bool] = field(default_factory=dict)
    """Those that were asked about and on which more said one thing than the other."""
    num_labelers: int = 0
    """0 for a use case that the prompt came with."""
    num_simulated: int = 0
    """Those among the labelers who are simulated."""

    @property
    def group(self) -> Hashable:
        """Whose prompt it is; a prompt of nobody in particular stands by itself."""
        return self.id if self.user is None else ("user", self.user)

    @property
    def metadata(self) -> dict[str, JsonValue]:
        """What stands in the prompt's metadata under `LABELS`."""
        said: dict[str, JsonValue] = {"use_case": self.use_case, "properties": dict(self.properties)}
        return said | {"num_labelers": self.num_labelers, "num_simulated": self.num_simulated}


def labeled_prompts(rows: Iterable[Prompt]) -> dict[str, Labeled]:
    """Id → what was said of the prompt, over exports of `prompt_labels`; other prompts are passed over.

    With several labelers the more frequent word holds, and none on a tie.
    """
    by_id: dict[str, list[Prompt]] = defaultdict(list)
    for row in rows:
        labels = row.metadata.get(LABELS)
        if isinstance(labels, dict) and "labeler" in labels:
            by_id[row.id].append(row)
    return {name: _agreed(found) for name, found in sorted(by_id.items())}


def came_with(id: str, messages: Sequence[Any], user: str | None, use_case: str) -> Labeled:
    """A prompt whose use case somebody gave before any labeler saw it."""
    return Labeled(id, whole_text(messages), user, use_case)


def _agreed(rows: Sequence[Prompt]) -> Labeled:
    said: list[Any] = [row.metadata[LABELS] for row in rows]
    votes: dict[str, list[bool]] = defaultdict(list)
    for one in said:
        for name, is_true in one["properties"].items():
            votes[name].append(is_true)
    agreed = {name: most_frequent(given) for name, given in votes.items()}
    first = rows[0]
    return Labeled(
        first.id, whole_text([message.model_dump() for message in first.messages]), first.user,
        most_frequent([one["use_case"] for one in said]),
        {name: is_true for name, is_true in agreed.items() if is_true is not None},
        len(said), sum(one.get("origin") == "simulated" for one in said),
    )  # fmt: skip


def most_frequent(said: Sequence[Any]) -> Any:
    """What is said most often; None on a tie."""
    counts = Counter(said).most_common(2)
    return None if len(counts) == 2 and counts[0][1] == counts[1][1] else counts[0][0]
