"""`preceptor withdraw`: somebody's rows stay out of all that is made afterwards, and what has them in it is named."""

import io
import json
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preceptor.errors import UserError
from preceptor.importers import import_into
from preceptor.labeling.export import export_archive, export_from
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.run import run_pipeline
from preceptor.pipeline.withdrawing import Withdrawal, withdraw
from preceptor.records import Demonstration, Labeler, Prompt, Ranking, read_artifact, write_artifact
from preceptor.records.withdrawn import FILE, LABELER, USER, Withdrawn
from preceptor.store import Database
from tests.commands import preceptor
from tests.labeling.labeled import add_labeled
from tests.labeling.people import add_people, labeler_named
from tests.planted import demonstrations, prompts
from tests.planted_project import open_planted, recipe, write_recipe


def asked(number: int, user: str | None) -> dict[str, object]:
    return {"prompt": f"Question {number}?", "user": user}


def write_rows(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prompts_of(project: Path, said: list[str] | None = None) -> list[Prompt]:
    """What the pipeline starts from."""
    say = said.append if said is not None else lambda text: None
    return HumanFeedback(project / "data", Recipe(feedback="human"), say).prompts()


def stages(named: list[str]) -> set[str]:
    """'work/ppo-1a2b3c/model (ppo)' → 'ppo'."""
    return {text.rpartition("(")[2].rstrip(")") for text in named}


# ── users ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_users_rows_are_listed_and_stay_out_from_then_on(tmp_path: Path) -> None:
    users = ["alice@example.org", "bob", None] * 4
    rows = [asked(number, user) for number, user in enumerate(users)]
    import_into(tmp_path, [write_rows(tmp_path / "first.jsonl", rows)])
    done = withdraw(tmp_path, None, user="alice@example.org")
    assert done.rows == {"data/first": (4, 12)}
    assert (done.trained, done.derived, done.unknown, done.since) == ([], [], [], None)
    said: list[str] = []
    assert {row.user for row in prompts_of(tmp_path, said)} == {"bob", None}
    assert said == [f"data/first: 4 rows are left out: {USER}"]
    again = import_into(tmp_path, [write_rows(tmp_path / "second.jsonl", rows)])
    assert len(again.rows) == 8
    assert again.manifest.dropped == {USER: 4}
    alone = write_rows(tmp_path / "third.jsonl", rows[:1])
    with pytest.raises(UserError, match="all rows are of people who withdrew"):
        import_into(tmp_path, [alone])
    assert not (tmp_path / "data" / "third").exists()


def test_the_tombstone_names_nobody(tmp_path: Path) -> None:
    import_into(tmp_path, [write_rows(tmp_path / "first.jsonl", [asked(1, "alice@example.org"), asked(2, "bob")])])
    withdraw(tmp_path, None, user="alice@example.org")
    text = (tmp_path / FILE).read_text()
    assert "alice" not in text
    withdrawn = Withdrawn.of(tmp_path)
    assert withdrawn.has("user", "alice@example.org")
    assert not withdrawn.has("labeler", "alice@example.org"), "a labeler of that name is somebody else"
    assert not withdrawn.has("user", "bob")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["u1", "u2", "u3", None]), min_size=3, max_size=12), st.booleans())
def test_a_withdrawn_user_is_as_one_who_never_came(
    tmp_path_factory: pytest.TempPathFactory, users: list[str | None], is_before: bool
) -> None:
    """Withdrawn before the import or after it: the prompts are those of the files without that user's rows."""
    folder = tmp_path_factory.mktemp("users")
    rows = [asked(number, user) for number, user in enumerate(users)]
    theirs, others = ([row for row in rows if (row["user"] == "u1") == is_u1] for is_u1 in (True, False))
    if not others:
        return
    if is_before:
        withdraw_from_empty(folder / "a", "u1")
        import_into(folder / "a", [write_rows(folder / "rows.jsonl", rows)])
        import_into(folder / "b", [write_rows(folder / "others" / "rows.jsonl", others)])
        kept, without = (read_artifact(folder / name / "data" / "rows", Prompt) for name in "ab")
        strip = {"id", "metadata"}  # ids of rows that came without any are made of file and line
        assert [row.model_dump(exclude=strip) for row in kept.rows] == [
            row.model_dump(exclude=strip) for row in without.rows
        ]
        return
    for project in ("a", "b"):
        import_into(folder / project, [write_rows(folder / "others.jsonl", others)])
    if theirs:
        import_into(folder / "a", [write_rows(folder / "theirs.jsonl", theirs)])
    withdraw(folder / "a", None, user="u1")
    assert prompts_of(folder / "a") == prompts_of(folder / "b")


