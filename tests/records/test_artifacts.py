"""Artifacts: whole or not at all, and any change is seen."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.records import (
    Artifact,
    Demonstration,
    Document,
    Labeler,
    Message,
    Prompt,
    read_artifact,
    read_manifest,
    write_artifact,
)
from preceptor.records.artifacts import canonical_hash, parse_jsonl


def demonstrations(number: int, origin: str = "human") -> list[Demonstration]:
    return [
        Demonstration(
            id=f"d{i}",
            prompt=Prompt(id=f"p{i}", messages=(Message(role="user", content="naïve\u2028 \x85 ✓"),)),
            response="ok",
            labeler=Labeler.model_validate({"id": "l", "origin": origin}),
        )
        for i in range(number)
    ]


def write(path: Path, number: int) -> Artifact[Demonstration]:
    return write_artifact(
        path, demonstrations(number), "demonstrations", parents=["abc"], dropped={"empty": 2}, notes={"x": [1]}
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = write(tmp_path / "a" / "b", 3)
    found = read_artifact(tmp_path / "a" / "b", Demonstration)
    assert found.rows == written.rows
    assert found.manifest == written.manifest == read_manifest(tmp_path / "a" / "b")
    assert (found.manifest.num_rows, found.manifest.dropped, found.manifest.parents) == (3, {"empty": 2}, ("abc",))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["b"]


def test_same_rows_same_hash_and_other_rows_another(tmp_path: Path) -> None:
    hashes = [write(tmp_path / name, number).manifest.content_hash for name, number in (("a", 2), ("b", 2), ("c", 3))]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("origins", "expected"),
    [(["human"], "human"), (["simulated"], "simulated"), (["human", "simulated"], "mixed"), ([], "none")],
)
def test_origin_says_who_made_the_labels(tmp_path: Path, origins: list[str], expected: str) -> None:
    rows = [row for origin in origins for row in demonstrations(1, origin)]
    assert write_artifact(tmp_path / "a", rows, "demonstrations").manifest.origin == expected


def test_prompts_have_no_labels_and_so_no_origin(tmp_path: Path) -> None:
    assert write_artifact(tmp_path / "a", [demonstrations(1)[0].prompt], "prompts").manifest.origin == "none"


def test_a_changed_row_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "a", 3)
    rows = tmp_path / "a" / "rows.jsonl"
    rows.write_bytes(rows.read_bytes().replace(b'"ok"', b'"no"', 1))
    with pytest.raises(UserError, match="content hash differs") as error:
        read_artifact(tmp_path / "a", Demonstration)
    assert error.value.file == str(rows)


def test_a_row_cut_off_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "a", 3)
    rows = tmp_path / "a" / "rows.jsonl"
    rows.write_bytes(b"".join(rows.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match="content hash differs"):
        read_artifact(tmp_path / "a", Demonstration)


def test_a_missing_or_damaged_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not an artifact"):
        read_artifact(tmp_path / "a", Demonstration)
    write(tmp_path / "a", 1)
    for content in (b'{"kind": "demonstrations"', b"\xff\xfe", b'{"kind": "demonstrations"}'):
        (tmp_path / "a" / "manifest.json").write_bytes(content)
        with pytest.raises(UserError) as error:
            read_artifact(tmp_path / "a", Demonstration)
        assert str(error.value.file).endswith("manifest.json")


def test_another_kind_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a", 1)
    with pytest.raises(UserError, match="holds demonstrations, not prompts"):
        read_artifact(tmp_path / "a", Prompt)
    with pytest.raises(UserError, match="cannot hold a Demonstration"):
        write_artifact(tmp_path / "b", demonstrations(1), "prompts")
    assert not (tmp_path / "b").exists()


def test_jsonl_errors_name_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "a", "text": "t"}\n\n{"id": "b", "text": 3}\n')
    with pytest.raises(UserError) as error:
        list(parse_jsonl(path.read_bytes().splitlines(), Document, path))
    assert (error.value.line, error.value.field) == (3, "text")
    path.write_text('{"id": "a", "text": "t"}\n{"id": "b", "te')
    with pytest.raises(UserError, match="EOF") as error:
        list(parse_jsonl(path.read_bytes().splitlines(), Document, path))
    assert error.value.line == 2


def die_at_call(number: int) -> None:
    """Kill this process at its Nth step among those by which an artifact is written."""
    left = [number]
    steps = [(Path, "mkdir"), (os, "fsync"), (Path, "rename"), (Path, "open")]

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return step

    for owner, name in steps:
        setattr(owner, name, counted(getattr(owner, name)))


def write_and_die(path: Path, number: int) -> bool:
    """Write in a child process that is killed at step `number`; whether it was, or else got to the end."""
    pid = os.fork()
    if pid == 0:
        die_at_call(number)
        write(path, 5)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_a_kill_at_any_step_leaves_the_old_artifact_or_the_new(tmp_path: Path) -> None:
    seen = set()
    number = 0
    was_killed = True
    while was_killed:
        number += 1
        path = tmp_path / str(number) / "a"
        write(path, 3)
        was_killed = write_and_die(path, number)
        seen.add(len(read_artifact(path, Demonstration).rows))
        # A later write clears what the killed one left.
        write(path, 4)
        assert [entry.name for entry in path.parent.iterdir()] == ["a"]
    assert number > 5
    assert seen == {3, 5}


def test_an_error_while_writing_leaves_the_old_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", 3)

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UserError, match="No space left on device") as error:
        write(tmp_path / "a", 5)
    assert "disk space" in error.value.remedy
    assert len(read_artifact(tmp_path / "a", Demonstration).rows) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_ctrl_c_between_the_two_renames_leaves_the_old_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a", 3)
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == ".a.new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", 5)
    assert len(read_artifact(tmp_path / "a", Demonstration).rows) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_canonical_hash_knows_no_key_order() -> None:
    assert (
        canonical_hash({"a": 1, "b": [2]}) == canonical_hash({"b": [2], "a": 1}) != canonical_hash({"a": 1, "b": [3]})
    )
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_hash(float("nan"))
