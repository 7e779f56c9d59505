"""How figures are drawn: small SVG with text as text, coloured by the page's own CSS variables."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Stand-ins for the page's colours: replaced in the SVG, so that a figure follows light, dark and print.
INK, MUTED, LINE, ACCENT, PAPER = "#1a1a1b", "#6a6a6b", "#c9c9ca", "#0a6e6f", "#fdfdfe"
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", PAPER: "--paper"}

WIDTH = 5.0
"""Inches at 72 to the inch: 360 units, which a phone shows at about their own size."""

STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "preceptor", "font.size": 10.5, "font.family": "DejaVu Sans",
    "axes.edgecolor": LINE, "axes.labelcolor": MUTED, "axes.titlecolor": INK, "axes.titlesize": 10.5,
    "axes.titlelocation": "left", "axes.titlepad": 8, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.8, "axes.labelsize": 10, "xtick.color": LINE, "ytick.color": LINE,
    "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED, "xtick.labelsize": 10, "ytick.labelsize": 10,
    "xtick.major.size": 3, "ytick.major.size": 0, "axes.grid": True, "axes.grid.axis": "y", "grid.color": LINE,
    "grid.linewidth": 0.6, "grid.alpha": 0.6, "axes.axisbelow": True, "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round", "legend.frameon": False, "legend.labelcolor": INK, "legend.fontsize": 10,
    "legend.handlelength": 2.1, "legend.borderaxespad": 0.0, "text.color": INK, "axes.unicode_minus": True,
    "text.parse_math": False,  # a policy may be called $x
    "figure.constrained_layout.use": True, "figure.constrained_layout.h_pad": 0.06,
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A figure ready for the page."""

    title: str
    svg: str
    caption: str = ""
    is_judged: bool = False
    """Whether it shows what labelers said."""


class Sheet:
    """A figure while it is drawn."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.svg = ""

    def axes(self, rows: int = 1, columns: int = 1, **settings: Any) -> list[Axes]:
        """Axes in reading order."""
        return list(self.figure.subplots(rows, columns, squeeze=False, **settings).flat)


@contextmanager
def sheet(name: str, height: float, alt: str) -> Iterator[Sheet]:
    """Draw inside; afterwards `.svg` holds the figure, `alt` being what it says to those who cannot see it."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Text stays text: the reader's fonts show it, whatever our own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH, height), dpi=72)
        FigureCanvasSVG(figure)
        drawn = Sheet(figure)
        yield drawn
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        drawn.svg = _for_page(buffer.getvalue(), name, alt)


def _for_page(svg: str, name: str, alt: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans)", svg)
    # Ids are unique in one figure only, but a page holds many.
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    view = re.search(r'viewBox="[^"]+"', svg)
    assert view is not None
    head = f'<svg {view.group()} xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    head += f'role="img" aria-label="{escape(alt, quote=True)}">'
    return head + svg[svg.index(">") + 1 :]


def short(label: str, longest: int = 26) -> str:
    """A label that leaves room for the figure; the table has it in full."""
    return label if len(label) <= longest else label[: longest - 1] + "…"


def plain_id(name: str) -> str:
    """A name as part of an id."""
    return "".join(character if character.isalnum() else "-" for character in name)


def legend_above(axes: Axes, columns: int = 3) -> None:
    """A legend on one line over the axes, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles,
            [short(label) for label in labels],
            loc="lower left",
            bbox_to_anchor=(0, 1.03),
            ncols=columns,
            columnspacing=1.4,
        )
