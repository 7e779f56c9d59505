"""What the report of the prompts is made of: counts and lengths, and of people's texts nothing but masked examples."""

from collections import Counter

from pydantic import Field, JsonValue

from preceptor.records import Split
from preceptor.records.base import Record


class StepCount(Record):
    """One step of the build: how many prompts it read, and how many it left out."""

    name: str
    num_read: int
    num_dropped: int
    finds_duplicates: bool = False

    @property
    def num_left(self) -> int:
        """What goes on to the next step."""
        return self.num_read - self.num_dropped


class SetPart(Record):
    """One split of one set."""

    set: str
    split: Split
    by_source: dict[str, int]
    per_user: tuple[int, ...] = ()
    """Prompts of each user, the largest number first."""
    use_cases: dict[str, int] = Field(default_factory=dict)
    """Use case → prompts of which somebody said it."""
    predicted: dict[str, int] = Field(default_factory=dict)
    """Use case → prompts of which nobody said any, and a classifier said this."""
    num_unsafe: int = 0
    """Prompts that the screen for unsafe content flagged."""
    lengths: tuple[int, ...]

    @property
    def name(self) -> str:
        """Such as 'sft train'."""
        return f"{self.set} {self.split}"

    @property
    def num_prompts(self) -> int:
        """How many prompts there are in it."""
        return len(self.lengths)


class PrivateCount(Record):
    """One kind of personal data in the train split."""

    kind: str
    action: str
    """drop, mask or keep."""
    num_found: int
    num_messages: int
    examples: tuple[str, ...] = ()
    """Masked, on one line each."""


class TableText(Record):
    """A table as it stands in the terminal and in the data card."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class PromptFacts(Record):
    """All that the report of the prompts says."""

    num_raw: int
    steps: tuple[StepCount, ...]
    parts: tuple[SetPart, ...]
    wanted: dict[str, int] = Field(default_factory=dict)
    """Set → prompts that the recipe asks for."""
    unit: str
    """What lengths are counted in: tokens or words."""
    max_tokens: int
    """Longest prompt that is trained on."""
    lengths_by_use_case: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    lengths_by_source: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    languages: dict[str, int]
    """ISO 639-1 code → prompts; `und` and `zxx` for those in no language."""
    languages_kept: tuple[str, ...] = ()
    """Those that the recipe keeps; none keeps all."""
    private: tuple[PrivateCount, ...] = ()
    num_messages: int = 0
    """Messages of the train split that were searched for personal data."""
    num_with_private: int = 0
    """Those in which some was found."""
    screened_by: str | None = None
    """The scorer that looked for unsafe content; None where none did."""
    num_labeled_by_simulated: int = 0
    """Prompts in the sets that simulated labelers labeled."""
    per_user: tuple[int, ...] = ()
    """Prompts of each user in all sets together, the largest number first."""
    tables: dict[str, tuple[TableText, ...]] = Field(default_factory=dict)
    """Section → its tables."""
    config: dict[str, JsonValue] = Field(default_factory=dict)
    """The recipe's section on prompts."""
    version: str = ""

    @property
    def num_prompts(self) -> int:
        """Prompts in all sets together."""
        return sum(part.num_prompts for part in self.parts)

    def sizes(self) -> dict[str, int]:
        """Set → prompts in it."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            counts[part.set] += part.num_prompts
        return dict(counts)

    def use_cases(self, name: str | None = None) -> tuple[Counter[str], Counter[str]]:
        """Use cases that were given, and those that were predicted, in one set or in all."""
        given, predicted = Counter[str](), Counter[str]()
        for part in self.parts:
            if name in (None, part.set):
                given.update(part.use_cases)
                predicted.update(part.predicted)
        return given, predicted
