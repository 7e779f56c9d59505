"""What all pages must keep: commands that exist, links that lead somewhere, nothing of one machine."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from preceptor.cli import app
from preceptor.importers import formats
from tests.docs.pages import DOCS, ROOT, cells, readers

COMMANDS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown_commands(text: str) -> Iterator[str]:
    """Command lines that a page shows, in code blocks and between backticks."""
    yield from re.findall(r"^(?:\$ )?(?:\.venv/bin/)?preceptor (.*?)(?: +#.*)?$", text, flags=re.MULTILINE)
    yield from re.findall(r"`preceptor ([a-z][^`\n]*)`", text)


def problem(command: str) -> str | None:
    """What is wrong with a command line, by the command line's own parser; None when nothing is."""
    name, *arguments = shlex.split(command)
    if name not in COMMANDS:
        return f"there is no command '{name}'"
    if not arguments:
        return None
    try:
        COMMANDS[name].make_context(name, [*arguments])
    except Exception as error:
        return str(error)
    return None


@pytest.mark.parametrize("path", readers(), ids=lambda path: path.name)
def test_every_command_that_a_page_shows_exists(path: Path) -> None:
    found = list(shown_commands(path.read_text(encoding="utf-8")))
    assert not {command: wrong for command in found if (wrong := problem(command))}


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert problem("tran --fast")
    assert problem("run --fast")
    assert problem('run --force "reason" --project DIR') is None
    assert list(shown_commands("so `preceptor run`, or\npreceptor sft -p x   # why\n")) == ["sft -p x", "run"]


def test_the_readme_has_every_command_with_the_words_of_its_help() -> None:
    rows = [row for row in cells(README) if row[0].startswith("`preceptor ")]
    shown = {row[0].strip("`").split()[1]: row[1] for row in rows}
    assert shown == {name: command.help for name, command in COMMANDS.items()}


def test_the_readme_names_both_make_targets_and_the_markers_of_the_table() -> None:
    assert "make quickstart" in README
    assert "make test" in README
    begin, end = README.index("<!-- quickstart:begin -->"), README.index("<!-- quickstart:end -->")
    assert begin < end
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in readers())
    assert set(re.findall(r"`?make ([a-z]+)`", pages)) <= set(targets)


def test_the_readme_names_every_format_and_every_page() -> None:
    words = {
        "own": "own JSON lines",
        "pairs": "pairs in CSV",
        "hh": "HH-RLHF",
        "oasst": "OpenAssistant",
        "openai": "OpenAI-style",
    }
    for name in formats():
        assert words.get(name, name).casefold().replace("-", " ") in README.casefold().replace("-", " "), name
    assert all(f"docs/{path.name}" in README for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("path", readers(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-") for line in headings}


@pytest.mark.parametrize("path", readers(), ids=lambda path: path.name)
def test_no_page_speaks_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\w.])/(?:root|home|work|tmp|Users|mnt)/\S*", text)