def withdraw_from_empty(project: Path, user: str) -> None:
    (project / "data").mkdir(parents=True)
    assert list(withdraw(project, None, user=user).lines())[2].startswith("There is no row of theirs")


def test_labels_of_a_withdrawn_users_prompt_stay_out_too(tmp_path: Path) -> None:
    rows = [
        row.model_copy(update={"prompt": row.prompt.model_copy(update={"user": user})})
        for row, user in zip(demonstrations(4), ["u1", "u2", "u1", None], strict=True)
    ]
    write_artifact(tmp_path / "data" / "mine", rows, "demonstrations")
    assert withdraw(tmp_path, None, user="u1").rows == {"data/mine": (2, 4)}
    feedback = HumanFeedback(tmp_path / "data", Recipe(feedback="human"), lambda text: None)
    assert [row.id for row in feedback.imported(Demonstration)] == [rows[1].id, rows[3].id]


# ── labelers, and what was made of their work ────────────────────────────────────────────────────────────────────────


def test_models_are_told_apart_by_whether_they_were_trained_on_it(project: Path) -> None:
    """bert ranked for the judge alone; what anna made went into all policies."""
    bert = withdraw(project, None, labeler="bert")
    assert bert.rows["data/rankings"] == (64, 128)
    assert "artifacts/rankings" not in bert.rows
    assert stages(bert.trained) == {"reward_model_held_out"}
    assert bert.derived == []
    anna = withdraw(project, None, labeler="anna")
    assert stages(anna.trained) == {"sft", "reward_model", "reward_model_held_out"}
    assert {"ppo", "ppo_ptx", "candidates", "responses"} <= stages(anna.derived)
    assert "artifacts/test-ratings" in anna.derived, "ratings of what such a model wrote"
    assert not {"data/texts", "artifacts/prompts-rl", "data/prompts"} & {*anna.rows, *anna.derived}
    assert anna.unknown == []


def test_an_artifact_that_took_none_of_their_rows_passes_nothing_on(tmp_path: Path, finished_project: Path) -> None:
    """A user all of whose prompts went to reinforcement learning is in no SFT model."""
    base = open_planted(finished_project).recipe.base_model
    write_recipe(tmp_path, recipe(Path(base)))
    with_user = [row.model_copy(update={"user": f"u-{row.id}"}) for row in prompts(60)]
    write_artifact(tmp_path / "data" / "prompts", with_user, "prompts")
    project = open_planted(tmp_path)
    taken = project.keep("prompts-sft", with_user[:5], "prompts", project.note({"data/prompts": manifest(tmp_path)}))
    project.stage("sft", {}, [taken.manifest.content_hash], lambda folder: fake_model(folder))
    assert withdraw(tmp_path, None, user=f"u-{with_user[9].id}").trained == []
    assert stages(withdraw(tmp_path, None, user=f"u-{with_user[2].id}").trained) == {"sft"}


def manifest(project: Path) -> str:
    return read_artifact(project / "data" / "prompts", Prompt).manifest.content_hash


def fake_model(folder: Path) -> dict[str, str]:
    """A stage that leaves a model; what is in it does not matter here."""
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_text("weights")
    return {"hash": "0" * 64}


