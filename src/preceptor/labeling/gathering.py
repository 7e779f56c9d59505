"""What labelers submitted, as records: the latest word on each item, by pseudonym, and a count of what stays out."""

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from preceptor.labeling.stages import task_of
from preceptor.labeling.tasks import Work
from preceptor.records import KINDS, Demonstration, Prompt, Record, split_by_group
from preceptor.records import Labeler as Pseudonym
from preceptor.records.withdrawn import LABELER, Withdrawn
from preceptor.store.tables import Answer, Group, Guideline, Item, Labeler, Origin, Skip, Stage

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
"""Splits of prompts that labelers wrote; as `preceptor import` makes them, and a prompt stays where it was."""


@dataclass(frozen=True)
class Heap:
    """What an artifact is told apart by."""

    kind: str
    """Kind of artifact: 'rankings', …"""
    group: Group
    origin: Origin


@dataclass
class Gathered:
    """What goes into one artifact."""

    rows: list[Record] = field(default_factory=list)
    answer_ids: list[int] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    stages: dict[str, JsonValue] = field(default_factory=dict)
    guidelines: Counter[str] = field(default_factory=Counter)
    labelers: set[str] = field(default_factory=set)
    prompt_ids: set[str] = field(default_factory=set)
    """Of prompts: there is one row for each."""
    num_skips: int = 0

    def notes(self) -> dict[str, JsonValue]:
        """What the manifest says of it."""
        return {
            "stages": self.stages, "guidelines": dict(sorted(self.guidelines.items())),
            "num_labelers": len(self.labelers), "num_skips": self.num_skips,
        }  # fmt: skip


def pseudonym(salt: str, labeler_id: int) -> str:
    """Who a labeler is in one release; with another salt it is another name."""
    digest = hmac.new(salt.encode(), str(labeler_id).encode(), hashlib.sha256).hexdigest()
    return f"labeler-{digest[:10]}"


def gather(session: Session, salt: str, withdrawn: Withdrawn) -> dict[Heap, Gathered]:
    """All that was submitted, apart from screening and from what is of people who withdrew."""
    heaps: dict[Heap, Gathered] = defaultdict(Gathered)
    versions = {one.id: f"{one.name} v{one.version}" for one in session.scalars(select(Guideline))}
    for stage in session.scalars(select(Stage).where(Stage.is_screening.is_(False)).order_by(Stage.id)):
        of_stage: set[Heap] = set()
        for first, latest, item, labeler in _submissions(session, stage):
            of_stage |= _add(heaps, stage, first, latest, item, labeler, versions, salt, withdrawn)
        skips = _skips(session, stage)
        for heap in of_stage:
            heaps[heap].num_skips += skips[heap.group, heap.origin]
            heaps[heap].stages[stage.name] = {"kind": stage.kind, "round": stage.round, "overlap": stage.overlap}
    _split(list(heaps.values()))
    return dict(heaps)


def _skips(session: Session, stage: Stage) -> Counter[tuple[Group, Origin]]:
    """How often items of a stage were passed over, by group and origin of the labelers."""
    statement = (
        select(Labeler.group, Labeler.origin, func.count())
        .select_from(Skip)
        .join(Item, Item.id == Skip.item_id)
        .join(Labeler, Labeler.id == Skip.labeler_id)
        .where(Item.stage_id == stage.id)
        .group_by(Labeler.group, Labeler.origin)
    )
    return Counter({(group, origin): num for group, origin, num in session.execute(statement)})


def _split(heaps: list[Gathered]) -> None:
    """Put prompts that labelers wrote, and demonstrations of them, into the splits that their texts say.

    Not by labeler: pseudonyms are others in each release, and a prompt must stay where it was.
    """
    rows = [row for gathered in heaps for row in gathered.rows]
    written = {row.id: row for row in rows if isinstance(row, Prompt) and row.source == "labeler"}
    plain = [row.model_copy(update={"user": None}) for row in written.values()]
    splits = {row.id: row.split for row in split_by_group(plain, 0, SHARES)}
    for gathered in heaps:
        gathered.rows = [_with_split(row, splits) for row in gathered.rows]


