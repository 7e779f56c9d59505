"""Pairs in a CSV or TSV file: which of two responses is better, with a column map for any layout."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from preceptor.errors import UserError
from preceptor.importers.base import Format, ImportConfig, row_id
from preceptor.importers.item import BadRow, Item
from preceptor.importers.reading import stem
from preceptor.importers.tables import (
    DELIMITERS,
    Column,
    Delimiter,
    Quoting,
    Row,
    find_column,
    looks_like_header,
    table_rows,
)
from preceptor.records import Prompt, Ranking, Response

KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "chosen": ("chosen", "winner", "preferred", "better"),
    "rejected": ("rejected", "loser", "worse"),
    "first": ("first", "a1", "a", "response_a", "response_1", "output_1", "text_a"),
    "second": ("second", "a2", "b", "response_b", "response_2", "output_2", "text_b"),
    "label": ("label", "preference", "choice", "judgment", "judgement"),
    "prompt": ("prompt", "question", "instruction"),
    "id": ("id", "pair_id", "row_id"),
    "labeler": ("labeler", "worker", "worker_id", "annotator", "annotator_id", "evaluator"),
    "user": ("user", "user_id"),
}
"""Header names that are understood without a column map, in lower case and without a leading '#'."""


class Pairs(Format):
    """Each row names a better and a worse response, or two responses and a label that says which is better.

    The responses stand in the row, or, with `texts_file`, their ids do and a second table holds the texts.
    """

    name = "pairs"
    title = "pairs in CSV or TSV: columns chosen and rejected, or first, second and label; texts or ids"

    class Config(ImportConfig):
        """The column map: a column by its name in the header or by its number from 1; left out, by common names."""

        chosen: Column | None = None
        """Column of the better response."""
        rejected: Column | None = None
        """Column of the worse response."""
        first: Column | None = None
        """Column of the first response, where a label says which is better."""
        second: Column | None = None
        """Column of the second response."""
        label: Column | None = None
        """Column of that label."""
        first_labels: tuple[str | int, ...] = ("a1", "a", "first", "left", "model_a", "response_a")
        """Labels that call the first response better."""
        second_labels: tuple[str | int, ...] = ("a2", "b", "second", "right", "model_b", "response_b")
        """Labels that call the second response better."""
        tie_labels: tuple[str | int, ...] = ("equal", "tie", "same", "both")
        """Labels that call them equally good; the tie is kept."""
        prompt: Column | None = None
        """Column of the prompt."""
        prompt_text: str | None = None
        """The prompt of all rows where no column holds it; left out, it is the file's name in words."""
        id: Column | None = None
        """Column of the row's id."""
        labeler: Column | None = None
        """Column of who judged."""
        user: Column | None = None
        """Column of who asked."""
        header: bool | None = None
        """Whether the first row names the columns; left out, it does where it looks so."""
        delimiter: Delimiter = "auto"
        """What stands between the cells."""
        quoting: Quoting = "auto"
        """Whether double quotes enclose cells; `auto`: they do, but not in tab-separated files."""
        texts_file: Path | None = None
        """A second table with the responses' texts; the columns above then hold ids."""
        texts_id: Column = 1
        """Column of the id in that table."""
        texts_text: Column = 2
        """Column of the text in that table."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.places: dict[str, int] = {}
        self.num_cells = 0
        self.prompts: dict[tuple[str, str | None], Prompt] = {}
        self.texts = None if config.texts_file is None else _texts(config)
        self.labels = {
            str(value).casefold(): best
            for best in ("first", "second", "tie")
            for value in getattr(config, f"{best}_labels")
        }

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """Every table is taken for pairs."""
        return row is None

    def read(self, path: Path) -> Iterator[Item | BadRow]:
        """Rows as objects of the columns that are used."""
        header_is_next = True
        for row in table_rows(path, self.config.delimiter, self.config.quoting):
            if isinstance(row, BadRow):
                if header_is_next:
                    raise row
                yield row
            elif header_is_next:
                header_is_next = False
                if not self._learn_columns(path, row):
                    yield self._item(path, row)
            else:
                yield self._item(path, row)

    def records(self, item: Item) -> Iterable[Ranking]:
        """One ranking of two responses."""
        if "chosen" in self.places:
            keys, best = ["chosen", "rejected"], "chosen"
        else:
            keys, best = ["first", "second"], self._label(item)
        responses = {key: self._response(item, key) for key in keys}
        groups: tuple[tuple[str, ...], ...] = (tuple(response.id for response in responses.values()),)
        if best != "tie":
            worse = next(key for key in keys if key != best)
            groups = ((responses[best].id,), (responses[worse].id,))
        self.counts["ties"] += best == "tie"
        self.count_responses(tuple(responses.values()))
        yield Ranking(
            id=item.name("id") or row_id(item),
            prompt=self._prompt(item),
            responses=tuple(responses.values()),
            groups=groups,
            labeler=self.labeler(item.name("labeler") or None),
        )

    def side_files(self) -> tuple[Path, ...]:
        """The table of texts."""
        return () if self.config.texts_file is None else (self.config.texts_file,)

    def _learn_columns(self, path: Path, row: Row) -> bool:
        """Find the columns by the first row; True where it is a header and no data."""
        config = self.config
        given = [column for name in KNOWN_NAMES if (column := getattr(config, name)) is not None]
        is_header = looks_like_header(row.cells, KNOWN_NAMES, given) if config.header is None else config.header
        header = row.cells if is_header else None
        self.num_cells = len(row.cells)
        self.places = {}
        for name, known in KNOWN_NAMES.items():
            place = find_column(getattr(config, name), known, header, self.num_cells)
            if place is not None:
                self.places[name] = place
            elif getattr(config, name) is not None:
                raise _no_column(path, row, is_header, name, getattr(config, name))
        if not ({"chosen", "rejected"} <= self.places.keys() or {"first", "second", "label"} <= self.places.keys()):
            raise _no_column(path, row, is_header, "chosen", None)
        return is_header

    def _item(self, path: Path, row: Row) -> Item | BadRow:
        if len(row.cells) != self.num_cells:
            return BadRow(
                "wrong number of columns",
                f"has {len(row.cells)} columns, the first row has {self.num_cells}",
                file=path,
                line=row.line,
            )
        return Item({name: row.cells[place] for name, place in self.places.items()}, path, row.line)

    def _label(self, item: Item) -> str:
        label = item.text("label").strip().casefold()
        if label not in self.labels:
            raise item.bad(
                "unknown label",
                f"'{label}' says neither first, second nor tie",
                field="label",
                remedy="name it in first_labels, second_labels or tie_labels, or give --skip-bad",
            )
        return self.labels[label]

    def _response(self, item: Item, field: str) -> Response:
        value = item.text(field).strip()
        if self.texts is None:
            self.counts["responses that are bare numbers (if they are ids, give texts_file)"] += value.isdecimal()
            return Response(id=field, text=value)
        if value not in self.texts:
            raise item.bad(
                "response that does not exist",
                f"names response '{value}', which is not in {self.config.texts_file.name}",
                field=field,
            )
        return self.texts[value]

    def _prompt(self, item: Item) -> Prompt:
        text = item.text("prompt").strip() if "prompt" in self.places else self.config.prompt_text
        if text is None:
            text = " ".join(stem(item.file).replace("-", " ").replace("_", " ").split())
        user = item.name("user") or None
        if (text, user) not in self.prompts:
            self.prompts[text, user] = self.prompt(text, user=user)
        return self.prompts[text, user]


def _texts(config: "Pairs.Config") -> dict[str, Response]:
    """The responses of `texts_file` by id."""
    path = config.texts_file
    assert path is not None
    found: dict[str, Response] = {}
    places: list[int] | None = None
    for row in table_rows(path, "auto", "auto"):
        if isinstance(row, BadRow):
            raise row
        if places is None:
            places, is_header = _text_places(config, path, row)
            if is_header:
                continue
        if max(places) >= len(row.cells):
            raise UserError(f"has only {len(row.cells)} columns", file=path, line=row.line, remedy="mend this row")
        name, text = (row.cells[place].strip() for place in places)
        if name in found:
            raise UserError(f"a second text with id '{name}'", file=path, line=row.line, remedy="give each id one text")
        found[name] = Response(id=name, text=text)
    return found


def _text_places(config: "Pairs.Config", path: Path, row: Row) -> tuple[list[int], bool]:
    columns = {"texts_id": config.texts_id, "texts_text": config.texts_text}
    is_header = any(isinstance(column, str) and not column.isdecimal() for column in columns.values())
    places = []
    for name, column in columns.items():
        place = find_column(column, (), row.cells if is_header else None, len(row.cells))
        if place is None:
            raise _no_column(path, row, is_header, name, column)
        places.append(place)
    return places, is_header


def _no_column(path: Path, row: Row, is_header: bool, field: str, column: Column | None) -> UserError:
    cells = ", ".join(f"'{cell.strip()[:30]}'" for cell in row.cells)
    what = "the header has" if is_header else "the first row, which is no header, has"
    problem = (
        "no columns that say which response is better" if column is None else f"there is no column {column!r} for it"
    )
    others = [name for name, mark in DELIMITERS.items() if len(row.cells) == 1 and mark in row.cells[0]]
    remedy = "map the columns: chosen=… and rejected=…, or first=…, second=… and label=… (a name, or a number from 1)"
    if others:
        remedy = f"the cells look separated by another sign: set delimiter={others[0]}"
    return UserError(f"{problem}; {what} {cells}", file=path, line=row.line, field=field, remedy=remedy)
