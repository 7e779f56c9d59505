"""Who becomes a training labeler (Ouyang et al. 2022, appendix B.1): candidates against researchers, without names.

Four criteria: agreement with the researchers' gold on sensitive speech and on rankings, demonstrations as researchers
rate them, and the topics that a candidate knows of. The cut-offs are soft: an admin decides.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from preceptor.config import BaseConfig
from preceptor.labeling.assignment import draw
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.stages import task_of
from preceptor.labeling.tasks import Judgement, Work
from preceptor.labeling.tasks.screening import SENSITIVE, ScreeningAnswer
from preceptor.records import Demonstration
from preceptor.records import Labeler as Pseudonym
from preceptor.store.tables import Answer, Decision, DemonstrationRating, Item, Labeler, Setting, Stage

if TYPE_CHECKING:
    from preceptor.stats import Measure

SETTING = "screening"
DEMONSTRATION = "demonstration"
SHEET = "screening"
"""The kind of the sheets on which sensitive speech is flagged."""


class Cutoffs(BaseConfig):
    """From where on a score speaks for a candidate; the paper's."""

    flagging: float = Field(default=0.75, ge=0, le=1)
    """Share of texts flagged or left as the researchers do."""
    ranking: float = Field(default=0.75, ge=0, le=1)
    """Agreement with the researchers' rankings."""
    demonstration: float = Field(default=6.0, ge=1, le=7)
    """Mean rating of the demonstrations."""


@dataclass(frozen=True)
class Scores:
    """A candidate's four criteria."""

    flagging: "Measure"
    ranking: "Measure"
    demonstration: "Measure"
    topics: tuple[str, ...]
    other_topics: str

    def passed(self, cutoffs: Cutoffs) -> dict[str, bool | None]:
        """Whether each figure reaches its cut-off; None where there is none."""
        figures = {"flagging": self.flagging, "ranking": self.ranking, "demonstration": self.demonstration}
        return {
            name: None if one.value is None else one.value >= getattr(cutoffs, name) for name, one in figures.items()
        }


@dataclass(frozen=True)
class Candidate:
    """Somebody to be screened, under an alias."""

    alias: str
    num_done: int
    num_items: int
    scores: Scores


@dataclass(frozen=True)
class Unrated:
    """A candidate's demonstration that a researcher has not rated; whose it is is not said."""

    answer_id: int
    demonstration: Demonstration
    num_left: int


def cutoffs_of(session: Session) -> Cutoffs:
    """The cut-offs as they are set."""
    setting = session.get(Setting, SETTING)
    return Cutoffs() if setting is None else Cutoffs.model_validate(setting.value)


def set_cutoffs(session: Session, cutoffs: Cutoffs) -> None:
    """Set the cut-offs; decisions that were made keep theirs."""
    session.merge(Setting(name=SETTING, value=cutoffs.model_dump()))


def alias_of(secret: bytes, labeler_id: int) -> str:
    """The name under which a candidate is judged; only this server can tell whose it is."""
    return hmac.new(secret, f"candidate\0{labeler_id}".encode(), hashlib.sha256).hexdigest()[:10].upper()


def candidates(session: Session, secret: bytes) -> list[Candidate]:
    """All candidates with their scores, in the order of their aliases, which tells nothing."""
    items, ratings = _items(session), _ratings(session)
    gold, by_labeler = _gold(items), defaultdict(list)
    for one in _submissions(session):
        by_labeler[one.answer.labeler_id].append(one)
    found = []
    for labeler in session.scalars(_to_be_screened()):
        submissions = by_labeler[labeler.id]
        scores = _scores(submissions, gold, ratings)
        found.append(Candidate(alias_of(secret, labeler.id), len(submissions), len(items), scores))
    return sorted(found, key=lambda one: one.alias)


def decide(session: Session, admin: Labeler, secret: bytes, alias: str, *, take: bool, note: str, now: float) -> None:
    """Make a candidate a labeler, or not; the scores on which that rests are kept. Who is not taken is paused.

    Call it in a write transaction.

    Raises:
        Missing: there is no such candidate.
    """
    chosen = [one for one in session.scalars(_to_be_screened()) if alias_of(secret, one.id) == alias]
    if not chosen:
        raise Missing
    (scores,) = [one.scores for one in candidates(session, secret) if one.alias == alias]
    kept = {"scores": asdict(scores), "cutoffs": cutoffs_of(session).model_dump()}
    chosen[0].standing = "active" if take else "paused"
    session.add(
        Decision(
            labeler_id=chosen[0].id, decided_by=admin.id, is_taken=take, scores=kept, note=note[:2000], created_at=now
        )
    )
    session.flush()


def next_unrated(session: Session, researcher: Labeler) -> Unrated | None:
    """A demonstration to rate, drawn by lot; None when all are rated."""
    rated = set(
        session.scalars(select(DemonstrationRating.answer_id).where(DemonstrationRating.researcher_id == researcher.id))
    )
    left = [one for one in _submissions(session) if one.stage.kind == DEMONSTRATION and one.answer.id not in rated]
    if not left:
        return None
    drawn = min(left, key=lambda one: draw(researcher.id, one.answer.id, "rate").random())
    return Unrated(drawn.answer.id, drawn.demonstration(), len(left))


