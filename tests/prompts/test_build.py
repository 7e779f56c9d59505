"""`preceptor prompts add` and `build`, as people call them: sets that the pipeline takes, and the leak test on them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import delete

from preceptor.errors import UserError
from preceptor.prompts.leak import check_leak
from preceptor.records import Message, Prompt, pseudonym_of_user, read_artifact, read_manifest, write_artifact
from preceptor.simulation.world import World
from preceptor.store import Database, RawPrompt
from preceptor.store.tables import Setting
from tests.commands import preceptor

COPIES = ("exact duplicate", "long common prefix", "near duplicate")
SETS = ("sft", "reward", "rl", "test")


def rows(first: int, num: int, users: str) -> list[dict[str, Any]]:
    """Prompts of the closed world as somebody's log has them; every tenth is there twice, of two users."""
    made = []
    for number, prompt in enumerate(World().prompts(num, seed=first)):
        row = {"messages": [message.model_dump() for message in prompt.messages], "user": f"{users}{prompt.user}",
               "use_case": prompt.use_case, "source": prompt.source}  # fmt: skip
        made += [row, {**row, "user": f"{users}-again"}] if number % 10 == 0 else [row]
    return made


def save(path: Path, *written: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in written), encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    assert preceptor("init", folder).code == 0
    salted(folder)
    return folder


def salted(folder: Path) -> None:
    """The same salt in each project, so that they can be compared."""
    store = open_store(folder)
    with store.write() as session:
        session.merge(Setting(name="prompts.salt", value={"salt": "fixed"}))
    store.close()


def open_store(folder: Path) -> Database:
    return Database.open(f"sqlite:///{folder}/labeling/labels.db")


def build(folder: Path, *settings: str) -> str:
    outcome = preceptor("prompts", "build", "-p", folder, *(part for one in settings for part in ("--set", one)))
    assert outcome.code == 0, outcome.said
    return outcome.said


def hashes(folder: Path) -> dict[str, str]:
    paths = [*(folder / "artifacts").glob("prompts-*"), *(folder / "data").glob("*")]
    return {path.name: read_manifest(path).content_hash for path in paths}


def test_from_files_to_sets(project: Path, tmp_path: Path) -> None:
    files = [save(tmp_path / f"{name}.jsonl", *rows(n, 150, name)) for n, name in enumerate("ab")]
    outcome = preceptor("prompts", "add", *files, "-p", project)
    assert outcome.code == 0, outcome.said
    assert "a.jsonl: 165 rows, 165 new prompts, 0 known already" in outcome.said
    said = build(project)
    assert "exact duplicate" in said
    assert "Sizes by source (like Table 6)" in said
    pool = read_artifact(project / "data" / "prompts-built", Prompt)
    assert pool.manifest.dropped["exact duplicate"] == 30
    assert pool.manifest.num_rows + sum(pool.manifest.dropped.values()) == 330
    sets = {name: read_artifact(project / "artifacts" / f"prompts-{name}", Prompt).rows for name in SETS}
    ids = Counter(row.id for part in sets.values() for row in part)
    assert set(ids.values()) == {1}, "the sets share no prompt"
    assert {row.split for row in sets["rl"]} == {"train"}
    assert {row.split for row in sets["test"]} == {"test"}
    log = (project / "artifacts" / "prompts-dropped" / "rows.jsonl").read_text().splitlines()
    assert len(log) == sum(pool.manifest.dropped.values())


def test_the_pipeline_draws_the_very_sets_that_were_built(project: Path, tmp_path: Path) -> None:
    preceptor("prompts", "add", save(tmp_path / "a.jsonl", *rows(0, 200, "a")), "-p", project)
    build(project)
    built = hashes(project)["prompts-sft"]
    outcome = preceptor("run", "-p", project)
    assert outcome.code == 3, outcome.said
    todo = read_artifact(project / "todo" / "demonstrations", Prompt)
    assert todo.manifest.content_hash == built == hashes(project)["prompts-sft"]


def test_twice_is_the_same_and_so_is_any_order_of_files(project: Path, tmp_path: Path) -> None:
    files = [save(tmp_path / f"{name}.jsonl", *rows(n, 80, name)) for n, name in enumerate("abc")]
    preceptor("prompts", "add", *files, "-p", project)
    build(project)
    first = hashes(project)
    build(project)
    assert hashes(project) == first
    other = tmp_path / "other"
    preceptor("init", other)
    salted(other)
    for file in reversed(files):
        preceptor("prompts", "add", file, "-p", other)
    build(other)
    assert hashes(other) == first