def test_the_next_run_is_made_without_them_and_older_models_are_still_known(project: Path) -> None:
    before = withdraw(project, None, labeler="anna")
    rows = [row.model_copy(update={"labeler": Labeler(id="carl")}) for row in demonstrations(40, first=200)]
    valid = [row.model_copy(update={"labeler": Labeler(id="carl")}) for row in demonstrations(10, "valid", first=400)]
    write_artifact(project / "data" / "more", [*rows, *valid], "demonstrations")
    ranked = read_artifact(project / "data" / "rankings", Ranking).rows
    carl = [row.model_copy(update={"labeler": Labeler(id="carl")}) for row in ranked if row.labeler.id == "anna"]
    write_artifact(project / "data" / "ranked-again", carl, "rankings")
    run_pipeline(open_planted(project), force="a test")
    for name, record in (("demonstrations", Demonstration), ("rankings", Ranking)):
        assert {row.labeler.id for row in read_artifact(project / "artifacts" / name, record).rows} == {"carl"}
    after = withdraw(project, None, labeler="anna")
    assert {place.partition("/")[0] for place in after.rows} == {"data"}
    assert {text.partition(" ")[0] for text in after.trained} == {text.partition(" ")[0] for text in before.trained}
    assert after.unknown == []
    assert after.since is not None
    assert len(Withdrawn.of(project).kept.stones) == 1


def test_what_nobody_can_tell_is_said(project: Path) -> None:
    write_artifact(project / "artifacts" / "demonstrations", demonstrations(3), "demonstrations")
    dora = withdraw(project, None, labeler="dora")
    assert dora.rows == {}
    assert "sft" in stages(dora.unknown)
    assert "nobody can tell" in "\n".join(dora.lines())


# ── labelers of the labelling room ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A project in whose labelling room people worked, exported twice."""
    store = Database.open(f"sqlite:///{tmp_path}/labeling/labels.db")
    add_people(store)
    add_labeled(store)
    store.close()
    export_from(tmp_path, None, "artifacts", None)
    (tmp_path / "data" / "labels-rankings").rename(tmp_path / "data" / "older-rankings")
    export_from(tmp_path, None, "artifacts", None)
    return tmp_path


def account(project: Path, name: str) -> int:
    store = Database.open(f"sqlite:///{project}/labeling/labels.db")
    try:
        return labeler_named(store, name).id
    finally:
        store.close()


def pseudonyms(project: Path, name: str) -> list[str]:
    """The labelers of an artifact, in the order in which they first appear."""
    return list(dict.fromkeys(row.labeler.id for row in read_artifact(project / "data" / name, Ranking).rows))


def is_of_both_releases(done: Withdrawal) -> bool:
    return done.rows["data/labels-rankings"][0] == done.rows["data/older-rankings"][0] == 4


@pytest.mark.parametrize("way", ["number", "room", "pseudonym", "older pseudonym"])
def test_an_account_is_withdrawn_by_number_or_pseudonym_of_any_release(room: Path, way: str) -> None:
    (anna, _), (older, _) = pseudonyms(room, "labels-rankings"), pseudonyms(room, "older-rankings")
    assert anna != older
    number = account(room, "anna")
    name = {"number": str(number), "room": f"room:{number}", "pseudonym": anna, "older pseudonym": older}[way]
    done = withdraw(room, None, labeler=name)
    assert done.person.meaning == f"labeler {number} of the labelling room (2 pseudonyms)"
    assert is_of_both_releases(done)
    feedback = HumanFeedback(room / "data", Recipe(feedback="human"), lambda text: None)
    assert not {anna, older} & {row.labeler.id for row in feedback.imported(Ranking)}
    said = export_from(room, None, "artifacts", None)
    assert any(f"dropped 4: {LABELER}" in text for text in said)
    rankings = read_artifact(room / "data" / "labels-rankings", Ranking)
    assert rankings.manifest.dropped == {LABELER: 4}
    assert len({row.labeler.id for row in rankings.rows}) == 1
    assert not {row.labeler.id for row in rankings.rows} & {anna, older}


