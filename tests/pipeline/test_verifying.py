"""`preceptor verify`: what was changed or lost is named, and nothing else is."""

import json
import shutil
from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.pipeline.verifying import Finding, verify
from preceptor.records import write_artifact
from preceptor.records.artifacts import content_hash
from preceptor.records.withdrawn import FILE
from preceptor.runs.lineage import model_hash
from tests.commands import preceptor
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
    assert verified.counts["unfinished stages, which were passed over"] == 1


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
