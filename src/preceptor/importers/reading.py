"""Files as people bring them: gzip or plain, with or without a byte order mark, JSON lines or one JSON array."""

import codecs
import gzip
import json
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from preceptor.errors import UserError
from preceptor.importers.item import BadRow, Item

GZIP_MAGIC = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
ZIP_MAGIC = b"PK\x03\x04"

MAX_LINE = 16 * 2**20
"""Bytes of the longest line, or object of an array, that is taken for a row."""
CHUNK = 2**20
MAX_RATIO = 200
"""How many times its size a gzip file may unpack to, once that is more than `FREE_BYTES`: text shrinks tenfold."""
FREE_BYTES = 2**28

File = BinaryIO | gzip.GzipFile


def stem(path: Path) -> str:
    """The file's name without its endings: `harmless-base` of `harmless-base.jsonl.gz`."""
    name = path.name
    for ending in (".gz", ".jsonl", ".json", ".csv", ".tsv", ".txt"):
        name = name.removesuffix(ending)
    return name


def numbered_lines(path: Path) -> Generator[tuple[int, bytes]]:
    """Each line with its number from 1, unzipped, without its end and without a byte order mark.

    A line of more than `MAX_LINE` comes cut, which `decoded` knows and refuses: no line fills the memory.

    Raises:
        UserError: the file is missing, empty, UTF-16, not the gzip file that it says it is, or unpacks without end.
    """
    number = 0
    with _reading(path) as file:
        most = _most_unpacked(path, file)
        while line := _read_line(file, path, most):
            number += 1
            yield number, (line.removeprefix(UTF8_MARK) if number == 1 else line).rstrip(b"\r\n")


def _read_line(file: File, path: Path, most: float) -> bytes:
    """The next line, at most a little more than `MAX_LINE` of it; what follows in the line is passed over."""
    line = part = file.readline(MAX_LINE + 2)
    while len(part) == MAX_LINE + 2 and not part.endswith(b"\n"):
        _check_unpacked(file, path, most)
        part = file.readline(MAX_LINE + 2)
    _check_unpacked(file, path, most)
    return line


@contextmanager
def _reading(path: Path) -> Iterator[File]:
    """An open file, whose faults are named."""
    try:
        with _open(path) as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"damaged gzip file: {error}", file=path, remedy="copy or download the file again") from None
    except FileNotFoundError:
        raise UserError("no such file", file=path, remedy="check the path") from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", file=path, remedy="check the file") from None


def _most_unpacked(path: Path, file: File) -> float:
    return max(FREE_BYTES, MAX_RATIO * path.stat().st_size) if isinstance(file, gzip.GzipFile) else float("inf")


def _check_unpacked(file: File, path: Path, most: float) -> None:
    if most < float("inf") and file.tell() > most:
        raise UserError(
            f"unpacks to more than {MAX_RATIO} times its size, as text does not",
            file=path,
            remedy="unpack it yourself if you trust it, and give the plain file",
        )


def decoded(raw: bytes, path: Path, number: int) -> str:
    """The line as text.

    Raises:
        BadRow: it is not UTF-8, or too long for a row.
    """
    if len(raw) > MAX_LINE:
        raise too_long(path, number)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, number, error) from None


def _not_utf8(path: Path, number: int, error: UnicodeDecodeError) -> BadRow:
    column = error.start - error.object.rfind(b"\n", 0, error.start)
    return BadRow(
        "not UTF-8",
        f"byte 0x{error.object[error.start]:02x} at column {column} is not UTF-8 text",
        file=path,
        line=number,
        remedy="save the file as UTF-8 (for example `iconv -f latin1 -t utf-8`), or give --skip-bad",
    )


def too_long(path: Path, number: int) -> BadRow:
    """That a row is longer than any row may be."""
    return BadRow("too long", f"is longer than {MAX_LINE // 2**20} MiB, which is no row", file=path, line=number)


def json_items(path: Path) -> Iterator[Item | BadRow]:
    """Each object of a file of JSON lines, or of one JSON array; lines that are faulty come as errors.

    Raises:
        UserError: the file cannot be read, or its array is not valid JSON.
    """
    lines = numbered_lines(path)
    is_first = True
    for number, raw in lines:
        if not raw.strip():
            continue
        if is_first and raw.lstrip().startswith(b"["):
            lines.close()
            yield from _array(path)
            return
        is_first = False
        yield _line(path, number, raw)


def magic(path: Path) -> bytes:
    """The first four bytes of a file."""
    with path.open("rb") as file:
        return file.read(4)


