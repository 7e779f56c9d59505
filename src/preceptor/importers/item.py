"""One raw row of a file, and what is said when it is bad."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from preceptor.errors import UserError

ValueT = TypeVar("ValueT")

SKIP = "mend this row, or give --skip-bad to drop and count such rows"


class BadRow(UserError):
    """One row is at fault: an error, or with `skip_bad` a count under `reason`."""

    def __init__(
        self,
        reason: str,
        problem: str,
        *,
        file: Path,
        line: int,
        field: str | None = None,
        remedy: str = SKIP,
        num_rows: int = 1,
    ) -> None:
        self.reason = reason
        self.num_rows = num_rows
        super().__init__(problem, remedy=remedy, file=file, line=line, field=field)


@dataclass(frozen=True, slots=True)
class Item:
    """A raw row with its place; its fields are asked for by name, and a missing one says where it is missing."""

    value: Mapping[str, Any]
    file: Path
    line: int

    def bad(self, reason: str, problem: str, *, field: str | None = None, remedy: str = SKIP) -> BadRow:
        """An error with this row's place."""
        return BadRow(reason, problem, file=self.file, line=self.line, field=field, remedy=remedy)

    def has(self, field: str) -> bool:
        """Whether the row has the field, and it is not null."""
        return self.value.get(field) is not None

    def text(self, field: str) -> str:
        """A field that must be text.

        Raises:
            BadRow: it is missing, null or something else.
        """
        return self._typed(field, str, "text")

    def items(self, field: str) -> list[Any]:
        """A field that must be a list.

        Raises:
            BadRow: it is missing, null or something else.
        """
        return self._typed(field, list, "a list")

    def inside(self, field: str) -> "Item":
        """A field that must be an object.

        Raises:
            BadRow: it is missing, null or something else.
        """
        return Item(self._typed(field, dict, "an object"), self.file, self.line)

    def each(self, field: str) -> "list[Item]":
        """A field that must be a list of objects.

        Raises:
            BadRow: it is missing, null or something else.
        """
        values = self.items(field)
        for value in values:
            if not isinstance(value, dict):
                raise self.bad(f"field '{field}' is malformed", f"expected objects, got {value!r:.40}", field=field)
        return [Item(value, self.file, self.line) for value in values]

    def name(self, field: str) -> str | None:
        """A field that names something, as text; None where it is missing or null."""
        value = self.value.get(field)
        return None if value is None else str(value)

    def rest(self, *used: str) -> dict[str, Any]:
        """All fields but those used, to be kept as metadata."""
        return {field: value for field, value in self.value.items() if field not in used}

    def _typed(self, field: str, kind: type[ValueT], word: str) -> ValueT:
        if field not in self.value:
            known = ", ".join(f"'{name}'" for name in self.value) or "nothing"
            raise self.bad(f"no field '{field}'", f"is missing; this row has {known}", field=field)
        value = self.value[field]
        if value is None:
            raise self.bad(f"field '{field}' is null", "is null", field=field)
        if not isinstance(value, kind):
            raise self.bad(f"field '{field}' is malformed", f"expected {word}, got {value!r:.40}", field=field)
        return value
