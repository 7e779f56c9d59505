"""Prompts as training sees them, out of the raw rows that the steps left in: personal data treated, languages known."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from preceptor.prompts.config import BuildConfig
from preceptor.prompts.language import language_of
from preceptor.prompts.private import PrivacyConfig, Treated, treat
from preceptor.prompts.private_report import PrivacyReport, privacy_report
from preceptor.prompts.raw import Raw
from preceptor.prompts.steps import SPLITS, Decisions, Drop, prompt_id
from preceptor.records import Message, Prompt, Split

PRIVATE = "personal data"
LANGUAGE = "language"


@dataclass(frozen=True)
class Treatment:
    """What was done about personal data in prompts of the train split."""

    changed: dict[str, list[str] | None]
    """Key of a raw prompt in which something was found → its messages' texts afterwards; None: it is dropped."""
    report: PrivacyReport


@dataclass
class Made:
    """What became of the prompts that the steps left in; filled while they pass."""

    splits: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, int] = field(default_factory=dict)
    """Step → prompts that it dropped."""
    drops: list[Drop] = field(default_factory=list)

    def drop(self, row: Raw, step: str) -> None:
        """Count a prompt that is left out, and write it down."""
        self.dropped[step] = self.dropped.get(step, 0) + 1
        self.drops.append(Drop(id=prompt_id(row.key), step=step))


def treat_private(rows: Iterable[Raw], decisions: Decisions, config: PrivacyConfig) -> Treatment:
    """Look for personal data in every message of the train split."""
    changed: dict[str, list[str] | None] = {}

    def treatments() -> Iterator[tuple[str, Treated]]:
        for row, split in _kept(rows, decisions):
            if split != "train":
                continue
            texts = [message["content"] for message in row.messages]
            treated = [treat(text, config) for text in texts]
            if any(one.findings for one in treated):
                after = [one.text for one in treated if one.text is not None]
                changed[row.key] = after if len(after) == len(texts) else None
            yield from zip(texts, treated, strict=True)

    report = privacy_report(treatments(), config)
    return Treatment(changed, report)


def made_prompts(
    rows: Iterable[Raw], decisions: Decisions, treatment: Treatment, config: BuildConfig, made: Made
) -> Iterator[Prompt]:  # fmt: skip
    """The prompts that are kept, each in its split."""
    for row, split in _kept(rows, decisions):
        texts = treatment.changed.get(row.key, [message["content"] for message in row.messages])
        if texts is None:
            made.drop(row, PRIVATE)
            continue
        said = [text for text, message in zip(texts, row.messages, strict=True) if message["role"] == "user"]
        code = language_of("\n".join(said)).code
        made.languages[code] += 1
        if config.languages and code not in config.languages:
            made.drop(row, LANGUAGE)
            continue
        made.splits[split] += 1
        roles = [message["role"] for message in row.messages]
        yield Prompt(
            id=prompt_id(row.key),
            messages=tuple(Message(role=role, content=text) for role, text in zip(roles, texts, strict=True)),
            source=row.source,
            user=row.user,
            use_case=row.use_case,
            split=split,
            metadata=row.details,
        )


def _kept(rows: Iterable[Raw], decisions: Decisions) -> Iterator[tuple[Raw, Split]]:
    """Rows that the steps left in; one that came in after the steps were taken is for the next build."""
    for row in rows:
        place = int(np.searchsorted(decisions.keys, row.key.encode()))
        is_known = place < len(decisions.keys) and decisions.keys[place] == row.key.encode()
        if is_known and decisions.split[place] >= 0:
            yield row, SPLITS[decisions.split[place]]
