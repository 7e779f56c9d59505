"""Lineage and the hash of a model."""

import subprocess
from pathlib import Path

import pytest

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.runs import Lineage, code_commit, model_hash, read_lineage, write_lineage
from preceptor.runs import lineage as module


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "README.md",
        "lineage.json",
    ):
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_weights_tokenizer_and_config_count(model: Path, name: str) -> None:
    before = model_hash(model)
    (model / name).write_text("other")
    assert model_hash(model) != before
    (model / name).write_text(name)
    assert model_hash(model) == before


@pytest.mark.parametrize("name", ["README.md", "lineage.json", "notes.txt"])
def test_card_and_lineage_do_not_count(model: Path, name: str) -> None:
    before = model_hash(model)
    (model / name).write_text("other")
    assert model_hash(model) == before


def test_a_renamed_or_moved_model(model: Path) -> None:
    before = model_hash(model)
    moved = model.rename(model.with_name("moved"))
    assert model_hash(moved) == before
    (moved / "tokenizer.json").rename(moved / "tokenizer.model")
    assert model_hash(moved) != before


def test_no_model_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model directory"):
        model_hash(tmp_path / "nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no weights"):
        model_hash(tmp_path)


def test_a_lineage_comes_back(model: Path) -> None:
    lineage = Lineage(name="mine", kind="ppo", config={"lr": 0.1}, parents=("a", "b"), seed=4, forced="a demo",
                      metrics={"kl": 1.5})  # fmt: skip
    assert lineage.version == __version__
    write_lineage(model, lineage)
    assert read_lineage(model) == lineage
    (model / "lineage.json").unlink()
    assert read_lineage(model) is None
    (model / "lineage.json").write_text('{"name": "mi')
    with pytest.raises(UserError, match="not a lineage"):
        read_lineage(model)


def test_the_commit_is_of_this_code_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed inside somebody's repository, the code must not claim that repository's commit as its own."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True,
                              text=True).stdout.strip()  # fmt: skip

    package = tmp_path / "src" / "preceptor" / "runs"
    package.mkdir(parents=True)
    file = package / "lineage.py"
    file.write_text("")
    monkeypatch.setattr(module, "__file__", str(file))
    git("init", "-q")
    (tmp_path / "theirs").write_text("")
    git("add", "theirs")
    git("commit", "-qm", "theirs")
    assert code_commit.__wrapped__() is None
    git("add", "src")
    git("commit", "-qm", "ours")
    commit = git("rev-parse", "HEAD")
    assert len(commit) == 40
    assert code_commit.__wrapped__() == commit
    file.write_text("changed")
    assert code_commit.__wrapped__() == f"{commit}+changes"
    monkeypatch.setenv("PATH", "")
    assert code_commit.__wrapped__() is None
