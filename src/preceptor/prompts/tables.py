"""What the prompt sets hold, in tables like 6 (sizes), 1 (use cases) and 9 to 11 (lengths) of Ouyang et al. 2022."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from preceptor.prompts.labeled import LABELS, PREDICTED, by_simulated, properties_in, use_case_in
from preceptor.prompts.private_report import PrivacyReport
from preceptor.records import USE_CASES, Prompt

MOST_LANGUAGES = 20

Sets = Mapping[str, Sequence[Prompt]]
Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Table:
    """Cells under a head, for the terminal and for Markdown; all but the first column are numbers."""

    title: str
    head: tuple[str, ...]
    rows: Rows

    def markdown(self) -> str:
        """As a Markdown table under its title."""
        lines = [self.head, ("---", *("---:" for _ in self.head[1:])), *self.rows]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sizes_table(sets: Sets) -> Table:
    """Prompts by set, split and source, and the users that they are of, like Table 6 and Table 8."""
    parts = _parts(sets)
    by_source = {name: Counter(row.source for row in rows) for name, rows in parts.items()}
    sources = sorted(set[str]().union(*by_source.values()))
    lines: Rows = [(source, *(f"{by_source[name][source]:,}" for name in parts)) for source in sources]
    lines.append(("total", *(f"{len(rows):,}" for rows in parts.values())))
    askers = [[row.user for row in rows if row.user is not None] for rows in parts.values()]
    lines.append(("users", *(f"{len(set(users)):,}" for users in askers)))
    lines.append(("prompts per user", *(f"{len(users) / len(set(users)):.2f}" if users else "–" for users in askers)))
    return Table("Sizes by source (like Table 6)", ("source", *parts), lines)


def use_cases_table(sets: Sets) -> Table:
    """Shares of the use cases in each set, of the prompts whose use case somebody gave, like Table 1."""
    lines: Rows = []
    for use_case in USE_CASES:
        shares = []
        for rows in sets.values():
            given = [row.use_case for row in rows if row.use_case is not None]
            shares.append(f"{100 * given.count(use_case) / len(given):.1f} %" if given else "–")
        lines.append((use_case, *shares))
    lines.append(("not given", *(str(sum(row.use_case is None for row in rows)) for rows in sets.values())))
    return Table("Use cases (like Table 1)", ("use case", *sets), lines)


def predicted_table(sets: Sets) -> Table:
    """Shares of the use cases that were predicted in each set, of the prompts whose use case nobody gave."""
    found = {
        name: [use_case for row in rows if row.use_case is None and (use_case := use_case_in(row, PREDICTED))]
        for name, rows in sets.items()
    }
    lines: Rows = [
        (use_case, *(f"{100 * of.count(use_case) / len(of):.1f} %" if of else "–" for of in found.values()))
        for use_case in USE_CASES
    ]
    lines.append(("predicted", *(f"{len(of):,}" for of in found.values())))
    return Table("Use cases that were predicted, where nobody gave one", ("use case", *sets), lines)


def taught_table(sets: Sets, labels: Mapping[str, int]) -> Table:
    """Where the labels of use cases come from, and the predictions: a source without labels was never tried."""
    rows = [row for part in sets.values() for row in part]
    predicted = Counter(row.source for row in rows if row.use_case is None and use_case_in(row, PREDICTED))
    lines: Rows = [(name, f"{labels.get(name, 0):,}", f"{predicted[name]:,}") for name in sorted({*labels, *predicted})]
    title = "Use cases by source: labels to learn from, and predictions, untried where there are no labels"
    return Table(title, ("source", "labels", "predicted"), lines)


def properties_table(sets: Sets) -> Table:
    """Properties of the prompts of all sets, like Table 7: of those that were labeled, and apart of the predicted."""
    rows = [row for part in sets.values() for row in part]
    given_by = _votes(properties_in(row, LABELS) for row in rows)
    predicted_by = _votes(properties_in(row, PREDICTED) for row in rows)
    lines: Rows = [
        (name, *_count(given_by.get(name, [])), *_count(predicted_by.get(name, [])))
        for name in sorted({*given_by, *predicted_by})
    ]
    title = f"Properties of the prompts in the sets (like Table 7){by_simulated(rows)}"
    return Table(title, ("property", "labeled", "of them yes", "predicted", "of them yes"), lines)


def unsafe_table(sets: Sets, title: str) -> Table:
    """Prompts of each set and split that were flagged; `title` says by what."""
    lines: Rows = []
    for name, rows in _parts(sets).items():
        num = sum(row.is_unsafe for row in rows)
        lines.append((name, f"{len(rows):,}", f"{num:,}", f"{100 * num / len(rows):.1f} %"))
    return Table(title, ("set", "prompts", "flagged", "share"), lines)


def _votes(said: Iterable[Mapping[str, bool]]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    for one in said:
        for name, is_true in one.items():
            found.setdefault(name, []).append(is_true)
    return found


def _count(votes: Sequence[bool]) -> tuple[str, str]:
    return f"{len(votes):,}", f"{100 * sum(votes) / len(votes):.1f} %" if votes else "–"


def length_tables(sets: Sets, length: Callable[[Prompt], int], unit: str) -> list[Table]:
    """Lengths by set and split, by use case and by source, like Tables 9, 10 and 11."""
    rows = [row for part in sets.values() for row in part]
    by_use_case = {str(name): [row for row in rows if row.use_case == name] for name in USE_CASES}
    by_source = {name: [row for row in rows if row.source == name] for name in sorted({row.source for row in rows})}
    groups = {"set (like Table 9)": _parts(sets), "use case (like Table 10)": by_use_case,
              "source (like Table 11)": by_source}  # fmt: skip
    lengths = {id(row): length(row) for row in rows}
    head = ("prompts", "mean", "std", "min", "25 %", "50 %", "75 %", "max")
    return [
        Table(
            f"Lengths in {unit} by {by}",
            (by.partition(" (")[0], *head),
            [(name, *_spread([lengths[id(row)] for row in part])) for name, part in parts.items() if part],
        )
        for by, parts in groups.items()
    ]


def private_table(report: PrivacyReport) -> Table:
    """What was found of each kind of personal data in messages of the train split, and what was done."""
    lines: Rows = [
        (kind, one.action, f"{one.num_found:,}", f"{one.num_prompts:,}") for kind, one in report.kinds.items()
    ]
    title = f"Personal data in {report.num_prompts:,} messages of the train split"
    return Table(title, ("kind", "action", "found", "messages"), lines)


def languages_table(languages: Mapping[str, int]) -> Table:
    """Prompts by language, the most frequent first."""
    total = sum(languages.values())
    order = sorted(languages.items(), key=lambda one: (-one[1], one[0]))
    lines: Rows = [(code, f"{num:,}", f"{100 * num / total:.1f} %") for code, num in order[:MOST_LANGUAGES]]
    if rest := sum(num for _, num in order[MOST_LANGUAGES:]):
        lines.append((f"{len(order) - MOST_LANGUAGES} others", f"{rest:,}", f"{100 * rest / total:.1f} %"))
    return Table("Languages", ("language", "prompts", "share"), lines)


def _parts(sets: Sets) -> dict[str, list[Prompt]]:
    """Each set's splits by name, such as 'sft train'; those that are empty are left out."""
    parts = {
        f"{name} {split}": [row for row in rows if row.split == split]
        for name, rows in sets.items()
        for split in ("train", "valid", "test")
    }
    return {name: rows for name, rows in parts.items() if rows}


def _spread(lengths: Sequence[int]) -> tuple[str, ...]:
    low, quarter, half, most, high = np.percentile(lengths, (0, 25, 50, 75, 100))
    figures = (np.mean(lengths), np.std(lengths), low, quarter, half, most, high)
    return (f"{len(lengths):,}", *(f"{figure:,.0f}" for figure in figures))
