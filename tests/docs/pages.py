"""The documentation as tests read it."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "preceptor"


@cache
def maker() -> ModuleType:
    """`docs/make.py` as a module; the folder is no package."""
    spec = importlib.util.spec_from_file_location("preceptor_docs_make", DOCS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    """The committed text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def readers() -> list[Path]:
    """Every page that people read."""
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")])


def cells(text: str) -> list[list[str]]:
    """All rows of all tables but their rules; a bar behind a backslash belongs to its cell."""
    rows = [line for line in text.splitlines() if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def blocks(text: str) -> list[str]:
    """What stands between ``` and ```."""
    return re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
