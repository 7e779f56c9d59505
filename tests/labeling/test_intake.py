"""Work that the pipeline wrote down in `todo/` becomes stages and items."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from preceptor.errors import UserError
from preceptor.labeling import answers, assignment
from preceptor.labeling.intake import Plan, Watch, stages_of, take_in
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.records import Candidates, write_artifact
from preceptor.store import Database
from preceptor.store.tables import Answer, Item, Labeler, Stage
from tests.labeling.people import add_people, candidates, ranked

PLAN = Plan(held_out_share=0.25, labelers_per_test_prompt=2)
NOW = 0.0


def write(todo: Path, name: str, rows: Sequence[Candidates]) -> None:
    write_artifact(todo / name, rows, "candidates")


def items(store: Database, stage: str) -> list[str]:
    with store.read() as session:
        statement = select(Item.key).join(Stage, Stage.id == Item.stage_id).where(Stage.name == stage)
        return list(session.scalars(statement.where(Item.is_retired.is_(False)).order_by(Item.position)))


def named(row: Candidates, name: str) -> Candidates:
    return row.model_copy(update={"id": name})


def test_what_waits_becomes_stages(sqlite_store: Database, tmp_path: Path) -> None:
    rows = [candidates(number) for number in range(200)]
    write_artifact(tmp_path / "demonstrations", [row.prompt for row in rows], "prompts")
    write(tmp_path, "rankings-2", rows)
    write(tmp_path, "evaluation", [named(row, f"test-{row.id}") for row in rows[:8]])
    write(tmp_path, "somebody-elses", rows)
    said = take_in(sqlite_store, tmp_path, PLAN, now=NOW)
    assert said[0] == "demonstrations: 200 new items"
    with sqlite_store.read() as session:
        stages = {stage.name: stage for stage in session.scalars(select(Stage))}
    assert {name: (one.kind, one.group, one.round, one.overlap) for name, one in stages.items()} == {
        "demonstrations": ("demonstration", "training", 1, 1),
        "rankings-2": ("ranking", "training", 2, 1),
        "rankings-2-held-out": ("ranking", "held_out", 2, 1),
        "evaluation": ("evaluation", "held_out", 1, 2),
    }
    assert items(sqlite_store, "demonstrations") == [row.prompt.id for row in rows]
    assert items(sqlite_store, "rankings-2") == [row.id for row in rows]
    held_out = items(sqlite_store, "rankings-2-held-out")
    assert 30 <= len(held_out) <= 70, "a quarter"
    assert set(held_out) < {row.id for row in rows}


def test_what_was_selected_for_training_measures_nothing(sqlite_store: Database, tmp_path: Path) -> None:
    rows = [named(row, f"selected-1-{row.id}") for row in map(candidates, range(40))]
    write(tmp_path, "rankings-selected-1", rows)
    assert take_in(sqlite_store, tmp_path, PLAN, now=NOW) == ["rankings-selected-1: 40 new items"]
    assert items(sqlite_store, "rankings-selected-1") == [row.id for row in rows]
    assert items(sqlite_store, "rankings-selected-1-held-out") == []


def test_taking_in_again_changes_nothing(sqlite_store: Database, tmp_path: Path) -> None:
    write(tmp_path, "rankings", [candidates(number) for number in range(5)])
    assert take_in(sqlite_store, tmp_path, PLAN, now=NOW)
    assert take_in(sqlite_store, tmp_path, PLAN, now=NOW) == []
    assert len(items(sqlite_store, "rankings")) == 5


def test_more_rows_are_more_items(sqlite_store: Database, tmp_path: Path) -> None:
    for num in (3, 5):
        write(tmp_path, "rankings", [candidates(number) for number in range(num)])
        said = take_in(sqlite_store, tmp_path, PLAN, now=NOW)
    assert said[0] == "rankings: 2 new items"
    assert items(sqlite_store, "rankings") == [f"p{number}" for number in range(5)]


def test_what_has_changed_under_its_id_begins_anew_and_the_old_work_is_kept(
    sqlite_store: Database, tmp_path: Path
) -> None:
    people = add_people(sqlite_store)
    write(tmp_path, "rankings", [candidates(0), candidates(1)])
    take_in(sqlite_store, tmp_path, PLAN, now=NOW)
    work(sqlite_store, people["anna"], "rankings")
    write(tmp_path, "rankings", [candidates(0, num_responses=5), candidates(1)])
    assert take_in(sqlite_store, tmp_path, PLAN, now=NOW)[0] == "rankings: 1 items have changed and begin anew"
    assert items(sqlite_store, "rankings") == ["p1", "p0"]
    with sqlite_store.read() as session:
        assert len(session.scalars(select(Answer)).all()) == 2
        of_stage = select(Item).join(Stage, Stage.id == Item.stage_id).where(Stage.name == "rankings")
        new = session.scalars(of_stage.where(Item.key == "p0")).one()
        assert new.num_counted == 0
        assert len(new.payload["responses"]) == 5


def work(store: Database, labeler: Labeler, stage_name: str) -> None:
    """Do what there is."""
    with store.write() as session:
        stage = session.scalars(select(Stage).where(Stage.name == stage_name)).one()
        while (claim := assignment.claim_next(session, labeler, stage.id, now=NOW)) is not None:
            content = ranked("ABCD")
            answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=1.0, now=NOW)


def test_what_cannot_be_ranked_on_one_page_is_said(sqlite_store: Database, tmp_path: Path) -> None:
    write(tmp_path, "rankings", [candidates(0, 1), candidates(1, 2), candidates(2, 9), candidates(3, 10)])
    said = take_in(sqlite_store, tmp_path, PLAN, now=NOW)
    assert said[:2] == [
        "rankings: 2 new items",
        "rankings: 2 left out: only 2 to 9 responses can be ranked together",
    ]


def test_an_item_that_no_page_can_show_gets_in_by_no_way(sqlite_store: Database) -> None:
    """Its answers could never be removed, and would stop every export."""
    same = candidates(1, 2).responses[:1] * 2
    twice = candidates(1, 2).model_copy(update={"responses": same})
    with sqlite_store.write() as session:
        stage = add_stage(session, "rankings", "ranking", group=None, now=NOW)
        for item, problem in ((candidates(0, 1), "2 to 9"), (candidates(0, 12), "2 to 9"), (twice, "share an id")):
            with pytest.raises(Refused, match=f"key: .*{problem}"):
                add_items(session, stage, [NewItem("key", item)], now=NOW)
        assert session.scalars(select(Item)).all() == []


def test_an_artifact_of_another_kind_is_refused(sqlite_store: Database, tmp_path: Path) -> None:
    write(tmp_path, "demonstrations", [candidates(0)])
    with pytest.raises(UserError, match="holds candidates") as caught:
        take_in(sqlite_store, tmp_path, PLAN, now=NOW)
    assert "demonstrations" in str(caught.value.file)


def test_a_damaged_artifact_is_named(sqlite_store: Database, tmp_path: Path) -> None:
    write(tmp_path, "rankings", [candidates(0)])
    with (tmp_path / "rankings" / "rows.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(UserError, match="changed after they were written"):
        take_in(sqlite_store, tmp_path, PLAN, now=NOW)


def test_a_room_that_is_open_looks_again(sqlite_store: Database, tmp_path: Path) -> None:
    said: list[str] = []
    watch = Watch(sqlite_store, tmp_path, PLAN, said.append)
    watch.look()
    assert said == []
    write(tmp_path, "rankings", [candidates(0)])
    watch.look()
    watch.look()
    assert said.count("rankings: 1 new items") == 1
    (tmp_path / "rankings" / "rows.jsonl").write_text("half a row")
    (tmp_path / "rankings" / "manifest.json").touch()
    with pytest.raises(UserError):
        watch.look()
    write(tmp_path, "rankings", [candidates(0), candidates(1)])
    watch.look()
    assert said[-1].endswith("1 new items")


def test_a_watch_goes_on_after_what_it_cannot_read(
    sqlite_store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preceptor.labeling.intake.EVERY_S", 0.02)
    said: list[str] = []
    with Watch(sqlite_store, tmp_path, PLAN, said.append):
        (tmp_path / "rankings").mkdir()
        (tmp_path / "rankings" / "manifest.json").write_text("half")
        wait_for(lambda: any("cannot be read now" in line for line in said))
        (tmp_path / "rankings" / "manifest.json").unlink()
        write(tmp_path, "rankings", [candidates(0)])
        wait_for(lambda: "rankings: 1 new items" in said)


def wait_for(is_so: object, seconds: float = 20.0) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < end, "it never was"
        time.sleep(0.01)


def test_a_folder_of_another_name_is_not_ours() -> None:
    assert stages_of("my-notes", PLAN) == []
    assert [todo.round for todo in stages_of("rankings-3", PLAN)] == [3, 3]
