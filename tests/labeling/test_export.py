"""Export: the artifacts that training reads, and tables; on both backends."""

import csv
import json
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from preceptor.errors import UserError
from preceptor.labeling import accounts, answers, assignment, guidelines
from preceptor.labeling.export import export_archive, export_artifacts, export_from, export_tables, flat, safe_cell
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.records import Artifact, Demonstration, Message, Prompt, Ranking, Rating, read_artifact, write_artifact
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database
from preceptor.store.tables import Answer, Export, ExportedAnswer, Item, Labeler, Stage
from tests.labeling.people import add_labelers, add_people, add_ranking_stage, candidates, ranked

NOW = time.time()


def work(store: Database, labeler: Labeler, stage: Stage, *, letters: str = "ABCD", most: int = 99) -> int:
    """Rank what there is; how many."""
    for done in range(most):
        with store.write() as session:
            claim = assignment.claim_next(session, labeler, stage.id, now=time.time())
            if claim is None:
                return done
            version = guidelines.current(session, "helpful")
            answers.submit(
                session, labeler, claim.item_id, ranked(letters), guideline_id=version.id if version else None,
                active_s=30.04, now=time.time(),
            )  # fmt: skip
    return most


def exported(store: Database, data: Path) -> dict[str, Artifact[Any]]:
    return {artifact.path.name: artifact for artifact in export_artifacts(store, data, NOW, Withdrawn.nobody())}


@pytest.fixture
def people(store: Database) -> dict[str, Labeler]:
    return add_people(store)


