"""`preceptor verify`: what was changed or lost is named, and nothing else is."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from sqlalchemy import create_engine, text

from preceptor.errors import UserError
from preceptor.labeling.export import export_from
from preceptor.pipeline.adding import add_files
from preceptor.pipeline.verifying import Finding, verify
from preceptor.records import Ranking, read_artifact, read_manifest, write_artifact
from preceptor.records.artifacts import content_hash
from preceptor.records.withdrawn import FILE
from preceptor.runs.checkpoint import CheckpointStore
from preceptor.runs.lineage import model_hash
from preceptor.store import Database
from preceptor.store.checking import APPEND_ONLY
from preceptor.store.database import parse_url
from tests.commands import preceptor
from tests.labeling.labeled import add_labeled
from tests.labeling.people import add_people
from tests.planted import demonstrations


def stage(project: Path, name: str) -> Path:
    return (project / "latest" / name).resolve()


def place(project: Path, path: Path) -> str:
    return path.relative_to(project.resolve()).as_posix()


def found(project: Path) -> dict[str, tuple[str, str]]:
    return {one.file: (one.expected, one.found) for one in verify(project).findings}


def test_a_project_that_nobody_touched_is_whole(finished_project: Path) -> None:
    verified = verify(finished_project)
    assert verified.findings == []
    assert verified.replaced == []
    assert verified.counts["artifacts"] == 21  # 6 imported, 13 made, 2 of responses
    assert verified.counts["stages"] == 7
    assert verified.counts["models"] == 5
    said = preceptor("verify", "--project", finished_project)
    assert said.code == 0
    assert "checked 21 artifacts" in said.said
    assert "nothing was changed or lost" in said.said


def test_changed_rows_are_named_with_both_hashes(project: Path) -> None:
    rows = project / "artifacts" / "rankings" / "rows.jsonl"
    expected = content_hash(rows)
    rows.write_text(rows.read_text().replace("dear", "Dear", 1))
    assert found(project) == {"artifacts/rankings/rows.jsonl": (expected, content_hash(rows))}
    said = preceptor("verify", "--project", project)
    assert said.code == 1
    assert "changed: artifacts/rankings/rows.jsonl" in said.said
    assert expected in said.said
    assert "1 changed or lost" in said.said


@pytest.mark.parametrize("name", ["rows.jsonl", "manifest.json"])
def test_half_of_an_artifact_is_lost(project: Path, name: str) -> None:
    (project / "data" / "ratings" / name).unlink()
    assert found(project) == {f"data/ratings/{name}": ("a file", "nothing")}


def test_a_manifest_that_is_none_is_named(project: Path) -> None:
    (project / "data" / "ratings" / "manifest.json").write_text("{}")
    (name,) = found(project)
    assert name == "data/ratings/manifest.json"


def test_a_whole_artifact_that_is_gone_is_missed_by_what_was_made_from_it(project: Path) -> None:
    expected = content_hash(project / "data" / "texts" / "rows.jsonl")
    shutil.rmtree(project / "data" / "texts")
    (finding,) = verify(project).findings
    assert finding == Finding(
        "data/texts", expected, "nothing", ("artifacts/documents", "artifacts/documents-held-out")
    )


def test_each_changed_file_of_a_model_is_named(project: Path) -> None:
    model = stage(project, "ppo") / "model"
    weights, expected = model / "model.safetensors", content_hash(model / "model.safetensors")
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    (model / "lineage.json").unlink()
    changed = found(project)
    assert changed[place(project, weights)] == (expected, content_hash(weights))
    assert changed[place(project, model / "lineage.json")][1] == "nothing"
    assert len(changed) == 2


def test_a_file_that_makes_it_another_model_is_noticed(project: Path) -> None:
    model = stage(project, "sft") / "model"
    expected = model_hash(model)
    (model / "special_tokens_map.json").write_text("{}")
    assert found(project) == {place(project, model): (expected, model_hash(model))}


def test_a_stage_that_says_another_hash_than_its_model_has_is_noticed(project: Path) -> None:
    """As in a project whose stages did not yet note each file."""
    marker = stage(project, "sft") / "stage.json"
    said = json.loads(marker.read_text())
    del said["files"]
    marker.write_text(json.dumps(said))
    assert found(project) == {}
    weights = marker.parent / "model" / "config.json"
    weights.write_text(weights.read_text() + " ")
    assert set(found(project)) == {place(project, marker.parent / "model")}


def test_metrics_that_were_changed_are_noticed(project: Path) -> None:
    metrics = stage(project, "ppo") / "run" / "metrics.jsonl"
    metrics.write_text(metrics.read_text().replace("0", "1"))
    assert set(found(project)) == {place(project, metrics)}


def test_a_whole_stage_that_is_gone_is_missed(project: Path) -> None:
    sft = stage(project, "sft")
    shutil.rmtree(sft)
    assert set(found(project)) == {place(project, sft / "model"), "latest/sft"}


def test_an_unfinished_stage_is_no_damage(project: Path) -> None:
    (stage(project, "ppo") / "stage.json").unlink()
    verified = verify(project)
    assert verified.findings == []
    assert verified.counts["unfinished stages"] == 1


def test_a_stage_whose_marker_is_damaged_is_named(project: Path) -> None:
    marker = stage(project, "ppo") / "stage.json"
    marker.write_text(marker.read_text()[:20])
    assert set(found(project)) == {place(project, marker)}


def test_what_a_later_import_replaced_is_said_and_is_no_damage(project: Path) -> None:
    write_artifact(project / "data" / "demonstrations", demonstrations(12), "demonstrations")
    verified = verify(project)
    assert verified.findings == []
    (line,) = verified.replaced
    assert line.startswith("replaced since: data/demonstrations (")
    assert "artifacts/demonstrations, artifacts/demonstrations-valid" in line


def test_damaged_tombstones_are_noticed(project: Path) -> None:
    (project / FILE).write_text("{")
    assert set(found(project)) == {FILE}


def test_what_is_no_project_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no project here"):
        verify(tmp_path)


def test_a_project_without_models_can_be_verified(tmp_path: Path) -> None:
    write_artifact(tmp_path / "data" / "mine", demonstrations(3), "demonstrations")
    verified = verify(tmp_path)
    assert (verified.counts["artifacts"], verified.counts["rows"], verified.findings) == (1, 3, [])


# ── checkpoints of stages that are not finished ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A project with a stage that was stopped after two checkpoints."""
    directory = tmp_path / "work" / "ppo-0123456789" / "run" / "checkpoints"
    store = CheckpointStore(directory)
    for step in (20, 40):
        store.save(step, {"weight": torch.full((4,), float(step))}, {"step": step})
    return tmp_path


