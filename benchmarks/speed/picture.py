"""Where a step's time goes, drawn from the results: PPO beside TRL's, and our phases beside the hardware's limits."""

import io
from collections.abc import Mapping
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.speed.phases import bound_seconds
from preceptor.reporting.drawing import ACCENT, INK, LINE, MUTED, PAPER, STYLE

PPO_PHASES = {"generate": ACCENT, "score": MUTED, "learn": LINE}
LIMITS = {"bound": ACCENT, "beyond it": LINE}
WIDTH, ROW, ABOVE = 7.5, 0.26, 1.15
"""Inches: of the figure, of a bar with its gap, of a panel's title and axis."""

Bar = tuple[str, Mapping[str, float]]
"""A name, and the seconds of its parts."""


def picture(results: Mapping[str, Any]) -> str:
    """The figure as SVG."""
    panels = [(f"PPO step, {size}: seconds", ppo_bars(results, size), PPO_PHASES) for size in ("tiny", "small")]
    panels += [
        (f"Our phases, {found['size']}: seconds, and those of the bound", phase_bars(found, results["limits"]), LIMITS)
        for found in results.get("phases", {}).values()
        if "stages" in found
    ]
    panels = [panel for panel in panels if panel[1]]
    heights = [ABOVE + ROW * len(bars) for _, bars, _ in panels]
    with matplotlib.rc_context(STYLE | {"axes.grid.axis": "x", "font.size": 9}):
        figure = Figure(figsize=(WIDTH, sum(heights)), facecolor=PAPER)
        FigureCanvasSVG(figure)
        every = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights).flat
        for axes, (title, bars, colours) in zip(every, panels, strict=True):
            draw(axes, title, bars, colours)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def ppo_bars(results: Mapping[str, Any], size: str) -> list[Bar]:
    """Ours and TRL's; what a side does besides generating and scoring is learning."""
    bars: list[Bar] = []
    for dtype in ("bf16", "fp32"):
        row = results.get("rows", {}).get(f"ppo-{size}-{dtype}", {})
        for side in ("ours", "theirs") if dtype == "bf16" else ("theirs",):
            if side in row.get("sides", {}):
                found = row["sides"][side]
                parts = {name: found["phases"][name] for name in ("generate", "score")}
                name = "Preceptor" if side == "ours" else row["peer"]
                bars.append((name, parts | {"learn": found["seconds"] - sum(parts.values())}))
    return bars


def phase_bars(found: Mapping[str, Any], limits: Mapping[str, Any]) -> list[Bar]:
    """Each phase, divided into what its bound takes and the rest."""
    bars: list[Bar] = []
    for stage, phases in found["stages"].items():
        for phase, one in phases.items():
            bound = bound_seconds(one["flops"], one["bytes"], limits)
            bars.append((f"{stage}: {phase}", {"bound": bound, "beyond it": one["seconds"] - bound}))
    return bars


def draw(axes: Axes, title: str, bars: list[Bar], colours: Mapping[str, str]) -> None:
    """Bars from the top, their parts side by side."""
    places = range(len(bars))
    left = [0.0] * len(bars)
    for part, colour in colours.items():
        widths = [parts[part] for _, parts in bars]
        axes.barh(places, widths, left=left, height=0.62, color=colour, label=part)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for place, total in zip(places, left, strict=True):
        axes.annotate(f"{total:.2g}", (total, place), xytext=(4, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(places, [name for name, _ in bars])
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_title(title, pad=24)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(colours), columnspacing=1.4)