def _with_split(row: Record, splits: Mapping[str, str]) -> Record:
    if isinstance(row, Prompt) and row.id in splits:
        return row.model_copy(update={"split": splits[row.id]})
    if isinstance(row, Demonstration):
        return row.model_copy(update={"prompt": _with_split(row.prompt, splits)})
    return row


def _submissions(session: Session, stage: Stage) -> Iterator[tuple[Answer, Answer, Item, Labeler]]:
    """First submission, latest correction, item and labeler, in the order of the first submissions."""
    latest: dict[int, Answer] = {}
    root: dict[int, int] = {}
    firsts: list[Row[Answer, Item, Labeler]] = []
    statement = (
        select(Answer, Item, Labeler)
        .join(Item, Item.id == Answer.item_id)
        .join(Labeler, Labeler.id == Answer.labeler_id)
        .where(Answer.stage_id == stage.id, Answer.status != "gold")
        .order_by(Answer.id)
    )
    for row in session.execute(statement):
        answer = row[0]
        if answer.revises_id is None:
            firsts.append(row)
        root[answer.id] = answer.id if answer.revises_id is None else root[answer.revises_id]
        latest[root[answer.id]] = answer
    for answer, item, labeler in firsts:
        yield answer, latest[answer.id], item, labeler


def why_not(first: Answer, item: Item) -> str | None:
    """The reason for which a submission stays out of what trains and measures; None when there is none."""
    if first.status == "surplus":
        return "surplus: the item had all its labelers"
    if item.is_retired:
        return "what was to be done has changed since"
    if item.lane != "ordinary":
        return {"gold": "gold item", "repeat": "repeated item"}[item.lane]
    return None


def _add(
    heaps: dict[Heap, Gathered],
    stage: Stage,
    first: Answer,
    latest: Answer,
    item: Item,
    labeler: Labeler,
    versions: dict[int, str],
    salt: str,
    withdrawn: Withdrawn,
) -> set[Heap]:
    """Put the records of one submission where they belong; where that was."""
    task, name = task_of(stage), pseudonym(salt, labeler.id)
    who = Pseudonym(id=name, group=labeler.group, origin=labeler.origin)
    guideline = versions.get(latest.guideline_id) if latest.guideline_id else None
    metadata: dict[str, JsonValue] = {
        "guideline": guideline, "schema_version": latest.schema_version, "round": latest.round,
        "active_s": round(first.active_s, 1), "is_corrected": latest is not first,
    }  # fmt: skip
    work = Work(
        key=item.key, item=task.Item.model_validate(item.payload), shown=task.Shown.model_validate(latest.shown),
        answer=task.Answer.model_validate(latest.content), labeler=who, metadata=metadata,
    )  # fmt: skip
    touched: set[Heap] = set()
    has_withdrawn = withdrawn.has("account", str(labeler.id))
    for record in task.to_records(work):
        reason = why_not(first, item) or (LABELER if has_withdrawn else withdrawn.reason(record))
        heap = Heap(_kind_of(record), labeler.group, labeler.origin)
        gathered = heaps[heap]
        if reason is not None:
            gathered.dropped[reason] += 1
            continue
        if isinstance(record, Prompt) and record.id in gathered.prompt_ids:
            gathered.dropped["another labeler's labels of the same prompt"] += 1
            continue
        gathered.rows.append(record)
        gathered.prompt_ids |= {record.id} if isinstance(record, Prompt) else set()
        if heap not in touched:
            gathered.answer_ids.append(latest.id)
            gathered.guidelines[guideline or "none"] += 1
        gathered.labelers.add(name)
        touched.add(heap)
    return touched


def _kind_of(record: Record) -> Any:
    return next(kind for kind, model in KINDS.items() if type(record) is model)
