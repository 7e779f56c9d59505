"""What finished answers ask for: new items of other kinds, made while people go on working.

Nothing notes that an answer was followed but the item that came of it, so what was interrupted is made up for.
"""

import logging
import threading
import time
from collections import Counter
from typing import get_args

from sqlalchemy import Row, String, cast, exists, select
from sqlalchemy.orm import Session, aliased

from preceptor.errors import UserError
from preceptor.labeling.answers import latest_answer
from preceptor.labeling.assignment import FIRST, draw
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.stages import NewItem, add_items, add_stage, settings_of, task_of
from preceptor.labeling.tasks import Respond, Work, kinds
from preceptor.records import Labeler
from preceptor.store import Database
from preceptor.store.tables import Answer, Group, Item, Stage
from preceptor.store.tables import Labeler as Account

EVERY_S = 2.0
LATER_S = 60.0
"""How long it waits after the model could not be reached."""

log = logging.getLogger(__name__)


class Follower:
    """Looks for answers that ask for something, and makes it."""

    def __init__(self, database: Database, respond: Respond) -> None:
        self._database, self._respond = database, respond
        self._passed: set[int] = set()
        """Answers that turned out to ask for nothing."""
        self._failures: Counter[int] = Counter()
        """Answers by which a pass ended; they come last in the next, so that one does not keep all others waiting."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def catch_up(self) -> int:
        """Make all that is asked for now; the number of new items.

        Raises:
            Refused: the model cannot be reached.
            UserError: the model cannot be loaded.
        """
        with self._database.read() as session:
            waiting = [(stage, *row) for stage in _stages(session) for row in _waiting(session, stage)]
        made = 0
        for stage, item, answer, account in sorted(waiting, key=lambda one: self._failures[one[2].id]):
            if self._over.is_set():
                break
            if answer.id in self._passed:
                continue
            try:
                made += self._follow(stage, item, answer, account)
            except Exception:
                self._failures[answer.id] += 1
                raise
        return made

    def _follow(self, stage: Stage, item: Item, answer: Answer, account: Account) -> int:
        task, key = task_of(stage), f"{item.key}-{answer.id}"
        with self._database.read() as session:
            latest = latest_answer(session, account, item.id) or answer
        work = Work(
            key=key, item=task.Item.model_validate(item.payload), shown=task.Shown.model_validate(latest.shown),
            answer=task.Answer.model_validate(latest.content),
            labeler=Labeler(id=str(account.id), group=account.group, origin=account.origin),
        )  # fmt: skip
        # The model may take its time; no transaction waits for it.
        found = task.follow_up(work, settings_of(stage), self._respond, draw(answer.id, "follow"))
        if found is None:
            self._passed.add(answer.id)
            return 0
        with self._database.write() as session:
            # Whose answer it was knows too much to judge what came of it.
            target = _target(session, stage, account.group)
            return add_items(session, target, [NewItem(key, found, account.id)], now=time.time())

    def _run(self) -> None:
        pause = EVERY_S
        while not self._over.wait(pause):
            try:
                self.catch_up()
                pause = EVERY_S
            except (Refused, UserError) as error:
                log.warning("what finished answers ask for cannot be made now; next try in %d s: %s", LATER_S, error)
                pause = LATER_S
            except Exception:
                log.exception("what finished answers ask for cannot be made now; next try in %d s", LATER_S)
                pause = LATER_S


def target_name(stage: Stage, group: Group) -> str:
    """The stage that follow-ups of a group's answers go to. What held-out labelers wrote must not train by a detour."""
    name = f"{stage.name}-{task_of(stage).follow_up_kind}"
    return name if group == "training" else f"{name}-held-out"


def _stages(session: Session) -> list[Stage]:
    asking = [name for name, task in kinds().items() if task.follow_up_kind is not None]
    statement = select(Stage).where(Stage.kind.in_(asking), Stage.is_screening.is_(False))
    return list(session.scalars(statement.order_by(Stage.id)))


def _waiting(session: Session, stage: Stage) -> list[Row[Item, Answer, Account]]:
    """Answers of a stage of which no item came yet."""
    made = aliased(Item)
    targets = select(Stage.id).where(Stage.name.in_([target_name(stage, group) for group in get_args(Group)]))
    followed = exists().where(made.stage_id.in_(targets), made.key == Item.key + "-" + cast(Answer.id, String))
    statement = (
        select(Item, Answer, Account)
        .join(Answer, Answer.item_id == Item.id)
        .join(Account, Account.id == Answer.labeler_id)
        .where(
            Answer.stage_id == stage.id,
            Answer.status.in_(FIRST),
            ~followed,
            Item.lane == "ordinary",
            Item.is_retired.is_(False),
        )
    )
    return list(session.execute(statement.order_by(Answer.id)))


def _target(session: Session, stage: Stage, group: Group) -> Stage:
    """The stage for what a group's answers ask for; it is made with the first."""
    name, kind = target_name(stage, group), str(task_of(stage).follow_up_kind)
    found = session.scalar(select(Stage).where(Stage.name == name))
    return found or add_stage(session, name, kind, group=group, round=stage.round, now=time.time())
