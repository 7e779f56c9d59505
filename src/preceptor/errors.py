"""The one error a person sees: what is wrong, where, and what to do about it."""

from pathlib import Path


class UserError(Exception):
    """Something the user can mend; the command line prints it and exits with code 2."""

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.file = None if file is None else str(file)
        self.line = line
        self.field = field
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        parts = [part for part in (place, f"field '{self.field}'" if self.field else "") if part]
        where = ", ".join(parts)
        return (f"{where}: " if where else "") + f"{self.problem}\n  → {self.remedy}"


class Waiting(Exception):
    """The pipeline has come to where people must work; not a mistake of anybody's."""

    def __init__(self, what: str, have: int, need: int, todo: Path) -> None:
        self.what, self.have, self.need, self.todo = what, have, need, todo
        super().__init__(f"waiting for {what}: {have} of {need} are in")
