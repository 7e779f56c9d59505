"""Tables of prompts under columns of any name: CSV, TSV, Parquet, or JSON lines with fields of their own."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from preceptor.errors import UserError
from preceptor.importers.base import Format, ImportConfig, row_id
from preceptor.importers.conversations import messages_in, prompts_of
from preceptor.importers.item import BadRow, Item
from preceptor.importers.parquet import PARQUET_MAGIC, parquet_items
from preceptor.importers.reading import json_items, magic, numbered_lines
from preceptor.importers.tables import Row, table_rows
from preceptor.records import USE_CASES, Message, Prompt

KNOWN = {
    "prompt": ("prompt", "messages", "conversation", "question", "instruction", "text"),
    "id": ("id", "prompt_id", "question_id"),
    "user": ("user", "user_id"),
    "time": ("time", "timestamp", "created_at"),
    "source": ("source",),
    "use_case": ("use_case",),
}
"""Field → columns in which it is looked for when the settings name none."""
FORMULA_MARKS = ("=", "+", "-", "@")


class Columns(Format):
    """One prompt a row: text, or messages of which the last turn of the user counts, with all before it."""

    name = "columns"
    title = "prompts in CSV, TSV, Parquet or JSON lines, under columns of any name"

    class Config(ImportConfig):
        """Settings of the importer of columns: which column holds what."""

        prompt: str | None = None
        """Column of the text or the messages; by default the first of `prompt`, `messages`, `conversation`,
        `question`, `instruction`, `text`."""
        id: str | None = None
        """Column of the row's own id; by default `id`, `prompt_id` or `question_id`, where there is one."""
        user: str | None = None
        """Column of who asked; by default `user` or `user_id`, where there is one."""
        time: str | None = None
        """Column of when it was asked; by default `time`, `timestamp` or `created_at`, where there is one."""
        source: str | None = None
        """Column of where it came from; by default `source`, where there is one."""
        use_case: str | None = None
        """Column of the use case; by default `use_case`, where there is one. Unknown ones are left out, counted."""
        metadata: tuple[str, ...] = ()
        """Columns to keep as metadata; all others are left out."""

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """Never by its first row: what the columns mean is for a person to say."""
        return False

    def read(self, path: Path) -> Iterator[Item | BadRow]:
        """Rows by what the file is."""
        if magic(path) == PARQUET_MAGIC:
            return parquet_items(path)
        start = next((raw.lstrip() for _, raw in numbered_lines(path) if raw.strip()), b"")
        return json_items(path) if start.startswith((b"{", b"[")) else _table_items(path)

    def records(self, item: Item) -> Iterable[Prompt]:
        """One prompt."""
        name = self._column(item, "prompt")
        if name is None:
            raise item.bad("no prompt column", f"has no column of the prompt, but {', '.join(item.value)}",
                           remedy="name it: --option prompt=COLUMN")  # fmt: skip
        use_case = self._text(item, "use_case")
        self.counts["use cases that are not known"] += use_case is not None and use_case not in USE_CASES
        fields = {"source": self._text(item, "source"), "id": self._text(item, "id") or row_id(item)}
        yield self.prompt(
            self._messages(item, name),
            user=self._text(item, "user"),
            use_case=use_case if use_case in USE_CASES else None,
            metadata=self._metadata(item),
            **{key: value for key, value in fields.items() if value is not None},
        )

    def _messages(self, item: Item, name: str) -> list[Message]:
        value = item.value[name]
        if isinstance(value, list) and value and isinstance(value[0], str):
            # Turns of the user alone: without the responses between them only the first is whole.
            self.counts["rows of which the first turn is taken"] += len(value) > 1
            value = value[0]
        messages = messages_in(Item({**item.value, name: value}, item.file, item.line), name)
        last = list(prompts_of(item, messages)[-1])
        if not last[-1].content.strip():
            raise item.bad("empty prompt", "is empty", field=name)
        self.counts["prompts that a spreadsheet would run as a formula"] += last[-1].content.startswith(FORMULA_MARKS)
        return last

    def _metadata(self, item: Item) -> dict[str, Any]:
        for column in self.config.metadata:
            if column not in item.value:
                raise item.bad(
                    f"no field '{column}'", f"is missing; this row has {', '.join(item.value)}", field=column
                )
        kept = {column: item.value[column] for column in self.config.metadata}
        time = self._text(item, "time")
        return kept if time is None else kept | {"time": time}

    def _column(self, item: Item, field: str) -> str | None:
        """The column that holds a field; None where nobody names one and none is known."""
        given = getattr(self.config, field)
        if given is None:
            return next((name for name in KNOWN[field] if name in item.value), None)
        if given not in item.value:
            raise _missing(item, given)
        return str(given)

    def _text(self, item: Item, field: str) -> str | None:
        name = self._column(item, field)
        value = None if name is None else item.name(name)
        return value or None


def _missing(item: Item, column: str) -> BadRow:
    return item.bad(f"no field '{column}'", f"is missing; this row has {', '.join(item.value)}", field=column)


def _table_items(path: Path) -> Iterator[Item | BadRow]:
    """Rows of a CSV or TSV file under the names of its header.

    Raises:
        UserError: the header names a column twice.
    """
    header: list[str] | None = None
    for row in table_rows(path, "auto", "auto"):
        if not isinstance(row, Row):
            yield row
        elif header is None:
            header = [cell.strip() for cell in row.cells]
            if twice := [name for name in header if header.count(name) > 1]:
                raise UserError(f"two columns are called '{twice[0]}'", file=path, line=row.line, remedy="rename one")
        elif len(row.cells) != len(header):
            problem = f"has {len(row.cells)} cells, but the header has {len(header)}"
            yield BadRow("another number of cells", problem, file=path, line=row.line)
        else:
            yield Item(dict(zip(header, row.cells, strict=True)), path, row.line)
