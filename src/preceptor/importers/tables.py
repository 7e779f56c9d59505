"""Rows of CSV and TSV files, with the place of every fault."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from preceptor.errors import UserError
from preceptor.importers.item import BadRow
from preceptor.importers.reading import decoded, numbered_lines

Column = str | int
"""A column by its name in the header, or by its number from 1."""

Delimiter = Literal["auto", "comma", "tab", "semicolon", "bar"]
Quoting = Literal["auto", "none", "double"]

DELIMITERS: dict[str, str] = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of one row and the line on which it begins."""

    cells: Sequence[str]
    line: int


def table_rows(path: Path, delimiter: Delimiter, quoting: Quoting) -> Iterator[Row | BadRow]:
    """Each row that is not blank, the header among them; faulty rows come as errors.

    `auto` takes the tab or else the most frequent delimiter of the first line, and double quotes but in
    tab-separated files, where a quotation mark is as a rule just that.

    Raises:
        UserError: the file cannot be read, or a quote is opened and never closed.
    """
    lines = _Lines(path)
    first = lines.peek()
    mark = DELIMITERS.get(delimiter) or guess_delimiter(first)
    is_quoted = quoting == "double" or (quoting == "auto" and mark != "\t")
    plain = csv.reader(lines, delimiter=mark, quoting=csv.QUOTE_NONE)
    reader = csv.reader(lines, delimiter=mark, strict=True) if is_quoted else plain
    while True:
        start = lines.number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except BadRow as bad:
            yield bad
            continue
        except csv.Error as error:
            if lines.is_at_end and "unexpected end" in str(error):
                raise UserError(
                    "a quotation mark is opened here and never closed",
                    file=path,
                    line=start + 1,
                    remedy="close it, or set quoting=none if quotation marks are plain text",
                ) from None
            num_lines = lines.number - start
            yield BadRow("malformed row", f"{error}", file=path, line=start + 1, num_rows=num_lines)
            continue
        if any(cell.strip() for cell in cells):
            yield Row(cells, start + 1)


def guess_delimiter(line: str) -> str:
    """The tab if there is one, else the most frequent of the others, else the comma."""
    if "\t" in line:
        return "\t"
    return max((",", ";", "|"), key=line.count)


def find_column(
    column: Column | None, known: Sequence[str], header: Sequence[str] | None, num_cells: int
) -> int | None:
    """Index of a column given by number or name, or found by a known name; None where it is not there."""
    if isinstance(column, int) or (column is not None and column.isdecimal()):
        index = int(column) - 1
        return index if 0 <= index < num_cells else None
    names = [cell.strip().lstrip("#").casefold() for cell in header or ()]
    wanted = known if column is None else [column.strip().lstrip("#").casefold()]
    return next((names.index(name) for name in wanted if name in names), None)


def looks_like_header(cells: Sequence[str], known: Mapping[str, Sequence[str]], given: Sequence[Column]) -> bool:
    """Whether a first row names columns: those given by name, or at least two of the known names."""
    names = {cell.strip().lstrip("#").casefold() for cell in cells}
    if any(isinstance(column, str) and not column.isdecimal() for column in given):
        return True
    return sum(bool(names & set(options)) for options in known.values()) >= 2


class _Lines(Iterator[str]):
    """Decoded lines for csv.reader, which go on after a line that is not UTF-8 (a generator would end there)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = numbered_lines(path)
        self.number = 0
        self.is_at_end = False
        self.peeked: tuple[int, bytes] | None = None

    def peek(self) -> str:
        self.peeked = next(self.source, None)
        return "" if self.peeked is None else self.peeked[1].decode("utf-8", "replace")

    def __next__(self) -> str:
        line = self.peeked or next(self.source, None)
        self.peeked = None
        if line is None:
            self.is_at_end = True
            raise StopIteration
        self.number = line[0]
        return decoded(line[1], self.path, self.number) + "\n"