def test_nothing_is_left_of_a_group_whose_only_labeler_withdrew(room: Path) -> None:
    for name in ("hana", "hugo"):
        withdraw(room, None, labeler=str(account(room, name)))
    export_from(room, None, "artifacts", None)
    held_out = read_artifact(room / "data" / "labels-rankings-held-out", Ranking)
    assert (len(held_out.rows), held_out.manifest.dropped) == (0, {LABELER: 8})
    export_from(room, None, "artifacts", None)
    assert read_artifact(room / "data" / "labels-rankings-held-out", Ranking).manifest == held_out.manifest


@pytest.mark.parametrize("format", ["artifacts", "csv", "datasets"])
def test_downloads_leave_them_out_too(room: Path, format: str) -> None:
    store = Database.open(f"sqlite:///{room}/labeling/labels.db")

    def rows() -> int:
        archive = export_archive(store, format, time.time(), Withdrawn.of(room))
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            name = next(one for one in files.namelist() if one.startswith("labels-rankings") and "-held" not in one
                        and "-simulated" not in one and not one.endswith(("/", "manifest.json")))  # fmt: skip
            return files.read(name).count(b"\n")

    everything = rows()
    withdraw(room, None, labeler=str(account(room, "anna")))
    assert everything - rows() == 4
    store.close()


def test_two_people_of_one_name_must_be_told_apart(room: Path) -> None:
    number = account(room, "anna")
    rows = [row.model_copy(update={"labeler": Labeler(id=str(number))}) for row in demonstrations(3)]
    write_artifact(room / "data" / "mine", rows, "demonstrations")
    with pytest.raises(UserError, match="somebody else in the data") as unclear:
        withdraw(room, None, labeler=str(number))
    assert f"room:{number}" in str(unclear.value)
    assert not (room / FILE).exists()
    assert withdraw(room, None, labeler=f"data:{number}").rows == {"data/mine": (3, 3)}
    assert is_of_both_releases(withdraw(room, None, labeler=f"room:{number}"))


def test_an_account_that_does_not_exist_is_a_mistake(room: Path) -> None:
    with pytest.raises(UserError, match="no account 99"):
        withdraw(room, None, labeler="room:99")


def test_a_prompt_that_the_labeler_wrote_goes_with_what_others_made_of_it(tmp_path: Path) -> None:
    written = prompts(1)[0].model_copy(update={"source": "labeler", "user": "labeler-1"})
    other = prompts(2)[1].model_copy(update={"user": "labeler-1"})
    who = Labeler(id="labeler-2")
    rows = [Demonstration(id=row.id, prompt=row, response="Yes.", labeler=who) for row in (written, other)]
    write_artifact(tmp_path / "data" / "written", [written], "prompts")
    write_artifact(tmp_path / "data" / "demonstrations", rows, "demonstrations")
    done = withdraw(tmp_path, None, labeler="labeler-1")
    assert done.rows == {"data/demonstrations": (1, 2), "data/written": (1, 1)}, "a user of that name is somebody else"


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_says_who_is_meant_and_what_has_them_in_it(project: Path) -> None:
    said = preceptor("withdraw", "--labeler", "bert", "--project", project)
    assert said.code == 0
    assert "labeler 'bert', as the data names them: withdrawn\n" in said.said
    assert "  data/rankings: 64 of 128 rows\n" in said.said
    assert "(reward_model_held_out)\n" in said.said
    assert "withdrawn before, on 20" in preceptor("withdraw", "--labeler", "bert", "--project", project).said


def test_one_person_at_a_time(project: Path) -> None:
    for arguments in ([], ["--user", "u", "--labeler", "l"]):
        failed = preceptor("withdraw", "--project", project, *arguments)
        assert failed.code == 2
        assert "give either --user or --labeler" in failed.said


def test_damaged_tombstones_are_not_taken_for_none(tmp_path: Path) -> None:
    rows = [asked(1, "u1"), asked(2, "u2")]
    import_into(tmp_path, [write_rows(tmp_path / "first.jsonl", rows)])
    withdraw(tmp_path, None, user="u1")
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text()[:50])
    with pytest.raises(UserError, match="cannot be read"):
        import_into(tmp_path, [write_rows(tmp_path / "second.jsonl", rows)])
    with pytest.raises(UserError, match="cannot be read"):
        prompts_of(tmp_path)
