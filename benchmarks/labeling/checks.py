"""What must be true of a store after the load, held against what the labelers were told."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import func, select

from benchmarks.labeling.load import Tally
from preceptor.store import Database
from preceptor.store.tables import Answer, Claim, Item

SHOWN = 3
"""Offenders of each kind that are named."""


def broken_promises(database: Database, stage_id: int, overlap: int, tally: Tally) -> list[str]:
    """What went wrong, in words; nothing when all is well."""
    with database.read() as session:
        kept = {
            (answer.item_id, answer.labeler_id): (answer.content["note"], answer.status)
            for answer in session.scalars(select(Answer).where(Answer.stage_id == stage_id))
        }
        num_answers = session.scalar(select(func.count()).where(Answer.stage_id == stage_id))
        tallied = session.execute(select(Item.id, Item.num_counted).where(Item.stage_id == stage_id)).all()
        held = session.execute(select(Claim.item_id, Claim.labeler_id).where(Claim.stage_id == stage_id)).all()
    counted = Counter(item for (item, _), (_, status) in kept.items() if status == "counted")
    labelers_of: dict[int, set[int]] = {}
    for item, labeler in [*tally.served, *kept]:
        labelers_of.setdefault(item, set()).add(labeler)
    return [
        *tally.problems,
        *_named(
            "an acknowledged answer is not there as it was sent",
            [one for one in tally.submitted if kept.get((one.item_id, one.labeler_id)) != (one.note, one.status)],
        ),
        *_named(
            "an answer is there that no labeler knows of",
            set(kept) - {(one.item_id, one.labeler_id) for one in tally.submitted},
        ),
        *_named("an item was submitted twice by a labeler", [num_answers] if num_answers != len(kept) else []),
        *_named(
            "an item was given again to a labeler who had submitted it",
            [one for one, num in Counter((one.item_id, one.labeler_id) for one in tally.submitted).items() if num > 1],
        ),
        *_named("an item is still held by a labeler who submitted it", [one for one in held if tuple(one) in kept]),
        *_named("an item has more answers than its overlap", [one for one, num in counted.items() if num > overlap]),
        *_named(
            "an item went to more labelers than its overlap",
            [item for item, labelers in labelers_of.items() if len(labelers) > overlap],
        ),
        *_named("an item's tally is wrong", [item for item, num in tallied if num != counted[item]]),
    ]


def _named(problem: str, offenders: Collection[object]) -> list[str]:
    if not offenders:
        return []
    return [f"{problem}: {len(offenders)}, among them {', '.join(map(str, list(offenders)[:SHOWN]))}"]
