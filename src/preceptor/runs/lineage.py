"""Lineage: what a model was made from, and the hash by which it is known to those made from it."""

import functools
import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.records.artifacts import content_hash
from preceptor.records.base import Record
from preceptor.runs.disk import write_text

MODEL_FILES = (
    "*.safetensors", "*.bin", "*.index.json", "config.json", "generation_config.json", "tokenizer*", "vocab*",
    "merges.txt", "*.model", "*.tiktoken", "special_tokens_map.json", "added_tokens.json", "chat_template.*",
)  # fmt: skip
WEIGHT_FILES = ("*.safetensors", "*.bin")


@functools.cache
def code_commit() -> str | None:
    """The commit this code is at, '+changes' appended if it was edited; None outside a checkout of it."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None  # installed, possibly inside some other project's repository
    commit = _git(here.parent, "rev-parse", "HEAD")
    changes = _git(here.parents[1], "status", "--porcelain", "--untracked-files=no", ".")
    return f"{commit}+changes" if commit and changes else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


class Lineage(Record):
    """Where a model came from: enough to make it again, and to see what a gate was told."""

    name: str
    kind: str
    """'base', 'sft', 'reward_model', 'ppo', …"""
    config: JsonValue
    """The resolved recipe of the stage that made it."""
    parents: tuple[str, ...] = ()
    """Content hashes of the artifacts and models it was made from."""
    seed: int
    version: str = __version__
    commit: str | None = Field(default_factory=code_commit)
    """Git commit of the code when it ran from a checkout, with '+changes' if files differed from it."""
    metrics: dict[str, JsonValue] = Field(default_factory=dict)
    """Summary of the run that made it."""
    forced: str | None = None
    """The reason a person gave for going past the gate; None when the gate was open."""


def write_lineage(directory: Path, lineage: Lineage) -> None:
    """Put `lineage.json` beside a model's weights."""
    write_text(directory / "lineage.json", lineage.model_dump_json(indent=2) + "\n")


def read_lineage(directory: Path) -> Lineage | None:
    """A model's lineage; None for a model that was not made here.

    Raises:
        UserError: the file does not parse.
    """
    path = directory / "lineage.json"
    if not path.exists():
        return None
    try:
        return Lineage.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise UserError(
            f"not a lineage: {str(error).splitlines()[0]}",
            file=path,
            remedy="restore the file, or remove it: the model then counts as made elsewhere",
        ) from None


def model_hash(directory: Path) -> str:
    """sha256 over the names and bytes of a model directory's weights, tokenizer and config.

    Model card, lineage and anything else lying there do not count.

    Raises:
        UserError: no such directory, or no weights in it.
    """
    if not directory.is_dir():
        raise UserError("no such model directory", file=directory, remedy="give the path of a Hugging Face directory")
    files = model_files(directory)
    if not any(path.name in files for pattern in WEIGHT_FILES for path in directory.glob(pattern)):
        raise UserError("no weights (*.safetensors) in the model directory", file=directory, remedy="save it again")
    return hash_of_files({name: content_hash(path) for name, path in files.items()})


def model_files(directory: Path) -> dict[str, Path]:
    """The files of a model directory that make it the model that it is, by name."""
    return {path.name: path for pattern in MODEL_FILES for path in directory.glob(pattern) if path.is_file()}


def hash_of_files(hashes: Mapping[str, str]) -> str:
    """The hash of a model whose files, by name, have these hashes."""
    listing = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    return hashlib.sha256(listing.encode()).hexdigest()
