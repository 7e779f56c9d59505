"""The prompts of a file one row after the other, for those who keep them: memory does not grow with the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.importers.base import Format
from preceptor.importers.importing import malformed, named_format, sniff
from preceptor.importers.item import BadRow, Item
from preceptor.importers.parquet import PARQUET_MAGIC
from preceptor.importers.reading import magic, numbered_lines
from preceptor.records import Prompt


@dataclass(frozen=True)
class AskedRow:
    """What one raw row asks, or why it is refused."""

    line: int
    prompts: tuple[Prompt, ...] = ()
    refused: BadRow | None = None


def open_prompts(path: Path, format: str = "auto", options: Sequence[str] = ()) -> Format:
    """The importer for the prompts of a file; 'auto' takes tables as `columns`.

    Raises:
        UserError: there is no such format, option or file, or the file looks like none.
    """
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    if format == "auto" and _is_table(path):
        format = "columns"
    chosen = sniff(path) if format == "auto" else named_format(format)
    return chosen(load_config(chosen.Config, overrides=options))


def asked_rows(importer: Format, path: Path) -> Iterator[AskedRow]:
    """Each raw row of a file.

    Raises:
        UserError: the file cannot be read any further.
    """
    for item in importer.read(path):
        if isinstance(item, BadRow):
            yield AskedRow(item.line or 0, refused=item)
            continue
        try:
            yield AskedRow(item.line, _prompts(importer, item))
        except BadRow as bad:
            yield AskedRow(item.line, refused=bad)


def _prompts(importer: Format, item: Item) -> tuple[Prompt, ...]:
    try:
        found = tuple(importer.prompts(item))
    except ValidationError as error:
        raise malformed(item, error) from None
    asked = tuple(prompt for prompt in found if prompt.text.strip())
    if not asked:
        raise item.bad("nothing asked", "holds a prompt without text")
    importer.dropped["nothing asked"] += len(found) - len(asked)
    return asked


def _is_table(path: Path) -> bool:
    if magic(path) == PARQUET_MAGIC:
        return True
    start = next((raw.lstrip() for _, raw in numbered_lines(path) if raw.strip()), b"{")
    return not start.startswith((b"{", b"["))
