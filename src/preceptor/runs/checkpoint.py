"""Checkpoints: written aside, synced, renamed; checked by hash when read; the one before as a spare."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from preceptor.records.artifacts import content_hash
from preceptor.runs.disk import folder_written_aside, remove_folder, sweep

PREFIX = "step-"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved at the end of a step."""

    step: int
    tensors: dict[str, Tensor]
    scalars: JsonValue


def checkpoints_in(directory: Path) -> dict[int, Path]:
    """The folders of all checkpoints, damaged or not, by their steps, in order."""
    if not directory.is_dir():
        return {}
    paths = {path.name.removeprefix(PREFIX): path for path in directory.glob(f"{PREFIX}*")}
    return {int(name): paths[name] for name in sorted((name for name in paths if name.isdecimal()), key=int)}


def damage_of(step: int, path: Path) -> str | None:
    """What is wrong with a checkpoint, in a few words; None when its bytes are those that were written."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        hashes = dict(manifest["sha256"])
        if manifest["step"] != step or set(hashes) != {"state.safetensors", "state.json"}:
            return "manifest.json is of another checkpoint"
    except FileNotFoundError:
        return "manifest.json is missing"
    except (ValueError, KeyError, TypeError):
        return "manifest.json cannot be read"
    for name, expected in hashes.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if content_hash(path / name) != expected:
            return f"{name} was changed after it was written"
    return None


class CheckpointStore:
    """The newest `keep` checkpoints in a folder: `step-000040/` with `state.safetensors`, `state.json` and hashes."""

    def __init__(self, directory: Path, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError("keep at least one checkpoint")
        self.directory = directory
        self.keep = keep
        sweep(directory)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, damaged or not, in order."""
        return list(checkpoints_in(self.directory))

    def save(self, step: int, tensors: Mapping[str, Tensor], scalars: JsonValue) -> Path:
        """Write a checkpoint, then drop those that are too old or come after it (damaged ones that a resume went past).

        Raises:
            UserError: the disk is full or the folder cannot be written; the older checkpoints are as they were.
        """
        path = self._path(step)
        with folder_written_aside(path) as aside:
            unique, aliases = _without_aliases(tensors)
            save_file(unique, aside / "state.safetensors")
            document = {"step": step, "aliases": aliases, "scalars": scalars}
            (aside / "state.json").write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
            hashes = {name: content_hash(aside / name) for name in ("state.safetensors", "state.json")}
            (aside / "manifest.json").write_text(json.dumps({"step": step, "sha256": hashes}), encoding="utf-8")
        older = [other for other in self.steps() if other < step]
        for other in [*older[: max(0, len(older) + 1 - self.keep)], *(s for s in self.steps() if s > step)]:
            remove_folder(self._path(other))
        return path

    def latest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest undamaged checkpoint (None if there is none) and a sentence for each damaged one passed over."""
        notes: list[str] = []
        for step in reversed(self.steps()):
            damage = damage_of(step, self._path(step))
            if damage is None:
                return self._read(step), notes
            notes.append(f"checkpoint {self._path(step)} is damaged ({damage}) and is not used")
        return None, notes

    def clear(self) -> None:
        """Remove all checkpoints."""
        for step in self.steps():
            remove_folder(self._path(step))
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, step: int) -> Path:
        return self.directory / f"{PREFIX}{step:06d}"

    def _read(self, step: int) -> Checkpoint:
        path = self._path(step)
        document = json.loads((path / "state.json").read_text(encoding="utf-8"))
        with safe_open(path / "state.safetensors", framework="pt") as file:
            # Copies: an optimizer keeps what it is given, and these would be views of a file soon to be removed.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict
        tensors |= {name: tensors[twin] for name, twin in document["aliases"].items()}
        return Checkpoint(step, tensors, document["scalars"])


def _without_aliases(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Contiguous CPU tensors without shared memory, and {name: name of the tensor that is the same memory}."""
    unique: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    seen: dict[tuple[object, ...], str] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach()
        view = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and view in seen:
            aliases[name] = seen[view]
            continue
        seen[view] = name
        storage = tensor.untyped_storage().data_ptr()
        shared = tensor.is_cpu and storage in storages  # two different views of one storage: safetensors refuses them
        storages.add(storage)
        unique[name] = (tensor.clone() if shared else tensor).cpu().contiguous()
    return unique, aliases
