"""What columns may hold, beyond what the databases know."""

from sqlalchemy import CheckConstraint, Dialect, Text, TypeDecorator


def one_of(column: str, *words: str) -> CheckConstraint:
    """A column holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f'"{column}" IN ({listed})', name=f"{column}_known")


class AnyText(TypeDecorator[str]):
    """Text; the character NUL, which PostgreSQL cannot keep, becomes the one that stands for what is none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is kept."""
        return None if value is None else value.replace("\0", "\ufffd")
