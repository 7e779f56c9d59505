"""What something was made from and what was made from it, drawn: a tree for the terminal, and an SVG by itself."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from rich.text import Text
from rich.tree import Tree

WIDTH, GAP_X, GAP_Y = 300, 76, 22
LINE, TOP, SIDE = 17, 27, 14
"""Height of a line, height of a title, and what is left free beside the text."""
BEND = 8
"""Height that is kept free where an edge passes between boxes."""
LONGEST = {"title": 35, "line": 42}
"""Letters that fit into a box."""

STYLE = """
svg { --paper: #fdfdfb; --raised: #f5f4f0; --ink: #1d1f21; --muted: #62666b; --line: #b9b8b3; --accent: #0b6b5d;
  background: var(--paper);
  font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif }
@media (prefers-color-scheme: dark) { svg { --paper: #16181a; --raised: #1f2225; --ink: #e6e5e1; --muted: #9da1a6;
  --line: #55595e; --accent: #5cc9b5 } }
rect { fill: var(--raised); stroke: var(--line) }
.outside rect { fill: none; stroke-dasharray: 4 3 }
.target rect { stroke: var(--accent); stroke-width: 2 }
.title { fill: var(--ink); font-weight: 600 }
.target .title { fill: var(--accent) }
.line { fill: var(--muted); font-size: 12px }
path { fill: none; stroke: var(--line); stroke-width: 1.4 }
"""


@dataclass(frozen=True)
class Box:
    """One thing of a family."""

    title: str
    lines: Sequence[str]
    is_outside: bool = False
    """Whether it is not, or no longer, in the project."""


@dataclass(frozen=True)
class Family:
    """A thing with all that it was made from and all that was made from it."""

    target: str
    boxes: Mapping[str, Box]
    parents: Mapping[str, Sequence[str]]
    """Key → keys of what it was made from, nothing being made from itself; only keys of `boxes`."""
    children: Mapping[str, Sequence[str]]

    def generations(self) -> dict[str, int]:
        """How far from the target each one is, by the longest way: below 0 what it was made from."""
        above, below = _depths(self.target, self.parents), _depths(self.target, self.children)
        return below | {key: -depth for key, depth in above.items()}


def tree(family: Family) -> Tree:
    """Both directions as a tree; what stands there already is named again without what hangs on it."""
    root = Tree(_label(family.boxes[family.target], is_target=True))
    for title, ways in (("made from", family.parents), ("went into", family.children)):
        branch = root.add(Text(title, style="italic"))
        _grow(branch, family, ways, family.target, set())
        if not branch.children:
            branch.add(Text("nothing that is known", style="dim"))
    return root


def _grow(branch: Tree, family: Family, ways: Mapping[str, Sequence[str]], key: str, seen: set[str]) -> None:
    for other in ways[key]:
        box = family.boxes[other]
        if other in seen:
            branch.add(Text(f"{box.title} (above)", style="dim"))
            continue
        seen.add(other)
        _grow(branch.add(_label(box)), family, ways, other, seen)


def _label(box: Box, *, is_target: bool = False) -> Text:
    style = "bold green" if is_target else "dim" if box.is_outside else "bold"
    between = "\n" if is_target else " · "
    return Text.assemble((box.title, style), ("\n" + between.join(box.lines), "dim" if box.is_outside else "default"))


def _depths(start: str, ways: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The longest way from the start to each thing that can be reached."""
    depths = {start: 0}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        for other in ways[key]:
            if depths.get(other, -1) < depths[key] + 1:
                depths[other] = depths[key] + 1
                waiting.append(other)
    return depths


def svg(family: Family) -> str:
    """A drawing that needs nothing else: generations from left to right, light or dark as the reader has it."""
    layers, edges = _layers(family)
    places, height = _places(family, layers)
    width = len(layers) * (WIDTH + GAP_X) - GAP_X + 2 * SIDE
    about = f"What {family.boxes[family.target].title} was made from, and what was made from it"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(about, quote=True)}">',
        f"<title>{escape(about)}</title><style>{STYLE}</style>",
        *(_edge(*places[left], *places[right]) for left, right in edges),
        *(_box(family, key, *places[key]) for layer in layers for key in layer if key in family.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _layers(family: Family) -> tuple[list[list[str]], list[tuple[str, str]]]:
    """Keys by generation, in an order with few crossings; and the edges between neighbours.

    An edge over several generations passes through a place of its own in each, so that it runs behind no box; the edges
    of one thing share it.
    """
    generations = family.generations()
    layers: dict[int, dict[str, None]] = {number: {} for number in sorted(set(generations.values()))}
    for key, number in generations.items():
        layers[number][key] = None
    edges: dict[tuple[str, str], None] = {}
    for key, number in generations.items():
        for parent in family.parents[key]:
            between = range(generations[parent] + 1, number)
            bends = [f"{parent} @{generation}" for generation in between]
            for generation, bend in zip(between, bends, strict=True):
                layers[generation][bend] = None
            edges |= dict.fromkeys(pairwise([parent, *bends, key]))
    neighbours: dict[str, list[str]] = defaultdict(list)
    for left, right in edges:
        neighbours[left].append(right)
        neighbours[right].append(left)
    ordered = [list(layer) for layer in layers.values()]
    for _ in range(4):
        for one, other in [*pairwise(ordered), *((b, a) for a, b in reversed(list(pairwise(ordered))))]:
            at = {key: place for place, key in enumerate(one)}
            middle = {
                key: _mean([at[near] for near in neighbours[key] if near in at], other.index(key)) for key in other
            }
            other.sort(key=middle.__getitem__)
    return ordered, list(edges)


def _mean(values: Sequence[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _places(family: Family, layers: Sequence[Sequence[str]]) -> tuple[dict[str, tuple[float, float, float]], float]:
    """Left, top and height of each key; and the height of all."""
    heights = {key: TOP + LINE * len(box.lines) + 9 for key, box in family.boxes.items()}
    totals = [sum(heights.get(key, BEND) + GAP_Y for key in layer) - GAP_Y for layer in layers]
    places = {}
    for number, (layer, total) in enumerate(zip(layers, totals, strict=True)):
        top = SIDE + (max(totals) - total) / 2
        for key in layer:
            places[key] = (SIDE + number * (WIDTH + GAP_X), top, heights.get(key, BEND))
            top += heights.get(key, BEND) + GAP_Y
    return places, max(totals) + 2 * SIDE


def _edge(left: float, top: float, height: float, right: float, other: float, size: float) -> str:
    x, y, end, half = left + WIDTH, top + height / 2, other + size / 2, GAP_X / 2
    path = f"M{x:.0f} {y:.1f}C{x + half:.0f} {y:.1f} {right - half:.0f} {end:.1f} {right:.0f} {end:.1f}"
    return f'<path d="{path}{f"h{WIDTH}" if size == BEND else ""}"/>'


def _box(family: Family, key: str, left: float, top: float, height: float) -> str:
    box = family.boxes[key]
    kind = "target" if key == family.target else "outside" if box.is_outside else "inside"
    rows = [("title", box.title), *(("line", line) for line in box.lines)]
    texts = [
        f'<text class="{name}" x="{left + SIDE:.0f}" y="{top + 20 + number * LINE:.1f}">{_short(name, text)}</text>'
        for number, (name, text) in enumerate(rows)
    ]
    whole = escape("\n".join(text for _, text in rows))
    frame = f'<rect x="{left:.0f}" y="{top:.1f}" width="{WIDTH}" height="{height:.1f}" rx="6"/>'
    return f'<g class="{kind}"><title>{whole}</title>{frame}{"".join(texts)}</g>'


def _short(name: str, text: str) -> str:
    longest = LONGEST[name]
    return escape(text if len(text) <= longest else text[: longest - 1] + "…")