def _open(path: Path) -> File:
    start = magic(path)
    if not start:
        raise UserError("the file is empty", file=path, remedy="check that it was written to its end")
    if start.startswith(UTF16_MARKS):
        raise UserError("the file is UTF-16, not UTF-8", file=path, remedy="save it as UTF-8")
    if start == ZIP_MAGIC:
        raise UserError("a zip archive", file=path, remedy="unpack it, and give the files that are in it")
    if start.startswith(GZIP_MAGIC):
        return gzip.open(path, "rb")
    if path.suffix == ".gz":
        raise UserError("named .gz, but not a gzip file", file=path, remedy="rename it if it is plain, or get it again")
    return path.open("rb")


def _line(path: Path, number: int, raw: bytes) -> Item | BadRow:
    try:
        value = json.loads(decoded(raw, path, number))
    except BadRow as bad:
        return bad
    except (ValueError, RecursionError) as error:
        return BadRow(
            "not JSON",
            f"not JSON: {getattr(error, 'msg', error)} at column {getattr(error, 'colno', 1)}",
            file=path,
            line=number,
            remedy="write one whole JSON object on each line, or one JSON array of objects; or give --skip-bad",
        )
    return _item(value, path, number)


def _item(value: object, path: Path, number: int) -> Item | BadRow:
    if not isinstance(value, dict):
        return BadRow(
            "not an object",
            f"expected a JSON object, got {json.dumps(value)[:40]}",
            file=path,
            line=number,
            remedy="write one JSON object per row, or give --skip-bad",
        )
    try:
        # JSON may escape half of a surrogate pair, which no UTF-8 file can hold.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        return BadRow(
            "half a character",
            f"holds \\u{ord(error.object[error.start]):x}, half of a surrogate pair and so no character",
            file=path,
            line=number,
        )
    except ValueError:
        # Python reads NaN, Infinity and 1e999, which JSON has not and which no artifact could give back.
        return BadRow("not a number", "holds NaN or infinity, which JSON has not", file=path, line=number)
    return Item(value, path, number)


def _array(path: Path) -> Iterator[Item | BadRow]:
    """Objects of an array one after the other, each with the line on which it begins."""
    with _reading(path) as file:
        window = _Window(file, path)
        window.skip("[")
        while window.next() != "]":
            line, value = window.value()
            yield _item(value, path, line)
            if window.next() == ",":
                window.skip(",")
            elif window.next() != "]":
                raise _broken_array(path, window.line, "expected ',' or ']'")


class _Window:
    """The part of a JSON file that is being read, as text. It moves on, so memory does not grow with the file."""

    def __init__(self, file: File, path: Path) -> None:
        self.file = file
        self.path = path
        self.text = ""
        self.position = 0
        self.line = 1
        """Line at `position`."""
        self.is_at_end = False
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._most = _most_unpacked(path, file)

    def next(self) -> str:
        """The next character that is no space; '' at the end."""
        while True:
            while self.text[self.position : self.position + 1].isspace():
                self.line += self.text[self.position] == "\n"
                self.position += 1
            if self.position < len(self.text) or self.is_at_end:
                return self.text[self.position : self.position + 1]
            self._more()

    def skip(self, mark: str) -> None:
        """Go past a character that comes next."""
        assert self.next() == mark
        self.position += 1

    def value(self) -> tuple[int, object]:
        """The next value, and the line on which it begins.

        Raises:
            UserError: there is none, or it is longer than any row may be.
        """
        while True:
            try:
                value, end = self._json.raw_decode(self.text, self.position)
            except (ValueError, RecursionError) as error:
                if self.is_at_end:
                    line = self.line + self.text.count("\n", self.position, getattr(error, "pos", self.position))
                    raise _broken_array(self.path, line, getattr(error, "msg", str(error))) from None
            else:
                if end < len(self.text) or self.is_at_end:
                    line, self.line = self.line, self.line + self.text.count("\n", self.position, end)
                    self.position = end
                    return line, value
            if len(self.text) - self.position > MAX_LINE:
                raise too_long(self.path, self.line)
            self._more()

    def _more(self) -> None:
        # As much again as is there: each character of a long object is then looked at twice, not a hundred times.
        raw = self.file.read(max(CHUNK, len(self.text) - self.position))
        _check_unpacked(self.file, self.path, self._most)
        self.is_at_end = not raw
        try:
            found = self._utf8.decode(raw, final=self.is_at_end)
        except UnicodeDecodeError as error:
            line = self.line + self.text.count("\n", self.position) + error.object[: error.start].count(b"\n")
            raise _not_utf8(self.path, line, error) from None
        self.text, self.position = self.text[self.position :] + found, 0


def _broken_array(path: Path, line: int, problem: str) -> UserError:
    return UserError(
        f"the JSON array breaks off: {problem}", file=path, line=line, remedy="mend it, or write one object per line"
    )
