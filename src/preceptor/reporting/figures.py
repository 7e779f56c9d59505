"""The report's figures."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from preceptor.reporting.data import (
    MAIN_FLAGS,
    Estimate,
    OptimizationPath,
    ReportData,
    RewardModelFacts,
    RunCurves,
)
from preceptor.reporting.drawing import ACCENT, INK, LINE, MUTED, PAPER, Drawing, legend_above, plain_id, sheet, short
from preceptor.reporting.words import FLAG_TITLES, percent, two_digits, whole_percent

PERCENT = FuncFormatter(lambda value, _: whole_percent(value))
RUN_STYLES: tuple[dict[str, Any], ...] = ({"color": ACCENT}, {"color": INK, "linestyle": (0, (4, 2))}, {"color": MUTED})

Row = tuple[str, Estimate]


def win_rates(data: ReportData) -> Drawing | None:
    """Win rate of every policy against the baseline."""
    base = data.policy(data.baseline)
    rows = [(row.title, row.win_rate_vs_sft) for row in data.policies if row.win_rate_vs_sft and row is not base]
    if base is None or not rows:
        return None
    accent = {row.title for row in data.policies if row.name in data.aligned}
    title = f"Win rate against {base.title}"
    svg = _dots("win-rates", title, rows, accent, form=percent, mark=(0.5, f"{base.title} = 50 %"), ends=(0.0, 1.0))
    return Drawing(
        title, svg, "Dots are shares of comparisons won, ties one half; bars are 95 % intervals.", is_judged=True
    )


def gold_utility(data: ReportData) -> Drawing | None:
    """Utility by the judge who knows the truth."""
    rows = [(row.title, row.gold_utility) for row in data.policies if row.gold_utility]
    if not rows:
        return None
    accent = {row.title for row in data.policies if row.name in data.aligned}
    svg = _dots("gold", "Gold utility by policy", rows, accent, form=two_digits)
    return Drawing("Gold utility", svg, "By the judge of the closed world, who knows what is true, asked for and kind.")


def alignment_tax(data: ReportData) -> Drawing | None:
    """Loss on pretraining text."""
    rows = [
        (row.title, Estimate(value=row.pretraining_loss)) for row in data.policies if row.pretraining_loss is not None
    ]
    # Prompting changes no weights, so its loss is that of the base model.
    rows = [row for row in rows if row[0] != "Base, few-shot prompt"]
    if not rows:
        return None
    accent = {row.title for row in data.policies if row.name in data.aligned}
    svg = _dots("tax", "Loss on pretraining text by policy", rows, accent, form=two_digits)
    return Drawing("Alignment tax", svg, "Nats per token on held-out pretraining text: lower has forgotten less.")


def reward_accuracy(model: RewardModelFacts) -> Drawing:
    """The reward model between its rivals and its ceiling."""
    rows = [
        (f"Length ({model.length_rule})", model.length),
        ("TF-IDF", model.tfidf),
        ("Reward model", model.heldout_accuracy),
    ]
    if model.ceiling is not None:
        rows.append(("Ceiling by agreement", Estimate(value=model.ceiling)))
    title = "Accuracy on held-out pairs"
    svg = _dots("accuracy", title, rows, {"Reward model"}, form=percent, mark=(0.5, "chance"), ends=(0.45, None))
    return Drawing(
        title,
        svg,
        "Share of pairs put in the labelers' order. The ceiling is what their own agreement allows.",
        is_judged=True,
    )


def _dots(
    name: str,
    title: str,
    rows: Sequence[Row],
    accent: set[str],
    *,
    form: Callable[[float], str],
    mark: tuple[float, str] | None = None,
    ends: tuple[float | None, float | None] = (None, None),
) -> str:
    """A dot with its interval per row, the figure written at the right."""
    alt = f"{title}: " + "; ".join(f"{label} {_worded(value, form)}" for label, value in rows) + "."
    with sheet(name, 0.62 + 0.42 * len(rows) + (0.2 if mark else 0), alt) as page:
        axes = page.axes()[0]
        for place, (label, value) in enumerate(reversed(rows)):
            colour = ACCENT if label in accent else INK
            if value.bounds:
                axes.plot(value.bounds, (place, place), color=colour, linewidth=2.2, solid_capstyle="round")
            axes.plot(value.value, place, "o", color=colour, markersize=7, markeredgecolor=PAPER, markeredgewidth=1.2)
            axes.annotate(
                form(value.value), (1.02, place), xycoords=("axes fraction", "data"), va="center", color=colour,
                fontweight="bold" if label in accent else "normal", annotation_clip=False,
            )  # fmt: skip
        if mark:
            axes.axvline(mark[0], color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)), zorder=0)
            axes.annotate(mark[1], (mark[0], 1.0), (0, 4), xycoords=("data", "axes fraction"),
                          textcoords="offset points", ha="center", va="bottom", color=MUTED, fontsize=10)  # fmt: skip
        axes.set_yticks(range(len(rows)), [short(label) for label, _ in reversed(rows)])
        axes.tick_params(axis="y", labelcolor=INK, pad=6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_ylim(-0.6, len(rows) - 0.4)
        if ends[0] is not None or ends[1] is not None:
            axes.set_xlim(*ends)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: form(value).replace(".0\N{NO-BREAK SPACE}%", "\N{NO-BREAK SPACE}%"))
        )
    return page.svg


def flag_shares(data: ReportData) -> list[Drawing]:
    """A small bar chart for each main flag."""
    return [drawing for flag in MAIN_FLAGS if (drawing := _flag(data, flag))]


def _flag(data: ReportData, flag: str) -> Drawing | None:
    rows = [row for row in data.policies if flag in row.flags]
    if not rows:
        return None
    said = ", ".join(f"{row.title} {whole_percent(row.flags[flag].value)}" for row in rows)
    with sheet(f"flag-{plain_id(flag)}", 0.16 + 0.29 * len(rows), f"{FLAG_TITLES[flag]}: {said}.") as page:
        axes = page.axes()[0]
        for place, row in enumerate(reversed(rows)):
            value, is_aligned = row.flags[flag].value, row.name in data.aligned
            axes.barh(place, value, height=0.6, color=ACCENT if is_aligned else LINE, linewidth=0)
            axes.text(value + 0.02, place, whole_percent(value), va="center", color=ACCENT if is_aligned else INK,
                      fontweight="bold" if is_aligned else "normal")  # fmt: skip
        axes.set_yticks(range(len(rows)), [short(row.title) for row in reversed(rows)])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_xticks([])
        axes.set_xlim(0, 1.12)
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
    better = "higher is better" if flag == "satisfies_constraint" else "lower is better"
    return Drawing(FLAG_TITLES[flag], page.svg, f"Share of ratings: {better}.", is_judged=True)


def overoptimization(path: OptimizationPath) -> Drawing | None:
    """Proxy and truth against the distance from the reference."""
    points = sorted(path.points, key=lambda point: point.step)
    if len(points) < 2:
        return None
    distance = [max(0.0, point.kl) ** 0.5 for point in points]
    has_gold = all(point.gold is not None for point in points)
    title = f"{path.title}: reward against distance"
    with sheet(f"path-{plain_id(path.name)}", 3.9 if has_gold else 2.7, f"{title}. {path.message}") as page:
        panels = page.axes(2 if has_gold else 1, sharex=True)
        panels[0].plot(
            distance, [point.proxy for point in points], "o-", color=ACCENT, markersize=3.5, label="proxy reward"
        )
        if all(point.heldout is not None for point in points):
            held = [float(point.heldout or 0.0) for point in points]
            panels[0].plot(distance, held, color=INK, linestyle=(0, (4, 2)), label="held-out reward")
        legend_above(panels[0])
        if has_gold:
            gold = [float(point.gold or 0.0) for point in points]
            panels[1].plot(distance, gold, "o-", color=INK, markersize=3.5, label="gold utility")
            legend_above(panels[1])
        for axes in panels:
            axes.yaxis.set_major_locator(MaxNLocator(4))
            if path.overoptimized_since is not None:
                start = next(
                    d for d, point in zip(distance, points, strict=True) if point.step >= path.overoptimized_since
                )
                axes.axvspan(start, max(distance), color=LINE, alpha=0.35, linewidth=0)
        panels[-1].set_xlabel("√KL to SFT (KL in nats per response)")
    return Drawing(title, page.svg, path.message)


def length_and_entropy(data: ReportData) -> Drawing | None:
    """Response length and entropy over RL."""
    runs = [run for run in data.runs if run.first("rollout/length")]
    panels = [
        ("Response length (tokens)", ("rollout/length",)),
        ("Entropy (nats per token)", ("ppo/entropy", "reinforce/entropy", "rollout/entropy", "rollout/surprise")),
    ]
    return _training("length", "Length and entropy over training", runs, panels, "Shrinking entropy is a policy that "
                     "settles; a jump in length is the classic sign of a reward model that can be gamed.")  # fmt: skip


def reward_and_kl(data: ReportData) -> Drawing | None:
    """Score and KL over RL."""
    runs = [run for run in data.runs if run.first("rollout/score")]
    panels = [("Reward-model score", ("rollout/score",)), ("KL to SFT (nats per response)", ("kl/reference",))]
    caption = "On the prompts trained on, one point per rollout."
    return _training("reward", "Reward and KL over training", runs, panels, caption)


def sft_loss(data: ReportData) -> Drawing | None:
    """Training and validation loss of supervised fine-tuning."""
    run = data.run("sft")
    train, valid = (run.first("sft/loss"), run.first("sft/valid_loss")) if run else (None, None)
    if train is None:
        return None
    alt = f"SFT loss from {train.values[0]:.2f} to {train.values[-1]:.2f} nats per token over {train.steps[-1]} steps"
    if valid is not None:
        alt += f"; validation loss ends at {valid.values[-1]:.2f}, lowest {min(valid.values):.2f}"
    with sheet("sft", 2.7, alt + ".") as page:
        axes = page.axes()[0]
        axes.plot(train.steps, train.values, color=MUTED, linewidth=1.2, label="training")
        if valid is not None:
            axes.plot(valid.steps, valid.values, "o-", color=ACCENT, markersize=3.5, label="validation")
        legend_above(axes)
        axes.set_xlabel("step")
        axes.yaxis.set_major_locator(MaxNLocator(5))
    return Drawing("SFT loss", page.svg, "Nats per response token.")


def reward_training(data: ReportData) -> Drawing | None:
    """Loss and accuracy of the reward model while it learned."""
    runs = [run for run in data.runs if run.first("reward_model/loss")]
    panels = [
        ("Loss (nats per ranking)", ("reward_model/loss",)),
        ("Accuracy on the batch", ("reward_model/accuracy",)),
    ]
    return _training(
        "rm-training", "Reward-model training", runs, panels, "One point per batch, before it was learned from."
    )


def calibration(model: RewardModelFacts) -> Drawing | None:
    """Accuracy against the margin between two scores, and what the margin claims."""
    if not model.calibration:
        return None
    said = ", ".join(
        f"{p.low:g} to {p.high:g}: {p.observed.value:.0%} right of {p.num_pairs}" for p in model.calibration
    )
    with sheet("calibration", 2.9, f"Accuracy by size of margin: {said}.") as page:
        axes = page.axes()[0]
        end = max(point.low for point in model.calibration) + 0.6
        grid = np.linspace(0, end, 60)
        axes.plot(
            grid,
            1 / (1 + np.exp(-grid)),
            color=MUTED,
            linestyle=(0, (4, 2)),
            linewidth=1.3,
            label="what the margin claims",
        )
        for point in model.calibration:
            middle = min((point.low + point.high) / 2, point.low + 0.25)
            if point.observed.bounds:
                axes.plot((middle, middle), point.observed.bounds, color=ACCENT, linewidth=2)
        middles = [min((p.low + p.high) / 2, p.low + 0.25) for p in model.calibration]
        axes.plot(middles, [p.observed.value for p in model.calibration], "o", color=ACCENT, markersize=6,
                  markeredgecolor=PAPER, markeredgewidth=1, label="observed")  # fmt: skip
        legend_above(axes)
        axes.set_xlim(0, end)
        axes.set_ylim(None, 1.02)
        axes.set_xlabel("margin between the two scores")
        axes.yaxis.set_major_formatter(PERCENT)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    return Drawing("Calibration", page.svg, "Dots above the dashed line: right more often than the margin claims.")


def _training(
    name: str, title: str, runs: Sequence[RunCurves], panels: Sequence[tuple[str, tuple[str, ...]]], caption: str
) -> Drawing | None:
    """One panel per metric, one line per run, over steps."""
    found = [(label, [(run, curve) for run in runs if (curve := run.first(*names))]) for label, names in panels]
    found = [(label, lines) for label, lines in found if lines]
    if not found:
        return None
    said = [
        f"{label} of {run.title} from {c.values[0]:.2f} to {c.values[-1]:.2f}"
        for label, lines in found
        for run, c in lines
    ]
    with sheet(name, 0.5 + 1.75 * len(found), f"{title}: " + "; ".join(said) + ".") as page:
        for place, (axes, (label, lines)) in enumerate(zip(page.axes(len(found), sharex=True), found, strict=True)):
            for style, (run, curve) in zip(RUN_STYLES, lines, strict=False):
                axes.plot(curve.steps, curve.values, label=run.title, **style)
            axes.set_title(label, pad=24 if place == 0 and len(runs) > 1 else 8)
            axes.yaxis.set_major_locator(MaxNLocator(4))
            if place == 0 and len(runs) > 1:
                legend_above(axes)
        axes.set_xlabel("step")
    return Drawing(title, page.svg, caption)


def _worded(value: Estimate, form: Callable[[float], str]) -> str:
    return form(value.value) + (f" ({form(value.bounds[0])} to {form(value.bounds[1])})" if value.bounds else "")