def test_rankings_and_ratings_come_out_as_training_reads_them(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    with store.write() as session:
        guidelines.publish(session, "helpful", "# v1", note="", by=people["ada"], now=NOW)
    stage = add_ranking_stage(store, 3, overlap=2, guideline="helpful", round=2)
    work(store, people["anna"], stage)
    with store.write() as session:
        guidelines.publish(session, "helpful", "# v2", note="", by=people["ada"], now=NOW)
    work(store, people["bert"], stage, most=1)
    written = exported(store, tmp_path)
    assert set(written) == {"labels-rankings", "labels-ratings"}
    rankings = read_artifact(tmp_path / "labels-rankings", Ranking)
    ratings = read_artifact(tmp_path / "labels-ratings", Rating)
    assert [row.id for row in rankings.rows] == ["p0", "p1", "p2", "p0"]
    assert len(ratings.rows) == 16
    assert rankings.manifest.origin == "human"
    assert rankings.manifest.notes == {
        "release": 1, "labeler_group": "training", "labeler_origin": "human", "num_labelers": 2, "num_skips": 0,
        "stages": {"rankings": {"kind": "ranking", "round": 2, "overlap": 2}},
        "guidelines": {"helpful v1": 3, "helpful v2": 1},
    }  # fmt: skip
    with store.read() as session:
        answer = session.scalars(select(Answer).order_by(Answer.id)).first()
    assert answer is not None
    row = rankings.rows[0]
    assert list(row.groups) == [(name,) for name in answer.shown["order"]], "A, B, C, D in that order"
    assert {one.model for one in row.responses} == {"sft", "ppo"}, "the records name the models again"
    assert row.metadata["guideline"] == "helpful v1"
    assert row.metadata["active_s"] == 30.0
    assert row.metadata["round"] == 2


def test_what_held_out_labelers_made_is_apart(store: Database, people: dict[str, Labeler], tmp_path: Path) -> None:
    work(store, people["anna"], add_ranking_stage(store, 2))
    work(store, people["hana"], add_ranking_stage(store, 2, name="held out", group="held_out"))
    written = exported(store, tmp_path)
    groups = {name: {row.labeler.group for row in one.rows} for name, one in written.items()}
    assert groups == {
        "labels-rankings": {"training"}, "labels-ratings": {"training"},
        "labels-rankings-held-out": {"held_out"}, "labels-ratings-held-out": {"held_out"},
    }  # fmt: skip
    with store.read() as session:
        purposes = session.execute(select(Export.name, Export.purpose, ExportedAnswer.group).join(ExportedAnswer))
        assert {(name, purpose, group) for name, purpose, group in purposes} == {
            ("labels-rankings", "training", "training"), ("labels-ratings", "training", "training"),
            ("labels-rankings-held-out", "measurement", "held_out"),
            ("labels-ratings-held-out", "measurement", "held_out"),
        }  # fmt: skip
    with store.read() as session:
        answer = session.scalars(select(Answer).where(Answer.group == "held_out")).first()
    assert answer is not None
    lie = {"export_id": 1, "answer_id": answer.id, "purpose": "training", "group": "held_out"}
    with pytest.raises(IntegrityError), store.write() as session:
        session.execute(insert(ExportedAnswer), [lie])


def test_simulated_and_human_labels_are_never_in_one_artifact(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    stage = add_ranking_stage(store, 2, overlap=2)
    work(store, people["anna"], stage)
    work(store, add_labelers(store, 1)[0], stage)
    written = exported(store, tmp_path)
    assert {name: one.manifest.origin for name, one in written.items()} == {
        "labels-rankings": "human", "labels-ratings": "human",
        "labels-rankings-simulated": "simulated", "labels-ratings-simulated": "simulated",
    }  # fmt: skip


def test_nobody_is_named_and_each_release_has_its_own_pseudonyms(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    stage = add_ranking_stage(store, 2, overlap=2)
    for name in ("anna", "bert"):
        work(store, people[name], stage)
    names = []
    for release in ("first", "second"):
        exported(store, tmp_path / release)
        told = "".join(path.read_text() for path in (tmp_path / release).rglob("*.json*"))
        assert "anna" not in told
        assert "bert" not in told
        rows = read_artifact(tmp_path / release / "labels-rankings", Ranking).rows
        ratings = read_artifact(tmp_path / release / "labels-ratings", Rating).rows
        names.append({row.labeler.id for row in rows})
        assert len(names[-1]) == 2
        assert {row.labeler.id for row in ratings} <= names[-1], "one labeler has one name in a release"
    assert not names[0] & names[1]


def test_a_release_stays_until_something_is_labeled(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    """What is trained is known by the hashes of what it was trained on: the same labels must not get new ones."""
    stage = add_ranking_stage(store, 2, overlap=2)
    work(store, people["anna"], stage)
    first, again = exported(store, tmp_path), exported(store, tmp_path)
    assert {name: (one.manifest, list(one.rows)) for name, one in again.items()} == {
        name: (one.manifest, list(one.rows)) for name, one in first.items()
    }
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Export)) == 2
    (tmp_path / "labels-rankings" / "manifest.json").unlink()
    again = exported(store, tmp_path)
    assert len(again["labels-rankings"].rows) == 2
    assert again["labels-rankings"].manifest.notes["release"] == 3
    work(store, people["bert"], stage, most=1)
    assert len(exported(store, tmp_path)["labels-rankings"].rows) == 3


def test_a_download_does_not_make_a_release_an_old_one(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    work(store, people["anna"], add_ranking_stage(store, 2))
    first = exported(store, tmp_path)
    assert export_archive(store, "artifacts", NOW, Withdrawn.nobody())
    again = exported(store, tmp_path)
    assert {name: one.manifest for name, one in again.items()} == {name: one.manifest for name, one in first.items()}


def test_nobody_waits_while_artifacts_are_written(
    store: Database, people: dict[str, Labeler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = add_ranking_stage(store, 2, overlap=2)
    work(store, people["anna"], stage)
    done = []

    def slow(*arguments: Any, **options: Any) -> Artifact[Any]:
        done.append(work(store, people["bert"], stage, most=1))
        return write_artifact(*arguments, **options)

    monkeypatch.setattr("preceptor.labeling.export.write_artifact", slow)
    assert len(exported(store, tmp_path)["labels-rankings"].rows) == 2
    assert done[0] == 1


def test_skips_are_counted_for_those_who_skipped(store: Database, people: dict[str, Labeler], tmp_path: Path) -> None:
    stage = add_ranking_stage(store, 3, overlap=2, group=None)
    with store.write() as session:
        claim = assignment.claim_next(session, people["anna"], stage.id, now=time.time())
        assert claim is not None
        answers.skip(session, people["anna"], claim.item_id, reason="", now=time.time())
    work(store, people["bert"], stage)
    work(store, people["hana"], stage)
    skips = {name: one.manifest.notes["num_skips"] for name, one in exported(store, tmp_path).items()}
    assert skips["labels-rankings"] == 1
    assert skips["labels-rankings-held-out"] == 0


def test_the_latest_correction_counts(store: Database, people: dict[str, Labeler], tmp_path: Path) -> None:
    work(store, people["anna"], add_ranking_stage(store, 1))
    for letters in ("BACD", "DCBA"):
        with store.write() as session:
            answers.submit(
                session, people["anna"], 1, ranked(letters), guideline_id=None, active_s=5.0, now=time.time()
            )
    row = exported(store, tmp_path)["labels-rankings"].rows[0]
    with store.read() as session:
        shown = session.scalars(select(Answer.shown)).first()
        assert session.scalar(select(func.count()).select_from(Answer)) == 3
    assert [group[0] for group in row.groups] == shown["order"][::-1]  # type: ignore[index]
    assert row.metadata["is_corrected"] is True


def test_what_stays_out_is_counted(store: Database, people: dict[str, Labeler], tmp_path: Path) -> None:
    stage = add_ranking_stage(store, 2, settings={"lease_minutes": 1e-9})
    screening = add_ranking_stage(store, 2, name="screening", is_screening=True)
    with store.write() as session:
        late = assignment.claim_next(session, people["anna"], stage.id, now=time.time())
    work(store, people["bert"], stage)
    assert late is not None
    with store.write() as session:
        answers.submit(
            session, people["anna"], late.item_id, ranked("ABCD"), guideline_id=None, active_s=1.0, now=time.time()
        )
        session.get_one(Item, 2).is_retired = True
    assert work(store, people["carl"], screening) == 2
    written = exported(store, tmp_path)
    assert len(written["labels-rankings"].rows) == 1
    assert written["labels-rankings"].manifest.dropped == {
        "surplus: the item had all its labelers": 1,
        "what was to be done has changed since": 1,
    }
    assert set(written["labels-rankings"].manifest.notes["stages"]) == {"rankings"}  # type: ignore[arg-type]


def test_a_deleted_labelers_work_is_still_exported(store: Database, people: dict[str, Labeler], tmp_path: Path) -> None:
    work(store, people["anna"], add_ranking_stage(store, 2))
    with store.write() as session:
        accounts.forget(session, people["anna"].id, NOW)
    assert len(exported(store, tmp_path)["labels-rankings"].rows) == 2
    with store.read() as session:
        kept = session.get_one(Labeler, people["anna"].id)
        assert (kept.name, kept.password_hash, kept.profile) == (None, None, {})


def test_a_later_release_takes_the_place_of_the_earlier_one(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    stage = add_ranking_stage(store, 3)
    work(store, people["anna"], stage, most=1)
    exported(store, tmp_path)
    work(store, people["anna"], stage)
    exported(store, tmp_path)
    assert len(read_artifact(tmp_path / "labels-rankings", Ranking).rows) == 3
    with store.read() as session:
        hashes = session.scalars(select(Export.content_hash).where(Export.name == "labels-rankings")).all()
    assert len(set(hashes)) == 2


def test_an_export_that_cannot_be_written_is_not_noted(
    store: Database, people: dict[str, Labeler], tmp_path: Path
) -> None:
    work(store, people["anna"], add_ranking_stage(store, 1))
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(UserError, match="cannot write"):
        exported(store, tmp_path / "data")
    with store.read() as session:
        assert session.scalar(select(func.count()).where(Export.content_hash != "")) == 0


def hostile_store(store: Database) -> None:
    """A demonstration that a spreadsheet would run."""
    anna = add_people(store)["anna"]
    prompt = Prompt(id="=cmd|' /C calc'!A0", messages=(Message(role="user", content="+1, please"),))
    with store.write() as session:
        stage = add_stage(session, "d", "demonstration", group="training", now=NOW)
        add_items(session, stage, [NewItem(prompt.id, prompt)], now=NOW)
    with store.write() as session:
        claim = assignment.claim_next(session, anna, stage.id, now=NOW)
        assert claim is not None
        content = {"response": '=HYPERLINK("http://evil","x")', "pasted_share": 0.0, "suggestion": None, "model": None}
        answers.submit(session, anna, claim.item_id, content, guideline_id=None, active_s=9.0, now=NOW)


def test_a_table_holds_no_formula(sqlite_store: Database, tmp_path: Path) -> None:
    hostile_store(sqlite_store)
    paths = export_tables(sqlite_store, tmp_path / "tables", "csv", Withdrawn.nobody())
    assert [path.name for path in paths] == ["labels-demonstrations.csv"]
    with paths[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["response"] == '\'=HYPERLINK("http://evil","x")'
    assert rows[0]["id"].startswith("'=cmd")
    assert not [value for row in rows for value in row.values() if value[:1] in tuple("=+-@\t\r") and value]


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@a", "\ta", "\ra"])
def test_what_begins_like_a_formula_is_text(value: str) -> None:
    assert safe_cell(value) == f"'{value}"
    assert safe_cell(-1) == -1
    assert safe_cell("a=1") == "a=1"


def test_datasets_reads_the_tables(sqlite_store: Database, tmp_path: Path) -> None:
    people = add_people(sqlite_store)
    work(sqlite_store, people["anna"], add_ranking_stage(sqlite_store, 3))
    work(sqlite_store, people["hana"], add_ranking_stage(sqlite_store, 2, name="held out", group="held_out"))
    export_tables(sqlite_store, tmp_path / "tables", "datasets", Withdrawn.nobody())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import datasets

        datasets.disable_progress_bars()
        names = datasets.get_dataset_config_names(str(tmp_path / "tables"))
        table = datasets.load_dataset(
            str(tmp_path / "tables"), "labels-rankings", split="train", cache_dir=str(tmp_path / "cache")
        )
    assert set(names) == {"labels-rankings", "labels-ratings", "labels-rankings-held-out", "labels-ratings-held-out"}
    assert [row["id"] for row in table] == ["p0", "p1", "p2"]
    assert json.loads(table[0]["metadata"])["round"] == 1
    assert table[0]["labeler"]["group"] == "training"
    assert len(table[0]["groups"]) == 4


def test_the_command_says_what_it_wrote_and_what_is_wrong(tmp_path: Path) -> None:
    project = tmp_path / "project"
    with pytest.raises(UserError, match="there is no store"):
        export_from(project, None, "artifacts", None)
    store = Database.open(f"sqlite:///{project}/labeling/labels.db")
    hostile_store(store)
    store.close()
    assert export_from(project, None, "artifacts", None)[0].startswith(
        f"{project}/data/labels-demonstrations: 1 demonstrations"
    )
    assert read_artifact(project / "data" / "labels-demonstrations", Demonstration).rows[0].id.startswith("=cmd")
    with pytest.raises(UserError, match="no format 'xlsx'"):
        export_from(project, None, "xlsx", None)
    with pytest.raises(UserError, match="tables into a folder"):
        export_from(project, None, "csv", None)
    with pytest.raises(UserError, match="such a folder already"):
        export_from(project, None, "csv", tmp_path)


def test_an_export_is_made_of_one_state(store: Database, people: dict[str, Labeler], tmp_path: Path) -> None:
    """The release's answers, found again in the store, give the same rows again."""
    work(store, people["anna"], add_ranking_stage(store, 3))
    written = exported(store, tmp_path)["labels-rankings"]
    with store.read() as session:
        noted = session.execute(
            text("SELECT count(*) FROM exported_answers JOIN exports ON id = export_id WHERE name = 'labels-rankings'")
        ).scalar()
        kept = session.scalar(select(Export.content_hash).where(Export.name == "labels-rankings"))
    assert noted == len(written.rows)
    assert kept == written.manifest.content_hash


def test_flat_rows_lose_nothing() -> None:
    row = flat(candidates(1))
    assert row["prompt.id"] == "p1"
    assert json.loads(row["responses"])[3]["model"] == "ppo"
