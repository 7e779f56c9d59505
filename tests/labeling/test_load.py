"""The load of `make bench-labeling`, small: many labelers at once, and a server that is killed in the middle."""

from pathlib import Path

from sqlalchemy import delete, update

from benchmarks.labeling.bench import bench
from preceptor.store import Database
from preceptor.store.tables import Claim, Item

NUM_LABELERS = 12


def test_nothing_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/labels.db"
    with bench(tmp_path, store, num_labelers=NUM_LABELERS, num_items=400) as made:
        before = made.run(1.5)
        killed = made.run_killing(3.0)
        assert made.broken_promises() == []
        assert before["num_errors"] == killed["num_errors"] == 0
        assert min(before["num_answers"], killed["num_answers"]) >= NUM_LABELERS
        assert killed["num_calls_made_again"] > 0, "nobody noticed that the server was away"

        # The check finds what it looks for: a lost answer, a claim that is held for ever, a wrong tally.
        made.told.submitted.append(made.told.submitted[0].__class__(9_999, 1, "never stored", "counted"))
        database = Database.open(store)
        with database.write() as session:
            labeler, item = made.told.submitted[0].labeler_id, made.told.submitted[0].item_id
            session.execute(delete(Claim))
            session.add(
                Claim(
                    item_id=item, stage_id=made.stage_id, labeler_id=labeler, shown={}, claimed_at=0.0,
                    heartbeat_at=0.0, expires_at=0.0,
                )
            )  # fmt: skip
            session.execute(update(Item).where(Item.id == item).values(num_counted=0))
        database.close()
        found = " ".join(made.broken_promises())
    for problem in ("an acknowledged answer is not there", "still held by a labeler", "tally is wrong"):
        assert problem in found
