"""Guidelines: Markdown in versions; each answer says which version its labeler had before them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.store.tables import Guideline, Labeler

NAME = r"^[\w-]{1,100}$"
"""What a guideline may be called: it is part of an address."""


def publish(session: Session, name: str, text: str, *, note: str, by: Labeler | None, now: float) -> Guideline:
    """Add the next version; a text that is the latest already makes none."""
    latest = current(session, name)
    if latest is not None and latest.text == text:
        return latest
    guideline = Guideline(
        name=name, version=latest.version + 1 if latest else 1, text=text, note=note,
        created_by=by.id if by else None, created_at=now,
    )  # fmt: skip
    session.add(guideline)
    session.flush()
    return guideline


def current(session: Session, name: str) -> Guideline | None:
    """The latest version."""
    statement = select(Guideline).where(Guideline.name == name).order_by(Guideline.version.desc()).limit(1)
    return session.scalar(statement)


def versions(session: Session, name: str) -> list[Guideline]:
    """All versions, latest first."""
    return list(session.scalars(select(Guideline).where(Guideline.name == name).order_by(Guideline.version.desc())))


def names(session: Session) -> list[str]:
    """All guidelines there are."""
    return list(session.scalars(select(Guideline.name).distinct().order_by(Guideline.name)))