def test_checkpoints_of_an_unfinished_stage_are_checked(stopped: Path) -> None:
    verified = verify(stopped)
    assert verified.findings == []
    assert (verified.counts["unfinished stages"], verified.counts["checkpoints"]) == (1, 2)
    said = preceptor("verify", "--project", stopped)
    assert "1 unfinished stages, 2 checkpoints" in said.said


def test_a_damaged_checkpoint_is_named_with_what_becomes_of_it(stopped: Path) -> None:
    directory = stopped / "work" / "ppo-0123456789" / "run" / "checkpoints"
    (directory / "step-000040" / "state.json").write_text("{}")
    (directory / "step-000020" / "manifest.json").unlink()
    assert {name: problem for name, (_, problem) in found(stopped).items()} == {
        "work/ppo-0123456789/run/checkpoints/step-000020": "manifest.json is missing",
        "work/ppo-0123456789/run/checkpoints/step-000040": "state.json was changed after it was written",
    }
    said = preceptor("verify", "--project", stopped)
    assert said.code == 1
    assert "goes on from the one before it or from the start" in said.said
    assert (directory / "step-000040").exists(), "to verify changes nothing"


# ── the store ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def labeled(tmp_path: Path, store_url: str) -> tuple[Path, str]:
    """A project and its store, on each backend: work of people, a correction, an export, raw prompts."""
    database = Database.open(store_url)
    add_people(database)
    add_labeled(database)
    database.close()
    export_from(tmp_path, store_url, "artifacts", None)
    rows = "".join(json.dumps({"prompt": f"Question {number}?", "user": "ann"}) + "\n" for number in range(40))
    (tmp_path / "asked.jsonl").write_text(rows)
    add_files(tmp_path, [tmp_path / "asked.jsonl"], lambda text: None, store=store_url)
    return tmp_path, store_url


def spoil(url: str, *statements: str) -> None:
    """Change a store behind its back, as somebody with the database's password can."""
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def without_promises(url: str, table: str) -> tuple[str, ...]:
    """Statements that take away what keeps the rows of a table."""
    if url.startswith("sqlite"):
        return tuple(f"DROP TRIGGER {table}_no_{verb}" for verb in ("UPDATE", "DELETE"))
    return (f"DROP TRIGGER {table}_append_only ON {table}",)


def of_store(place: tuple[Path, str]) -> dict[str, tuple[str, str]]:
    """What is wrong, by what stands after the store's name."""
    return {
        one.file.rpartition(", ")[2]: (one.expected, one.found)
        for one in verify(*place).findings
        if "trigger" not in one.expected
    }


def test_a_store_that_nobody_touched_is_whole(labeled: tuple[Path, str]) -> None:
    verified = verify(*labeled)
    assert verified.findings == []
    assert (verified.counts["stores"], verified.counts["raw prompts"]) == (1, 40)
    assert verified.counts["answers of labelers"] > 10


def test_changed_raw_prompts_are_counted_and_named(labeled: tuple[Path, str]) -> None:
    project, url = labeled
    spoil(url, "UPDATE prompts SET source = 'elsewhere' WHERE line <= 7")
    (finding,) = verify(*labeled).findings
    assert finding.file.endswith("prompts")
    assert finding.found.startswith("7 of 40 are not: ")
    assert finding.found.count(", ") == 5
    said = preceptor("verify", "--project", project, "--store", url)
    assert said.code == 1
    assert "bring the store back from a backup" in said.said


