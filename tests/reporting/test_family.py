"""A family drawn: everybody once, no box on another, every edge between its ends, nothing from elsewhere."""

import io
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from rich.console import Console

from preceptor.reporting.family import Box, Family, svg, tree

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</title><script>alert("x")</script>&'


def family(target: str, parents: dict[str, list[str]], **lines: list[str]) -> Family:
    """Of things named by letters."""
    keys = {*parents, *(one for some in parents.values() for one in some)}
    whole = {key: parents.get(key, []) for key in sorted(keys)}
    children = {key: [one for one in sorted(keys) if key in whole[one]] for key in sorted(keys)}
    boxes = {key: Box(f"thing {key}", lines.get(key, ["one line"])) for key in sorted(keys)}
    return Family(target, boxes, whole, children)


def shown(family: Family) -> str:
    """The tree as a terminal shows it."""
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(tree(family))
    return console.export_text()


@pytest.fixture
def diamond() -> Family:
    """a → b → c → d, and a → d at once; d → e."""
    return family("d", {"b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["d"]})


def boxes_of(drawing: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(drawing)
    return [tuple(float(one.attrib[name]) for name in ("x", "y", "width", "height")) for one in root.iter(f"{SVG}rect")]


def test_generations_go_by_the_longest_way(diamond: Family) -> None:
    assert diamond.generations() == {"a": -3, "b": -2, "c": -1, "d": 0, "e": 1}


def test_each_thing_is_one_box_and_no_two_meet(diamond: Family) -> None:
    rectangles = boxes_of(svg(diamond))
    assert len(rectangles) == 5
    for (x, y, width, height), (left, top, wide, high) in combinations(rectangles, 2):
        assert x + width < left or left + wide < x or y + height < top or top + high < y
    assert len({x for x, *_ in rectangles}) == 5, "five generations"


def test_a_long_edge_runs_behind_no_box(diamond: Family) -> None:
    """From a to d past b and c: straight lines of edges lie outside all boxes."""
    drawing = svg(diamond)
    straight = re.findall(r"(\d+) ([\d.]+)h(\d+)", drawing)
    assert len(straight) == 2
    for left, y, length in straight:
        for x, top, width, height in boxes_of(drawing):
            beside = x >= float(left) + float(length) or x + width <= float(left)
            assert beside or float(y) < top or float(y) > top + height


def test_the_drawing_stands_by_itself_and_runs_nothing(diamond: Family) -> None:
    hostile = family("b", {"b": ["a"]}, a=[HOSTILE], b=["x" * 200])
    for drawing in (svg(diamond), svg(hostile)):
        root = ElementTree.fromstring(drawing)
        assert {one.tag.removeprefix(SVG) for one in root.iter()} == {
            "svg",
            "title",
            "style",
            "g",
            "rect",
            "text",
            "path",
        }
        assert drawing.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http") == 0
        assert "url(" not in drawing
    texts = [one.text for one in ElementTree.fromstring(svg(hostile)).iter(f"{SVG}text")]
    assert "x" * 41 + "…" in texts
    assert HOSTILE in texts


def test_the_tree_names_everybody_and_says_what_hangs_on_whom_once(diamond: Family) -> None:
    said = shown(diamond)
    assert [said.count(f"thing {key}") for key in "abcde"] == [2, 1, 1, 1, 1]
    assert "thing a (above)" in said
    assert said.index("made from") < said.index("thing c") < said.index("thing b") < said.index("went into")


def test_who_has_nobody_says_so() -> None:
    assert shown(family("a", {"a": []})).count("nothing that is known") == 2
    assert len(boxes_of(svg(family("a", {"a": []})))) == 1


def test_markup_in_names_is_text() -> None:
    assert "[bold]not bold[/bold] [/]" in shown(family("b", {"b": ["a"]}, a=["[bold]not bold[/bold] [/]"]))