def test_a_user_who_is_removed_was_never_there(project: Path, tmp_path: Path) -> None:
    mine = rows(5, 40, "x")
    for row in mine:
        row["user"] = "gone@example.org"
    others = rows(0, 120, "a") + [{**row, "user": "shares"} for row in mine[::2]]
    preceptor("prompts", "add", save(tmp_path / "a.jsonl", *others), "-p", project)
    build(project)
    without = hashes(project)
    preceptor("prompts", "add", save(tmp_path / "b.jsonl", *mine), "-p", project)
    build(project)
    assert hashes(project) != without
    store = open_store(project)
    with store.write() as session:
        gone = pseudonym_of_user("fixed", "gone@example.org")
        session.execute(delete(RawPrompt).where(RawPrompt.user == gone))
    store.close()
    build(project)
    assert hashes(project) == without


def test_a_step_that_is_off_brings_its_prompts_back(project: Path, tmp_path: Path) -> None:
    preceptor("prompts", "add", save(tmp_path / "a.jsonl", *rows(0, 120, "a")), "-p", project)
    build(project)
    first = hashes(project)
    log = (project / "artifacts" / "prompts-dropped" / "rows.jsonl").read_text()
    assert "more prompts of one user" not in log
    build(project, "prompts.build.max_per_user=1")
    assert "more prompts of one user" in (project / "artifacts" / "prompts-dropped" / "rows.jsonl").read_text()
    build(project)
    assert hashes(project) == first


def test_the_leak_test_finds_a_planted_leak(tmp_path: Path) -> None:
    def prompt(name: str, user: str | None, split: str, text: str) -> Prompt:
        fields = {"id": name, "user": user, "split": split, "messages": (Message(role="user", content=text),)}
        return Prompt.model_validate(fields)

    clean = [prompt("a", "ann", "train", "one"), prompt("b", "ben", "test", "two"), prompt("c", None, "train", "three")]
    write_artifact(tmp_path / "clean", clean, "prompts")
    assert check_leak([tmp_path / "clean"]) == {"test": 1, "train": 1}
    write_artifact(tmp_path / "user", [prompt("d", "ann", "valid", "four")], "prompts")
    with pytest.raises(UserError, match="user ann is both in train and in valid"):
        check_leak([tmp_path / "clean", tmp_path / "user"])
    write_artifact(tmp_path / "text", [prompt("e", "eva", "train", "TWO ")], "prompts")
    with pytest.raises(UserError, match="the text of prompt e is both in test and in train"):
        check_leak([tmp_path / "clean", tmp_path / "text"])


def test_the_card_is_one_for_hugging_face(project: Path, tmp_path: Path) -> None:
    preceptor("prompts", "add", save(tmp_path / "a.jsonl", *rows(0, 150, "a")), "-p", project)
    build(project)
    path = project / "artifacts" / "README.md"
    _, head, text = path.read_text().split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert {config["config_name"] for config in metadata["configs"]} == set(SETS)
    for config in metadata["configs"]:
        assert (path.parent / config["data_files"]).is_file()
    assert metadata["size_categories"] == ["n<1K"]
    for title in ("Steps", "Sizes by source (like Table 6)", "Use cases (like Table 1)", "Lengths in tokens by set"):
        assert f"**{title}" in text
    assert "max_per_user: 200" in text


def test_the_report_counts_what_the_artifacts_hold(project: Path, tmp_path: Path) -> None:
    asked = [*rows(0, 150, "a"), *({**row, "user": "busy"} for row in rows(900, 400, "b"))]
    asked[3]["messages"][0]["content"] += " <b>Write</b> to jane.doe@example.org"
    said = preceptor("prompts", "add", save(tmp_path / "a.jsonl", *asked), "-p", project).said
    assert "error" not in said
    assert f"report: {project / 'prompts.html'}" in build(project)
    page = (project / "prompts.html").read_text(encoding="utf-8")
    pool = read_artifact(project / "data" / "prompts-built", Prompt)
    raw = pool.manifest.num_rows + sum(pool.manifest.dropped.values())
    num = sum(read_manifest(path).num_rows for name in SETS for path in [project / "artifacts" / f"prompts-{name}"])
    assert f"<h1>{num:,} prompts in 4 sets, out of {raw:,} raw ones.</h1>" in page
    assert (
        f"a duplicate ({sum(num for step, num in pool.manifest.dropped.items() if step in COPIES):,} prompts)" in page
    )
    assert "One user wrote" in page, "the busy one has more than half of a split"
    assert "Far fewer prompts than the recipe asks for" in page
    assert "[EMAIL]" in page
    assert "example.org" not in page
    assert "<b>Write" not in page


def test_nothing_added_yet(project: Path) -> None:
    outcome = preceptor("prompts", "build", "-p", project)
    assert outcome.code == 2
    assert "there are no raw prompts yet" in outcome.said
