"""What was built, as the report of the prompts wants it: counts and lengths."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from preceptor import __version__
from preceptor.pipeline.recipe import PromptsConfig
from preceptor.prompts.labeled import PREDICTED, num_simulated_in, use_case_in
from preceptor.prompts.private_report import PrivacyReport
from preceptor.prompts.tables import Table
from preceptor.prompts.unsafe import Screen
from preceptor.records import USE_CASES, Prompt, Split
from preceptor.reporting.prompt_data import PrivateCount, PromptFacts, SetPart, StepCount, TableText

DUPLICATES = ("exact duplicate", "long common prefix", "near duplicate")
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
SIZES = {"sft": "num_sft", "reward": "num_reward", "rl": "num_rl", "test": "num_test"}
"""Set → the field of the recipe that says how many prompts it wants."""


def prompt_facts(
    sets: Mapping[str, Sequence[Prompt]],
    steps: Sequence[tuple[str, int, int]],
    languages: Mapping[str, int],
    report: PrivacyReport,
    screen: Screen | None,
    length: Callable[[Prompt], int],
    unit: str,
    config: PromptsConfig,
    tables: Mapping[str, Sequence[Table]],
) -> PromptFacts:
    """The facts; `steps` are (step, prompts read, prompts left out), `length` counts in `unit`, `tables` by section."""
    rows = list(chain.from_iterable(sets.values()))
    parts = [
        _part(name, split, some, length)
        for name, rows in sets.items()
        for split in SPLITS
        if (some := [row for row in rows if row.split == split])
    ]
    sources = sorted({row.source for row in rows})
    return PromptFacts(
        num_raw=steps[0][1] if steps else len(rows),
        steps=tuple(
            StepCount(name=name, num_read=read, num_dropped=num, finds_duplicates=name in DUPLICATES)
            for name, read, num in steps
        ),
        parts=tuple(parts),
        wanted={name: getattr(config, SIZES[name.partition("-")[0]]) for name in sets},
        unit=unit,
        max_tokens=config.max_tokens,
        lengths_by_use_case={
            str(name): tuple(length(row) for row in rows if row.use_case == name) for name in USE_CASES
        },
        lengths_by_source={name: tuple(length(row) for row in rows if row.source == name) for name in sources},
        languages=dict(languages),
        languages_kept=config.build.languages,
        private=tuple(
            PrivateCount(
                kind=kind, action=one.action, num_found=one.num_found, num_messages=one.num_prompts,
                examples=one.examples,
            )
            for kind, one in report.kinds.items()
        ),
        num_messages=report.num_prompts,
        num_with_private=report.num_with_findings,
        screened_by=None if screen is None or screen.scorer is None else screen.name,
        num_labeled_by_simulated=sum(num_simulated_in(row) > 0 for row in rows),
        per_user=_per_user(rows),
        tables={section: tuple(_table(one) for one in some) for section, some in tables.items()},
        config=config.model_dump(mode="json"),
        version=__version__,
    )  # fmt: skip


def _part(name: str, split: Split, rows: Sequence[Prompt], length: Callable[[Prompt], int]) -> SetPart:
    return SetPart(
        set=name,
        split=split,
        by_source=dict(Counter(row.source for row in rows)),
        per_user=_per_user(rows),
        use_cases=_counted(row.use_case for row in rows),
        predicted=_counted(use_case_in(row, PREDICTED) for row in rows if row.use_case is None),
        num_unsafe=sum(row.is_unsafe for row in rows),
        lengths=tuple(length(row) for row in rows),
    )


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name is not None))


def _per_user(rows: Iterable[Prompt]) -> tuple[int, ...]:
    return tuple(sorted(_counted(row.user for row in rows).values(), reverse=True))


def _table(table: Table) -> TableText:
    return TableText(title=table.title, head=table.head, rows=tuple(table.rows))
