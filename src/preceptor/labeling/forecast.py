"""When a stage will be done, if people go on as they do now."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from preceptor.store.tables import Answer, Item, Stage

WINDOW_S = 7 * 86_400.0
"""What came before is no guide to how fast people are now: a week holds its weekend."""


@dataclass(frozen=True)
class Forecast:
    """What is left of a stage, and how fast it goes."""

    num_left: int
    """Answers that are still wanted."""
    per_hour: float | None
    """Answers that counted, over the last week or since the work began; None when there was none."""

    @property
    def seconds_left(self) -> float | None:
        """Until all is done; None while nobody works."""
        return None if self.per_hour is None else self.num_left / self.per_hour * 3600


def forecast(session: Session, stage: Stage, now: float) -> Forecast:
    """From the answers on ordinary items: gold and repeated ones come on top, and are not in what is left."""
    in_line = (Item.stage_id == stage.id, Item.lane == "ordinary", Item.is_retired.is_(False))
    wanted = select(func.sum(stage.overlap - Item.num_counted)).where(*in_line, Item.num_counted < stage.overlap)
    recent = (
        select(func.count(), func.min(Answer.claimed_at))
        .join(Item, Item.id == Answer.item_id)
        .where(*in_line, Answer.stage_id == stage.id, Answer.status == "counted", Answer.created_at > now - WINDOW_S)
    )
    num, began = session.execute(recent).one()
    hours = (now - max(began, now - WINDOW_S)) / 3600 if num else 0.0
    return Forecast(int(session.scalar(wanted) or 0), num / hours if hours > 0 else None)
