"""What labelers said of prompts, one word for each prompt: its use case, and its properties of Table 7."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from preceptor.prompts.texts import whole_text
from preceptor.records import USE_CASES, Prompt

LABELS = "labels"
"""In a prompt's metadata: what labelers said of it."""
PREDICTED = "predicted"
"""In a prompt's metadata: what nobody said of it."""


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
    source: str = "unknown"
    """Where the prompt came from."""

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


def properties_in(prompt: Prompt, place: str) -> dict[str, bool]:
    """The properties that stand in a prompt's metadata under `LABELS` or `PREDICTED`."""
    said = prompt.metadata.get(place)
    properties = said.get("properties") if isinstance(said, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {name: is_true for name, is_true in properties.items() if isinstance(is_true, bool)}


def use_case_in(prompt: Prompt, place: str) -> str | None:
    """The use case that stands there."""
    said = prompt.metadata.get(place)
    use_case = said.get("use_case") if isinstance(said, dict) else None
    return next((name for name in USE_CASES if name == use_case), None)


def by_simulated(prompts: Iterable[Prompt]) -> str:
    """How many prompts simulated labelers labeled, to stand beside a figure; nothing where none."""
    num = sum(num_simulated_in(prompt) > 0 for prompt in prompts)
    return f", {num:,} of them labeled by simulated labelers" if num else ""


def num_simulated_in(prompt: Prompt) -> int:
    """How many of a prompt's labelers are simulated."""
    labels = prompt.metadata.get(LABELS)
    num = labels.get("num_simulated") if isinstance(labels, dict) else None
    return num if isinstance(num, int) else 0


def came_with(id: str, messages: Sequence[Any], user: str | None, use_case: str, source: str) -> Labeled:
    """A prompt whose use case somebody gave before any labeler saw it."""
    return Labeled(id, whole_text(messages), user, use_case, source=source)


def _agreed(rows: Sequence[Prompt]) -> Labeled:
    votes: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        for name, is_true in properties_in(row, LABELS).items():
            votes[name].append(is_true)
    agreed = {name: most_frequent(given) for name, given in votes.items()}
    first = rows[0]
    return Labeled(
        first.id, whole_text([message.model_dump() for message in first.messages]), first.user,
        most_frequent([use_case_in(row, LABELS) for row in rows]),
        {name: is_true for name, is_true in agreed.items() if is_true is not None},
        len(rows), sum(_is_simulated(row) for row in rows), first.source,
    )  # fmt: skip


def _is_simulated(row: Prompt) -> bool:
    labels = row.metadata[LABELS]
    return isinstance(labels, dict) and labels.get("origin") == "simulated"


def most_frequent(said: Sequence[Any]) -> Any:
    """What is said most often; None on a tie."""
    counts = Counter(said).most_common(2)
    return None if len(counts) == 2 and counts[0][1] == counts[1][1] else counts[0][0]
