"""From files into a project: the artifact, its splits, its lineage."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.importers import SplitConfig, import_file, import_into, split_imported, write_imported
from preceptor.records import Demonstration, Prompt, Ranking, read_artifact
from preceptor.records.artifacts import content_hash


def demonstrations(path: Path, number: int) -> Path:
    rows = [{"prompt": f"question {i % 50}", "response": f"text {i}"} for i in range(number)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pairs(path: Path, number: int) -> Path:
    path.write_text("chosen,rejected\n" + "".join(f"joke {i % 30},joke {(i * 7 + 1) % 30}\n" for i in range(number)))
    return path


def test_into_a_project(tmp_path: Path) -> None:
    source = demonstrations(tmp_path / "mine.jsonl", 200)
    artifact = import_into(tmp_path / "project", [source])
    found = read_artifact(tmp_path / "project" / "data" / "mine", Demonstration)
    assert found.rows == artifact.rows
    assert len(found.rows) == 200
    assert found.manifest.parents == (content_hash(source),)
    assert found.manifest.notes["format"] == "own"
    splits = defaultdict(set)
    for row in found.rows:
        splits[row.prompt.text].add(row.prompt.split)
    assert len(splits) == 50
    assert all(len(names) == 1 for names in splits.values())
    assert {name for names in splits.values() for name in names} == {"train", "valid", "test"}
    assert "200 demonstrations" in str(artifact)


def test_the_split_has_options_too(tmp_path: Path) -> None:
    source = demonstrations(tmp_path / "mine.jsonl", 60)
    all_train = import_into(tmp_path, [source], options={"split.valid": 0, "split.test": 0})
    assert all_train.manifest.notes["split"] == {"by": "group", "seed": 0, "rows": {"train": 60}}
    with pytest.raises(UserError, match="unknown key 'tset'"):
        import_into(tmp_path, [source], name="x", options=["split.tset=0.5"])


def test_what_is_there_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    source = demonstrations(tmp_path / "mine.jsonl", 60)
    first = import_into(tmp_path, [source], name="x")
    with pytest.raises(UserError, match="data of this name already"):
        import_into(tmp_path, [source], name="x")
    again = import_into(tmp_path, [source], name="x", overwrite=True)
    assert again.manifest == first.manifest
    for name in ("../x", "a/b", "", ".x"):
        with pytest.raises(UserError, match="no plain name"):
            import_into(tmp_path, [source], name=name)


def test_a_failed_import_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"prompt": "a", "response": "b"}\n{"prompt": "a", "resp')
    with pytest.raises(UserError, match="not JSON"):
        import_into(tmp_path / "project", [source])
    assert not (tmp_path / "project").exists()


def test_rankings_of_one_prompt_are_split_by_response(tmp_path: Path) -> None:
    imported = import_file([pairs(tmp_path / "jokes.csv", 300)])
    parted = split_imported(imported, SplitConfig(valid=0.25, test=0.25))
    assert parted.notes["split"]["by"] == "response"
    assert len(parted.rows) + parted.dropped["responses in different splits"] == 300
    splits = defaultdict(set)
    for row in parted.rows:
        assert isinstance(row, Ranking)
        for response in row.responses:
            splits[response.text].add(row.prompt.split)
    assert all(len(names) == 1 for names in splits.values())
    assert sum(parted.notes["split"]["rows"].values()) == len(parted.rows)
    whole = split_imported(imported, SplitConfig(by="group"))
    assert len(whole.notes["split"]["rows"]) == 1


def test_splits_that_rows_name_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    rows = [{"id": str(i), "prompt": f"p{i}", "split": ("train", "test")[i % 2]} for i in range(20)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept = split_imported(import_file([source]), SplitConfig())
    assert kept.notes["split"] == {"by": "keep", "seed": 0, "rows": {"test": 10, "train": 10}}
    source.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"prompt": "no split"}]))
    assert split_imported(import_file([source]), SplitConfig()).notes["split"]["by"] == "group"


def test_a_written_artifact_can_be_imported_again(tmp_path: Path) -> None:
    first = write_imported(
        split_imported(import_file([demonstrations(tmp_path / "a.jsonl", 80)]), SplitConfig()), tmp_path / "x"
    )
    again = split_imported(import_file([tmp_path / "x" / "rows.jsonl"]), SplitConfig())
    assert again.rows == first.rows


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    demonstrations(folder / "b.jsonl", 3)
    demonstrations(folder / "a.jsonl", 2)
    (folder / "README.txt").write_text("not data")
    rows = import_file([folder]).rows
    assert [row.id for row in rows if isinstance(row, Demonstration)] == ["a:1", "a:2", "b:1", "b:2", "b:3"]


def test_labelers_get_their_group(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("chosen,rejected,worker\na,b,w1\nc,d,w2\ne,f,\n")
    rows = import_file([source], options={"held_out_labelers": ["w2"]}).rows
    assert [(row.labeler.id, row.labeler.group) for row in rows if isinstance(row, Ranking)] == [
        ("w1", "training"), ("w2", "held_out"), ("unknown", "training"),
    ]  # fmt: skip
    rows = import_file([source], options=["labeler_group=held_out"]).rows
    assert {row.labeler.group for row in rows if isinstance(row, Ranking)} == {"held_out"}


def test_shares_that_leave_nothing_to_train_on(tmp_path: Path) -> None:
    imported = import_file([demonstrations(tmp_path / "a.jsonl", 3)])
    with pytest.raises(UserError, match="nothing to train on"):
        split_imported(imported, SplitConfig(valid=0.5, test=0.5))
    with pytest.raises(UserError, match="cannot be split by response"):
        split_imported(imported, SplitConfig(by="response"))


def test_users_are_never_parted(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps({"prompt": f"p{i}", "user": f"u{i % 7}"}) + "\n" for i in range(100)))
    artifact = import_into(tmp_path, [source], options=["split.valid=0.3", "split.test=0.3"])
    splits = defaultdict(set)
    for row in artifact.rows:
        assert isinstance(row, Prompt)
        splits[row.user].add(row.split)
    assert all(len(names) == 1 for names in splits.values())