def test_a_raw_prompt_that_is_no_json_is_named(tmp_path: Path) -> None:
    """PostgreSQL takes no such row."""
    spoil(f"sqlite:///{own_store(tmp_path)}", "UPDATE prompts SET messages = '[{' WHERE line = 1")
    assert found(tmp_path)["labeling/labels.db, prompts"][0] == "rows of JSON"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a_table_that_can_be_changed_is_named(labeled: tuple[Path, str], table: str) -> None:
    spoil(labeled[1], *without_promises(labeled[1], table))
    findings = verify(*labeled).findings
    assert {one.file.rpartition(", ")[2] for one in findings} == {table}
    assert all("keeps its rows from being changed" in one.expected for one in findings)


def test_an_answer_that_was_removed_is_missed_by_its_item(labeled: tuple[Path, str]) -> None:
    url = labeled[1]
    which = "SELECT max(id) FROM answers WHERE status = 'counted' AND id NOT IN (SELECT revises_id FROM answers"
    which += " WHERE revises_id IS NOT NULL)"
    removed = f"DELETE FROM exported_answers WHERE answer_id = ({which})", f"DELETE FROM answers WHERE id = ({which})"
    spoil(url, *without_promises(url, "answers"), *without_promises(url, "exported_answers"), *removed)
    (expected, num) = of_store(labeled)["answers"]
    assert "that count for item" in expected
    assert int(num) == int(expected.split()[0]) - 1


def test_a_correction_of_somebody_else_s_answer_is_named(labeled: tuple[Path, str]) -> None:
    url = labeled[1]
    last = "SELECT max(id) FROM answers WHERE status = 'counted'"
    spoil(url, *without_promises(url, "answers"),
          f"UPDATE answers SET status = 'revision', revises_id = 1 WHERE id = ({last})")  # fmt: skip
    findings = [one for one in verify(*labeled).findings if "an earlier answer of the same labeler" in one.expected]
    assert [one.found for one in findings] == ["answer 1"]


def test_a_version_of_a_guideline_that_is_gone_is_missed(labeled: tuple[Path, str]) -> None:
    url = labeled[1]
    add = "INSERT INTO guidelines (name, version, text, note, created_at) VALUES ('g', {}, 'x', '', 0)"
    spoil(url, *(add.format(number) for number in (1, 2, 3)))
    assert of_store(labeled) == {}
    spoil(url, *without_promises(url, "guidelines"), "DELETE FROM guidelines WHERE name = 'g' AND version = 2")
    assert of_store(labeled) == {"guidelines": ("3 versions of 'g'", "2")}


def test_an_export_that_was_written_anew_is_not_what_the_store_noted(labeled: tuple[Path, str]) -> None:
    """Rows and manifest fit each other; only the store knows better."""
    path = labeled[0] / "data" / "labels-rankings"
    kept = read_artifact(path, Ranking)
    write_artifact(path, kept.rows[1:], "rankings", notes=kept.manifest.notes)
    assert of_store(labeled) == {
        "data/labels-rankings/manifest.json": (kept.manifest.content_hash, read_manifest(path).content_hash)
    }


def own_store(project: Path) -> Path:
    """The store in a project's folder, with raw prompts in it."""
    (project / "asked.jsonl").write_text("".join(f'{{"prompt": "Question {number}?"}}\n' for number in range(400)))
    add_files(project, [project / "asked.jsonl"], lambda text: None)
    return project / "labeling" / "labels.db"


def test_a_row_that_points_nowhere_is_named(tmp_path: Path) -> None:
    spoil(f"sqlite:///{own_store(tmp_path)}", "DELETE FROM prompt_files")
    findings = verify(tmp_path).findings
    assert len(findings) == 400
    assert {one.file for one in findings} == {"labeling/labels.db, prompts"}
    assert findings[0].expected == "a row of prompt_files for row 1 to point at"


def test_a_damaged_file_is_named_and_nothing_else_is_said_of_it(tmp_path: Path) -> None:
    path = own_store(tmp_path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    findings = verify(tmp_path).findings
    assert {one.file for one in findings} == {"labeling/labels.db"}
    assert all("from a backup" in one.remedy for one in findings)
    path.write_bytes(b"no store at all " * 100)
    (finding,) = verify(tmp_path).findings
    assert "not a database" in finding.found
    assert "from a backup" in finding.remedy


def test_a_store_of_another_version_is_not_looked_through_and_not_changed(tmp_path: Path) -> None:
    url = f"sqlite:///{own_store(tmp_path)}"
    spoil(url, "UPDATE alembic_version SET version_num = '9999'")
    (finding,) = verify(tmp_path).findings
    assert (finding.file, finding.found) == ("labeling/labels.db", "the store is of another version")


def test_a_store_that_was_named_must_be_there(labeled: tuple[Path, str]) -> None:
    with pytest.raises(UserError, match="there is no store"):
        verify(labeled[0], f"sqlite:///{labeled[0]}/mistyped.db")
    assert not (labeled[0] / "mistyped.db").exists()
