"""Prompts as training sees them, out of the raw rows that the steps left in: personal data treated, languages known."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from preceptor.prompts.config import BuildConfig
from preceptor.prompts.labeled import LABELS, PREDICTED, Labeled
from preceptor.prompts.language import language_of
from preceptor.prompts.private import Treated, treat
from preceptor.prompts.private_report import PrivacyReport, privacy_report
from preceptor.prompts.raw import Raw, RawPrompts
from preceptor.prompts.steps import SPLITS, Decisions, prompt_id
from preceptor.prompts.unsafe import UNSAFE, Screen
from preceptor.prompts.use_cases import Classifier, described
from preceptor.records import Message, Prompt, Split

OURS = (LABELS, PREDICTED, UNSAFE)
"""Names in the metadata that mean something here; what a source had under them gets another name."""
PRIVATE = "personal data"
LANGUAGE = "language"


@dataclass(frozen=True)
class Beyond:
    """What is said of prompts beyond what they came with; it can be pickled."""

    given: Mapping[str, Labeled] = field(default_factory=dict)
    """Id → what labelers said of the prompt."""
    classifier: Classifier | None = None
    """Predicts what nobody said."""
    screen: Screen | None = None
    """Flags what is unsafe."""

    def of(self, prompts: list[Prompt]) -> list[Prompt]:
        """The prompts with all that."""
        known = described(prompts, self.given, self.classifier)
        return known if self.screen is None else self.screen.screened(known)


@dataclass
class Made:
    """What became of the prompts that the steps left in; filled while they pass."""

    report: PrivacyReport
    """Personal data in prompts of the train split."""
    prompts: list[Prompt] = field(default_factory=list)
    """Those of one shard."""
    splits: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    """Languages of all of them, also of those that are dropped for theirs."""
    num_unsafe: int = 0
    """Those that were flagged."""
    dropped: dict[str, list[str]] = field(default_factory=lambda: {PRIVATE: [], LANGUAGE: []})
    """Step → keys of the raw prompts that it dropped."""

    @classmethod
    def nothing(cls, config: BuildConfig) -> "Made":
        """Before the first."""
        return cls(privacy_report([], config.private))

    def take(self, shard: "Made") -> None:
        """Count what became of another shard."""
        self.splits += shard.splits
        self.languages += shard.languages
        self.num_unsafe += shard.num_unsafe
        for step, keys in shard.dropped.items():
            self.dropped[step] += keys
        self.report = self.report.and_of(shard.report)


def make_prompts(
    prompts: RawPrompts, decisions: Decisions, config: BuildConfig, beyond: Beyond, made: Made
) -> Iterator[Prompt]:
    """The prompts that are kept, each in its split; the last one made, `decisions` has what was dropped on the way."""
    kept = np.flatnonzero(decisions.is_kept)
    keys = decisions.keys[kept]
    parts = [(keys[part], decisions.splits[kept[part]]) for part in prompts.cut(keys)]
    for shard in prompts.each("Making prompts", partial(_make, config, beyond), parts):
        yield from shard.prompts
        made.take(shard)
    for step, dropped in made.dropped.items():
        decisions.drop(step, decisions.find(dropped))


def _make(config: BuildConfig, beyond: Beyond, rows: list[Raw], part: tuple[np.ndarray, np.ndarray]) -> Made:
    """What becomes of a shard. A row that came in after the steps were taken is for the next build."""
    splits = {key.decode(): SPLITS[split] for key, split in zip(*part, strict=True)}
    made = Made.nothing(config)
    treatments: list[tuple[str, Treated]] = []
    for row in rows:
        if row.key not in splits:
            continue
        texts = [message["content"] for message in row.messages]
        if splits[row.key] == "train":  # the other splits are not trained on
            treated = [treat(text, config.private) for text in texts]
            treatments += zip(texts, treated, strict=True)
            texts = [one.text for one in treated if one.text is not None]
        reason = _refused(row, texts, config, made)
        if reason is None:
            made.splits[splits[row.key]] += 1
            made.prompts.append(_prompt(row, texts, splits[row.key]))
        else:
            made.dropped[reason].append(row.key)
    made.prompts = beyond.of(made.prompts)
    made.num_unsafe = sum(prompt.is_unsafe for prompt in made.prompts)
    made.report = privacy_report(treatments, config.private)
    return made


def _refused(row: Raw, texts: list[str], config: BuildConfig, made: Made) -> str | None:
    """The step that drops a row whose texts are treated; None when it stays. Its language is counted."""
    if len(texts) < len(row.messages):
        return PRIVATE
    said = [text for text, message in zip(texts, row.messages, strict=True) if message["role"] == "user"]
    code = language_of("\n".join(said)).code
    made.languages[code] += 1
    return LANGUAGE if config.languages and code not in config.languages else None


def _prompt(row: Raw, texts: list[str], split: Split) -> Prompt:
    roles = [message["role"] for message in row.messages]
    return Prompt(
        id=prompt_id(row.key),
        messages=tuple(Message(role=role, content=text) for role, text in zip(roles, texts, strict=True)),
        source=row.source,
        user=row.user,
        use_case=row.use_case,
        split=split,
        metadata={f"{name}_before" if name in OURS else name: value for name, value in row.details.items()},
    )
