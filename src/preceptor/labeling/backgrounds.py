"""What labelers choose to tell about themselves, and what is said of groups of them: never of a few.

The questions are those of Ouyang et al. 2022, Table 12. No reply is asked for, and each can be taken back.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.labeling.i18n import COUNTRIES
from preceptor.store.tables import Labeler

if TYPE_CHECKING:
    from preceptor.labeling.quality import Board
    from preceptor.stats import Measure

MIN_PEOPLE = 5
"""A smaller group is not shown: with fewer, its members and what they think could be told by who they are. Five is the
least that most statistical offices publish of people."""
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "gender": ("female", "male", "other"),
    "age": ("18-24", "25-34", "35-44", "45-54", "55-64", "65+"),
    "education": ("less_than_high_school", "high_school", "undergraduate", "master", "doctorate"),
    "ethnicity": (
        "white", "southeast_asian", "indigenous", "east_asian", "middle_eastern", "latinx", "black", "other",
    ),
    "country": COUNTRIES,
}  # fmt: skip
"""Question → what one may reply."""


@dataclass(frozen=True)
class Background:
    """What is known of one question."""

    question: str
    groups: tuple[tuple[str, int], ...]
    """Groups of `MIN_PEOPLE` and more, with their sizes. How many are left out is not said: it would tell of them."""
    agreement: tuple[tuple[str, str, "Measure"], ...]
    """Two groups, or one twice, and how they agree."""


def tell(session: Session, labeler: Labeler, replies: Mapping[str, str]) -> None:
    """Keep what a labeler tells, in place of what was told before; what is no reply is not told."""
    kept = session.get_one(Labeler, labeler.id)
    told = {question: replies[question] for question in QUESTIONS if replies.get(question) in QUESTIONS[question]}
    others = {name: value for name, value in kept.profile.items() if name != "background"}
    kept.profile = {**others, "background": told} if told else others


def told_by(labeler: Labeler) -> dict[str, str]:
    """What a labeler told."""
    return dict(labeler.profile.get("background", {}))


def backgrounds(session: Session, board: "Board") -> list[Background]:
    """Whose preferences a board shows: the groups among its labelers, and how they agree."""
    people = [int(one.labeler) for one in board.labelers]
    profiles = {str(one.id): told_by(one) for one in session.scalars(select(Labeler).where(Labeler.id.in_(people)))}
    return [_background(board, profiles, question) for question in QUESTIONS]


def _background(board: "Board", profiles: Mapping[str, Mapping[str, str]], question: str) -> Background:
    from preceptor.stats import by_group

    told: dict[Hashable, str] = {name: profile[question] for name, profile in profiles.items() if question in profile}
    sizes = {group: size for group, size in Counter(told.values()).items() if size >= MIN_PEOPLE}
    members = {name: group for name, group in told.items() if group in sizes}
    found = by_group(board.rows.table, members) if board.rows and members else {}
    groups = tuple((group, sizes[group]) for group in QUESTIONS[question] if group in sizes)
    return Background(question, groups, tuple((one, other, measure) for (one, other), measure in found.items()))
