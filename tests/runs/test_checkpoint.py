"""Checkpoints: whole or not at all, checked by hash, the one before as a spare, a full disk explained."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from preceptor.errors import UserError
from preceptor.runs import Checkpoint, CheckpointStore
from preceptor.runs.disk import disk_errors, folder_written_aside, write_text


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((4, 3), float(value)), "step": torch.tensor(float(value))}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(store: CheckpointStore) -> Checkpoint:
    checkpoint, notes = store.latest()
    assert checkpoint is not None
    assert notes == []
    return checkpoint


def test_the_newest_comes_back_and_two_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    assert store.latest() == (None, [])
    for step in (9, 10, 1000001):
        store.save(step, tensors(step), {"step": step})
    assert names(tmp_path) == ["step-000010", "step-1000001"]
    assert names(tmp_path / "step-000010") == ["manifest.json", "state.json", "state.safetensors"]
    checkpoint = read(CheckpointStore(tmp_path))
    assert (checkpoint.step, checkpoint.scalars) == (1000001, {"step": 1000001})
    assert torch.equal(checkpoint.tensors["weight"], tensors(1000001)["weight"])


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool]
)
def test_every_dtype_bit_by_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    value = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    CheckpointStore(tmp_path).save(1, {"value": value, "none": value[:0], "scalar": value[0, 0]}, None)
    back = read(CheckpointStore(tmp_path)).tensors
    assert back["value"].dtype == dtype
    assert torch.equal(back["value"], value)
    assert back["none"].shape == (0, 5)
    assert torch.equal(back["scalar"], value[0, 0])


def test_tied_and_overlapping_and_turned_tensors(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    saved = {
        "embedding": whole,
        "head": whole,
        "row": whole[1],
        "turned": whole.t(),
        "parameter": torch.nn.Parameter(whole),
    }
    CheckpointStore(tmp_path).save(1, saved, None)
    back = read(CheckpointStore(tmp_path)).tensors
    assert {name: value.tolist() for name, value in back.items()} == {k: v.tolist() for k, v in saved.items()}
    size = (tmp_path / "step-000001" / "state.safetensors").stat().st_size
    assert size < 12 * 4 * 2 + 4 * 4 + 500  # tied memory is written once


def damage_by_a_flipped_bit(path: Path) -> None:
    content = bytearray((path / "state.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "state.safetensors").write_bytes(content)


def damage_by_half_a_file(path: Path) -> None:
    os.truncate(path / "state.safetensors", 100)


def damage_by_other_scalars(path: Path) -> None:
    (path / "state.json").write_text((path / "state.json").read_text().replace("20", "21"))


def damage_by_no_state(path: Path) -> None:
    (path / "state.json").unlink()


def damage_by_no_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def damage_by_half_a_manifest(path: Path) -> None:
    os.truncate(path / "manifest.json", 10)


def damage_by_binary_manifest(path: Path) -> None:
    (path / "manifest.json").write_bytes(b"\xff\xfe\x00")


def damage_by_an_empty_manifest(path: Path) -> None:
    (path / "manifest.json").write_text('{"step": 20, "sha256": {}}')


DAMAGES = [value for name, value in list(globals().items()) if name.startswith("damage_by_")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_named_and_the_one_before_it_used(tmp_path: Path, damage: object) -> None:
    store = CheckpointStore(tmp_path)
    store.save(10, tensors(10), {"step": 10})
    store.save(20, tensors(20), {"step": 20})
    damage(tmp_path / "step-000020")  # type: ignore[operator]
    checkpoint, notes = CheckpointStore(tmp_path).latest()
    assert checkpoint is not None
    assert checkpoint.step == 10
    assert len(notes) == 1
    assert "step-000020 is damaged (" in notes[0]
    store.save(15, tensors(15), None)
    assert names(tmp_path) == ["step-000010", "step-000015"]  # the damaged one, which the run went past, is gone
    store.save(20, tensors(21), None)
    assert read(store).tensors["weight"][0, 0] == 21


def test_all_damaged_means_none(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for step in (1, 2):
        store.save(step, tensors(step), None)
        damage_by_half_a_file(tmp_path / f"step-{step:06d}")
    checkpoint, notes = store.latest()
    assert checkpoint is None
    assert len(notes) == 2


def test_a_step_saved_again_replaces_the_old(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(5, tensors(1), None)
    store.save(5, tensors(2), None)
    assert names(tmp_path) == ["step-000005"]
    assert read(store).tensors["weight"][0, 0] == 2


def test_strays_of_a_crash_are_swept_and_never_read(tmp_path: Path) -> None:
    CheckpointStore(tmp_path).save(1, tensors(1), None)
    (tmp_path / ".step-000002.aside").mkdir()
    (tmp_path / ".step-000002.aside" / "state.safetensors").write_bytes(b"half")
    (tmp_path / "step-notes").mkdir()  # somebody else's: left alone
    store = CheckpointStore(tmp_path)
    assert names(tmp_path) == ["step-000001", "step-notes"]
    assert read(store).step == 1


def test_what_is_loaded_does_not_depend_on_the_file(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, tensors(1), None)
    checkpoint = read(store)
    store.clear()
    assert not tmp_path.exists()
    checkpoint.tensors["weight"].add_(1)
    assert checkpoint.tensors["weight"][0, 0] == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB; skipped where mounting is not permitted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_explained_and_nothing_half_written(small_disk: Path) -> None:
    store = CheckpointStore(small_disk)
    store.save(1, tensors(1), None)
    with pytest.raises(UserError, match=r"disk is full.*step-000002.*0 MB free") as caught:
        store.save(2, {"weight": torch.zeros(10**6)}, None)
    assert caught.value.file == str(small_disk)
    assert "free some space" in caught.value.remedy
    assert names(small_disk) == ["step-000001"]
    assert read(store).step == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Quota"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        SafetensorError('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space" })'),
    ],
)
def test_a_full_disk_in_any_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, tensors(1), None)

    def full(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr("preceptor.runs.checkpoint.save_file", full)
    with pytest.raises(UserError, match="disk is full"):
        store.save(2, tensors(2), None)
    assert names(tmp_path) == ["step-000001"]


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="another"), disk_errors(tmp_path, "x"):
        raise OSError(errno.EIO, "another")
    with pytest.raises(UserError, match="Read-only"), disk_errors(tmp_path, "x"):
        raise OSError(errno.EROFS, "r")


def test_an_interrupt_while_writing_leaves_the_old(tmp_path: Path) -> None:
    write_text(tmp_path / "note", "old")

    def interrupted() -> None:
        with folder_written_aside(tmp_path / "folder") as aside:
            (aside / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "note", "new \ud800")
    assert names(tmp_path) == ["note"]
    assert (tmp_path / "note").read_text() == "old"
