"""docs/architecture.md shows the house as it is: the folders on their floors, and nothing that is not there."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

from tests.docs.pages import ROOT, SOURCE, blocks, page

PICTURE = next(block for block in blocks(page("architecture.md")) if block.startswith("src/preceptor/"))
FLOOR = re.compile(r"── (?:floor (\d)|(rooms))")


@cache
def law() -> ModuleType:
    """The test of the import law, whose floors are the truth."""
    spec = importlib.util.spec_from_file_location("import_law", ROOT / "tests" / "test_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn() -> dict[str, tuple[int | None, str]]:
    """Folder or file of the package → its floor in the picture (None above the rooms), and what is said of it."""
    found: dict[str, tuple[int | None, str]] = {}
    floor: int | None = None
    name = parent = ""
    inside, _, _ = PICTURE.partition("\ntests/")
    for line in inside.splitlines()[1:]:
        if match := FLOOR.search(line):
            floor = 4 if match[2] else int(match[1])
        elif match := re.match(r"( {2}| {4})([\w./]+) +(.*)", line):
            name = match[2].rstrip("/") if match[1] == "  " else f"{parent}/{match[2].rstrip('/')}"
            parent = name if match[1] == "  " else parent
            found[name] = (floor, match[3])
        elif line.strip():
            found[name] = (floor, found[name][1] + " · " + line.strip())
    return found


def modules_named(said: str) -> set[str]:
    """'some words: a · b (why) · c   more words' → {a, b, c}."""
    plain = re.sub(r"\(.*?\)", "", said)
    listed = re.split(r" {3,}", plain.rpartition(": ")[2])[0].split("·")
    return {part.strip() for part in listed if part.strip()}


def parts() -> set[str]:
    """Folders of the package that hold something, and its top-level files."""
    folders = {path.parent.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")} - {"."}
    return folders | {path.name for path in SOURCE.glob("*.py")} - {"__init__.py"}


def test_every_folder_and_file_is_in_the_picture() -> None:
    assert parts() - set(drawn()) == set()


def test_exactly_the_modules_that_are_there_are_drawn() -> None:
    for name, (_, said) in drawn().items():
        folder = SOURCE / name
        assert folder.exists(), name
        if folder.is_dir():
            there = {path.stem for path in folder.glob("*.py")} - {"__init__"} or {p.name for p in folder.iterdir()}
            assert modules_named(said) == there, f"redraw {name} in docs/architecture.md"


def test_the_floors_are_those_of_the_import_law() -> None:
    floors = law().FLOORS
    for name, (floor, _) in drawn().items():
        top = Path(name).parts[0].removesuffix(".py")
        if top in floors:
            assert floors[top] == floor or (floor is None and floors[top] > 4), name


def test_the_law_on_the_page_is_the_law_that_is_tested() -> None:
    text = page("architecture.md")
    light = next(mark for mark in law().test_light_parts_import_without_torch.pytestmark if mark.name == "parametrize")
    assert all(f"`{package}`" in text for package in light.args[1])
    assert "no file over 400 lines" in text