def rate(session: Session, researcher: Labeler, answer_id: int, likert: int, *, now: float) -> None:
    """Rate a candidate's demonstration; rating it again corrects it.

    Raises:
        Missing: there is no such demonstration.
        Refused: the rating is none.
    """
    if not 1 <= likert <= 7:
        raise Refused("Choose a point from 1 to 7.")
    if not any(one.answer.id == answer_id and one.stage.kind == DEMONSTRATION for one in _submissions(session)):
        raise Missing
    session.add(DemonstrationRating(answer_id=answer_id, researcher_id=researcher.id, likert=likert, created_at=now))


@dataclass(frozen=True)
class Submission:
    """What a candidate says of an item."""

    answer: Answer
    item: Item
    stage: Stage

    def judgements(self) -> list[Judgement]:
        """What agreement is measured on."""
        return judgements(self.stage, self.item, self.answer.content, self.answer.shown)

    def demonstration(self) -> Demonstration:
        """What was written, with its prompt."""
        task, (item, shown, answer) = (
            task_of(self.stage),
            parts(self.stage, self.item, self.answer.content, self.answer.shown),
        )
        records = task.to_records(Work(self.item.key, item, shown, answer, Pseudonym(id="candidate")))
        (found,) = [record for record in records if isinstance(record, Demonstration)]
        return found


def parts(stage: Stage, item: Item, content: Mapping[str, Any], shown: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Item, what was shown, and answer, as their kind's types."""
    task = task_of(stage)
    return task.Item.model_validate(item.payload), task.Shown.model_validate(shown), task.Answer.model_validate(content)


def judgements(stage: Stage, item: Item, content: Mapping[str, Any], shown: Mapping[str, Any]) -> list[Judgement]:
    """What an answer says, in a form that agreement can be measured on."""
    return task_of(stage).judgements(*parts(stage, item, content, shown))


def _to_be_screened() -> Select[Labeler]:
    return select(Labeler).where(Labeler.standing == "candidate", Labeler.deleted_at.is_(None))


def _submissions(session: Session) -> list[Submission]:
    """The latest word of everybody on each item of the stages for candidates."""
    statement = (
        select(Answer, Item, Stage)
        .join(Item, Item.id == Answer.item_id)
        .join(Stage, Stage.id == Answer.stage_id)
        .where(Stage.is_screening.is_(True), Answer.status != "gold")
    )
    found = [Submission(*row) for row in session.execute(statement.order_by(Answer.id))]
    return list({(one.answer.item_id, one.answer.labeler_id): one for one in found}.values())


def _items(session: Session) -> list[tuple[Item, Stage]]:
    statement = select(Item, Stage).join(Stage, Stage.id == Item.stage_id)
    return [
        (item, stage)
        for item, stage in session.execute(statement.where(Stage.is_screening.is_(True), Item.is_retired.is_(False)))
    ]


def _ratings(session: Session) -> dict[int, list[float]]:
    """Answer → what each researcher thinks of it now."""
    rows = session.scalars(select(DemonstrationRating).order_by(DemonstrationRating.id))
    latest = {(one.answer_id, one.researcher_id): one.likert for one in rows}
    found: dict[int, list[float]] = defaultdict(list)
    for (answer_id, _), likert in latest.items():
        found[answer_id].append(likert)
    return found


class Said:
    """What somebody says of texts and of responses; the keys are items with units."""

    def __init__(self) -> None:
        self.flags: dict[Hashable, bool] = {}
        self.ranks: dict[Hashable, Mapping[str, int]] = {}

    def add(self, item_id: int, found: Iterable[Judgement]) -> None:
        """Take in an answer."""
        for one in found:
            if one.measure == SENSITIVE:
                self.flags[item_id, one.unit] = bool(one.value)
            elif one.scale == "ranking":
                self.ranks[item_id, one.unit] = one.ranks()


def _gold(items: Iterable[tuple[Item, Stage]]) -> Said:
    gold = Said()
    for item, stage in items:
        if item.gold is not None:
            gold.add(item.id, judgements(stage, item, item.gold["content"], item.gold["shown"]))
    return gold


def _scores(submissions: Sequence[Submission], gold: Said, ratings: Mapping[int, Sequence[float]]) -> Scores:
    # numpy and scipy take their time to load: the room opens without them.
    from preceptor.stats import demonstration_score, flagging_agreement, ranking_agreement

    given = Said()
    for one in submissions:
        given.add(one.item.id, one.judgements())
    sheets = [ScreeningAnswer.model_validate(one.answer.content) for one in submissions if one.stage.kind == SHEET]
    rated: dict[Hashable, Sequence[float]] = {
        one.answer.id: ratings[one.answer.id] for one in submissions if one.answer.id in ratings
    }
    return Scores(
        flagging=flagging_agreement(given.flags, gold.flags),
        ranking=ranking_agreement(given.ranks, gold.ranks),
        demonstration=demonstration_score(rated),
        topics=tuple(dict.fromkeys(topic for sheet in sheets for topic in sheet.topics)),
        other_topics="\n\n".join(sheet.other_topics for sheet in sheets if sheet.other_topics.strip()),
    )
