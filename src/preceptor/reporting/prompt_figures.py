"""The figures of the report of the prompts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from preceptor.records import USE_CASES
from preceptor.reporting.drawing import ACCENT, INK, LINE, MUTED, PAPER, Drawing, legend_above, plain_id, sheet, short
from preceptor.reporting.prompt_data import PromptFacts, SetPart
from preceptor.reporting.words import share_of, whole_percent

SOURCE_COLOURS = (ACCENT, INK, MUTED)
ACTION_COLOURS = {"drop": INK, "mask": ACCENT, "keep": MUTED}
MOST_ROWS = 12
"""Rows of a figure; the tables have all."""
USER_BINS = (1, 2, 3, 6, 11, 21, 51, 101, 201)
"""Where a bar of the figure on users begins."""
TICKS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
NUM_BINS = 24


def draw(facts: PromptFacts) -> dict[str, list[Drawing]]:
    """All figures that the facts allow, by section."""
    candidates = {
        "steps": [funnel(facts)],
        "sizes": [sizes(facts), users(facts)],
        "use-cases": [use_cases(facts, name) for name in facts.sizes()],
        "unsafe": [unsafe(facts)],
        "lengths": lengths(facts),
        "languages": [languages(facts)],
        "private": [private(facts)],
    }
    return {section: [drawing for drawing in row if drawing is not None] for section, row in candidates.items()}


def funnel(facts: PromptFacts) -> Drawing:
    """What each step leaves of all that came in."""
    rows = [("came in", facts.num_raw, 0), *((step.name, step.num_left, step.num_dropped) for step in facts.steps)]
    said = ", ".join(f"{name} leaves {left:,}" for name, left, _ in rows[1:])
    with sheet("funnel", 0.2 + 0.31 * len(rows), f"Of {facts.num_raw:,} raw prompts {said}.") as page:
        axes = page.axes()[0]
        for place, (_, left, dropped) in enumerate(reversed(rows)):
            axes.barh(place, left, height=0.6, color=ACCENT, linewidth=0)
            axes.barh(place, dropped, left=left, height=0.6, color=LINE, linewidth=0)
            label = f"{left:,}" + (f"  (−{dropped:,})" if dropped else "")
            axes.text(left + dropped + 0.02 * facts.num_raw, place, label, va="center", color=INK)
        _bare(axes, [name for name, _, _ in rows], 1.45 * facts.num_raw)
    return Drawing("What each step leaves", page.svg, "Dark is what goes on, light is what the step leaves out.")


def sizes(facts: PromptFacts) -> Drawing:
    """Prompts of each split of each set, by source."""
    total = {source: len(rows) for source, rows in facts.lengths_by_source.items()}
    sources = sorted(total, key=lambda source: (-total[source], source))
    groups = {source: [source] for source in sources[: len(SOURCE_COLOURS)]}
    if rest := sources[len(SOURCE_COLOURS) :]:
        groups["other sources"] = rest
    widest = max(part.num_prompts for part in facts.parts)
    said = ", ".join(f"{part.name} {part.num_prompts:,}" for part in facts.parts)
    with sheet("sizes", 0.55 + 0.31 * len(facts.parts), f"Prompts by set and split: {said}.") as page:
        axes = page.axes()[0]
        places = list(range(len(facts.parts)))[::-1]
        starts = np.zeros(len(facts.parts))
        for colour, (title, members) in zip((*SOURCE_COLOURS, LINE), groups.items(), strict=False):
            widths = [sum(part.by_source.get(source, 0) for source in members) for part in facts.parts]
            axes.barh(places, widths, left=starts, height=0.6, color=colour, linewidth=0, label=_label(title))
            starts += widths
        for place, part in zip(places, facts.parts, strict=True):
            axes.text(part.num_prompts + 0.02 * widest, place, f"{part.num_prompts:,}", va="center", color=INK)
        legend_above(axes, columns=2)
        _bare(axes, [part.name for part in facts.parts], 1.2 * widest)
    return Drawing("Size by set, split and source", page.svg)


def users(facts: PromptFacts) -> Drawing | None:
    """How many users have so many prompts."""
    if not facts.per_user:
        return None
    edges = [*USER_BINS, max(facts.per_user[0] + 1, USER_BINS[-1] + 1)]
    counts = np.histogram(facts.per_user, edges)[0]
    labels = [_between(low, high) for low, high in pairwise(edges[:-1])]
    labels.append(f"{USER_BINS[-1]:,} or more")
    last = int(np.flatnonzero(counts)[-1]) + 1
    rows = list(zip(labels[:last], counts[:last].tolist(), strict=True))
    svg = _bars("users", "Users by their number of prompts", rows)
    return Drawing("Users by number of prompts", svg, "Over all sets together; those without a user are not counted.")


def use_cases(facts: PromptFacts, name: str) -> Drawing | None:
    """Shares of the use cases in one set; what a classifier said stands apart from what people said."""
    given, predicted = facts.use_cases(name)
    if not given and not predicted:
        return None
    cases = [case for case in USE_CASES if given[case] or predicted[case]]
    kinds = [("given", given, {"color": ACCENT}), ("predicted", predicted, {"color": PAPER, "edgecolor": MUTED})]
    kinds = [kind for kind in kinds if kind[1]]
    said = "; ".join(
        f"{title}: " + ", ".join(f"{_label(case)} {whole_percent(counts[case] / counts.total())}" for case in cases)
        for title, counts, _ in kinds
    )
    height = 0.62 / len(kinds)
    with sheet(f"use-cases-{plain_id(name)}", 0.5 + 0.3 * len(kinds) * len(cases), f"{name}, {said}.") as page:
        axes = page.axes()[0]
        widest = max(counts[case] / counts.total() for _, counts, _ in kinds for case in cases)
        for number, (title, counts, style) in enumerate(kinds):
            shift = (len(kinds) - 1 - 2 * number) * height / 2
            for place, case in enumerate(reversed(cases)):
                share = counts[case] / counts.total()
                first = title if place == 0 else None
                axes.barh(place + shift, share, height=0.9 * height, linewidth=1 if title == "predicted" else 0,
                          label=first and f"{title} ({counts.total():,})", **style)  # fmt: skip
                axes.text(share + 0.02 * widest, place + shift, whole_percent(share), va="center", color=INK)
        legend_above(axes)
        _bare(axes, cases, 1.2 * widest)
    return Drawing(f"Use cases of {name}", page.svg, "Given: somebody said so. " * bool(given)
                   + "Predicted: a classifier did, where nobody said." * bool(predicted))  # fmt: skip


def unsafe(facts: PromptFacts) -> Drawing | None:
    """Flagged prompts by set and split."""
    rows = [(part.name, part.num_unsafe) for part in facts.parts if part.num_unsafe]
    if not rows:
        return None
    svg = _bars("unsafe", "Flagged prompts", rows)
    return Drawing("Flagged as unsafe", svg, "Where they are; the table has their share of each set.")


def lengths(facts: PromptFacts) -> list[Drawing]:
    """Lengths by set and split, by use case and by source, and how they are distributed in each set."""
    sets: dict[str, list[SetPart]] = {}
    for part in facts.parts:
        sets.setdefault(part.set, []).append(part)
    whole = {name: list(chain.from_iterable(part.lengths for part in parts)) for name, parts in sets.items()}
    groups: dict[str, Mapping[str, Sequence[int]]] = {
        "set": {part.name: part.lengths for part in facts.parts},
        "use case": facts.lengths_by_use_case,
        "source": facts.lengths_by_source,
    }
    caption = "Dot: the middle one. Thick: the middle half. Thin: all but 5 % at either end."
    drawn = [_distributions(facts, whole)]
    for by, rows in groups.items():
        some = {name: rows[name] for name in list(rows)[:MOST_ROWS] if rows[name]}
        if some:
            title = f"Length by {by}"
            drawn.append(Drawing(title, _boxes(f"lengths-{plain_id(by)}", title, some, facts.unit), caption))
    return drawn


def _distributions(facts: PromptFacts, sets: Mapping[str, Sequence[int]]) -> Drawing:
    longest = max(chain.from_iterable(sets.values()))
    bins = np.geomspace(1, max(longest, 2) + 1, NUM_BINS + 1)
    said = "; ".join(f"{name}: half at most {np.percentile(rows, 50):,.0f}" for name, rows in sets.items())
    with sheet("lengths", 0.45 + 0.95 * len(sets), f"Distribution of lengths in {facts.unit}, {said}.") as page:
        for axes, (name, rows) in zip(page.axes(len(sets), sharex=True), sets.items(), strict=True):
            axes.hist(np.maximum(rows, 1), bins=bins, color=ACCENT, linewidth=0)
            axes.set_title(name, pad=3)
            axes.yaxis.set_major_locator(NullLocator())
            axes.spines["left"].set_visible(False)
            _logarithmic(axes, longest)
        axes.set_xlabel(facts.unit)
    return Drawing("How lengths are distributed", page.svg, "Each set by itself; the scale is logarithmic.")


def _boxes(name: str, title: str, rows: Mapping[str, Sequence[int]], unit: str) -> str:
    middles = {label: np.percentile(some, (5, 25, 50, 75, 95)) for label, some in rows.items()}
    said = "; ".join(f"{_label(label)} {box[2]:,.0f}" for label, box in middles.items())
    with sheet(name, 0.62 + 0.3 * len(rows), f"{title}, the middle one in {unit}: {said}.") as page:
        axes = page.axes()[0]
        for place, (low, quarter, half, most, high) in enumerate(reversed(list(middles.values()))):
            axes.plot(np.maximum((low, high), 1), (place, place), color=MUTED, linewidth=1.2)
            axes.plot(np.maximum((quarter, most), 1), (place, place), color=ACCENT, linewidth=5, alpha=0.45)
            axes.plot(max(half, 1), place, "o", color=ACCENT, markersize=6, markeredgecolor=PAPER)
        axes.set_yticks(range(len(rows)), [_label(label) for label in reversed(list(rows))])
        axes.tick_params(axis="y", labelcolor=INK, pad=6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(unit)
        _logarithmic(axes, max(box[-1] for box in middles.values()))
    return page.svg


def languages(facts: PromptFacts) -> Drawing | None:
    """Prompts by language, the most frequent first."""
    order = sorted(facts.languages.items(), key=lambda one: (-one[1], one[0]))
    if not order:
        return None
    rows = order[:MOST_ROWS]
    if rest := sum(num for _, num in order[MOST_ROWS:]):
        rows.append((f"{len(order) - MOST_ROWS} others", rest))
    svg = _bars("languages", "Prompts by language", rows)
    return Drawing("Prompts by language", svg, "ISO 639-1 codes; ‘und’ and ‘zxx’ are in no language.")


def private(facts: PromptFacts) -> Drawing | None:
    """Findings by kind, coloured by what was done about them."""
    rows = [(one.kind, one.num_found) for one in facts.private if one.num_found]
    if not rows:
        return None
    actions = {one.kind: one.action for one in facts.private}
    colours = {kind: ACTION_COLOURS[actions[kind]] for kind, _ in rows}
    svg = _bars("private", "Findings of personal data", rows, colours, {ACTION_COLOURS[one.action]: one.action
                for one in facts.private if one.num_found})  # fmt: skip
    return Drawing(
        "Findings by kind and by what was done", svg, "In messages of the train split; one may have several."
    )


def _bars(
    name: str,
    title: str,
    rows: Sequence[tuple[str, int]],
    colours: Mapping[str, str] | None = None,
    legend: Mapping[str, str] | None = None,
) -> str:
    """A bar per row with its number; the legend says what the colours mean."""
    alt = f"{title}: " + ", ".join(f"{_label(label)} {num:,}" for label, num in rows) + "."
    total, widest = sum(num for _, num in rows), max(num for _, num in rows)
    with sheet(name, 0.2 + 0.31 * len(rows) + (0.3 if legend else 0), alt) as page:
        axes = page.axes()[0]
        for place, (label, num) in enumerate(reversed(rows)):
            axes.barh(place, num, height=0.6, color=(colours or {}).get(label, ACCENT), linewidth=0)
            axes.text(num + 0.02 * widest, place, f"{num:,} ({share_of(num, total)})", va="center", color=INK)
        for colour, word in (legend or {}).items():
            axes.barh(0, 0, color=colour, label=word)
        legend_above(axes)
        _bare(axes, [label for label, _ in rows], 1.5 * widest)
    return page.svg


def _bare(axes: Axes, labels: Iterable[str], end: float) -> None:
    """Rows by name, and no scale: each bar has its number."""
    names = [_label(label) for label in labels]
    axes.set_yticks(range(len(names)), names[::-1])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xticks([])
    axes.set_xlim(0, end)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)


def _logarithmic(axes: Axes, longest: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(0.9, 1.25 * max(longest, 2))
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if tick <= 1.25 * max(longest, 2)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _between(low: int, high: int) -> str:
    return str(low) if high == low + 1 else f"{low} to {high - 1}"


def _label(name: str) -> str:
    """A name as a figure can show it, on one line."""
    return short(" ".join(name.replace("_", " ").split())) or "–"
