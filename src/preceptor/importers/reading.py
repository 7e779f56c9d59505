"""Files as people bring them: gzip or plain, with or without a byte order mark, JSON lines or one JSON array."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from preceptor.errors import UserError
from preceptor.importers.item import BadRow, Item

GZIP_MAGIC = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def stem(path: Path) -> str:
    """The file's name without its endings: `harmless-base` of `harmless-base.jsonl.gz`."""
    name = path.name
    for ending in (".gz", ".jsonl", ".json", ".csv", ".tsv", ".txt"):
        name = name.removesuffix(ending)
    return name


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1, unzipped, without its end and without a byte order mark.

    Raises:
        UserError: the file is missing, empty, UTF-16, or not the gzip file that it says it is.
    """
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, (line.removeprefix(UTF8_MARK) if number == 1 else line).rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"damaged gzip file: {error}", file=path, remedy="copy or download the file again") from None
    except FileNotFoundError:
        raise UserError("no such file", file=path, remedy="check the path") from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", file=path, remedy="check the file") from None


def decoded(raw: bytes, path: Path, number: int) -> str:
    """The line as text.

    Raises:
        BadRow: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRow(
            "not UTF-8",
            f"byte 0x{raw[error.start]:02x} at column {error.start + 1} is not UTF-8 text",
            file=path,
            line=number,
            remedy="save the file as UTF-8 (for example `iconv -f latin1 -t utf-8`), or give --skip-bad",
        ) from None


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
            yield from _array(path, number, b"\n".join([raw, *(line for _, line in lines)]))
            return
        is_first = False
        yield _line(path, number, raw)


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    with path.open("rb") as file:
        start = file.read(3)
    if not start:
        raise UserError("the file is empty", file=path, remedy="check that it was written to its end")
    if start.startswith(UTF16_MARKS):
        raise UserError("the file is UTF-16, not UTF-8", file=path, remedy="save it as UTF-8")
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
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return BadRow(
            "half a character",
            f"holds \\u{ord(error.object[error.start]):x}, half of a surrogate pair and so no character",
            file=path,
            line=number,
        )
    return Item(value, path, number)


def _array(path: Path, number: int, raw: bytes) -> Iterator[Item | BadRow]:
    """Objects of an array one after the other, each with the line on which it begins."""
    text = "\n".join(decoded(line, path, number + i) for i, line in enumerate(raw.split(b"\n")))
    decoder = json.JSONDecoder()
    position = _skip_space(text, text.index("[") + 1)
    counted = 0
    while text[position : position + 1] != "]":
        number += text.count("\n", counted, position)
        counted = position
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line = number + text.count("\n", counted, getattr(error, "pos", counted))
            raise _broken_array(path, line, getattr(error, "msg", str(error))) from None
        yield _item(value, path, number)
        position = _skip_space(text, position)
        if text[position : position + 1] == ",":
            position = _skip_space(text, position + 1)
        elif text[position : position + 1] != "]":
            raise _broken_array(path, number + text.count("\n", counted, position), "expected ',' or ']'")


def _skip_space(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _broken_array(path: Path, line: int, problem: str) -> UserError:
    return UserError(
        f"the JSON array breaks off: {problem}", file=path, line=line, remedy="mend it, or write one object per line"
    )
