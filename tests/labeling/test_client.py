"""The Python calls against a room on a real port: what labelers do, what admins set up, and what can go wrong."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import get_args
from zipfile import ZipFile

import pytest

from preceptor.errors import UserError
from preceptor.labeling import accounts
from preceptor.labeling.api_admin import GuidelineIn, InvitationIn, ItemIn, LabelerIn, StageChange, StageIn, StageOut
from preceptor.labeling.client import MAX_POST, RoomClient, Unreachable
from preceptor.labeling.export import Format
from preceptor.labeling.outcomes import Missing, Refused, Stale
from preceptor.records import Ranking, read_artifact
from tests.labeling.people import candidates, labeler_named, ranked
from tests.labeling.rooms import Server

Connect = Callable[[str], RoomClient]


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    """A client for somebody of that name."""
    with ExitStack() as opened:

        def client(name: str) -> RoomClient:
            labeler = labeler_named(server.room.database, name)
            with server.room.database.write() as session:
                token = accounts.new_token(session, labeler, "test", time.time())
            return opened.enter_context(RoomClient(server.url, token))

        yield client


def item(number: int, **traits: object) -> ItemIn:
    return ItemIn.model_validate({"key": f"p{number}", "item": candidates(number).model_dump(mode="json"), **traits})


def add_stage(admin: RoomClient, num_items: int = 3) -> StageOut:
    stage = admin.add_stage(StageIn(name="rankings", kind="ranking", group="training", overlap=2))
    assert admin.add_items(stage.id, [item(number) for number in range(num_items)]) == num_items
    return stage


def test_what_was_labeled_comes_out_as_the_command_writes_it(connect: Connect, tmp_path: Path) -> None:
    admin, anna = connect("ada"), connect("anna")
    stage = add_stage(admin, 1)
    claimed = anna.claim(stage.id)
    assert claimed is not None
    anna.submit(claimed.id, ranked("ABCD"), active_s=20.0)
    for format in get_args(Format):
        (tmp_path / format).mkdir()
        with ZipFile(BytesIO(admin.export(format))) as archive:
            archive.extractall(tmp_path / format)
    (row,) = read_artifact(tmp_path / "artifacts" / "labels-rankings", Ranking).rows
    assert row.labeler.id != "anna"
    assert sum(len(group) for group in row.groups) == 4
    assert len((tmp_path / "csv" / "labels-rankings.csv").read_text().splitlines()) == 2
    assert "config_name: labels-rankings" in (tmp_path / "datasets" / "README.md").read_text()
    with pytest.raises(Missing):
        anna.export()


def test_an_item_from_the_claim_to_the_answer(connect: Connect) -> None:
    admin, anna = connect("ada"), connect("anna")
    stage = add_stage(admin)
    assert (anna.me().name, anna.me().group) == ("anna", "training")
    assert [one.name for one in anna.my_stages()] == ["rankings"]
    claimed = anna.claim(stage.id)
    assert claimed is not None
    assert (claimed.key, claimed.revision, claimed.is_late) == ("p0", 0, False)
    assert anna.claim(stage.id) == claimed.model_copy(update={"expires_at": anna.item(claimed.id).expires_at})
    content = ranked("ABCD")
    assert anna.save_draft(claimed.id, content, active_s=12.0) == 1
    assert anna.item(claimed.id).content == content
    assert anna.heartbeat(claimed.id)
    assert anna.concerns(claimed.id, content, active_s=99.0) == []
    anna.comment(claimed.id, "Is this a **joke**?")
    assert anna.submit(claimed.id, content, active_s=20.0) == "counted"
    assert anna.submit(claimed.id, content, active_s=20.0) == "counted", "sent again after a lost reply"
    kept = list(admin.answers(stage.id))
    assert [(one.key, one.status, one.active_s) for one in kept] == [("p0", "counted", 20.0)]
    for _ in range(2):
        found = anna.claim(stage.id)
        assert found is not None
        anna.skip(found.id, "unclear")
    assert anna.claim(stage.id) is None


def test_what_admins_do(connect: Connect, server: Server) -> None:
    admin = connect("ada")
    stage = add_stage(admin)
    assert admin.add_items(stage.id, [item(0), item(7)]) == 1, "a key that is there is passed over"
    assert admin.change_stage(stage.id, StageChange(overlap=3)).overlap == 3
    made = admin.add_labeler(LabelerIn(name="sim 1", group="held_out"))
    assert admin.labelers()[-1].model_dump(include={"id", "name", "group", "origin"}) == {
        "id": made.labeler_id, "name": "sim 1", "group": "held_out", "origin": "simulated",
    }  # fmt: skip
    with RoomClient(server.url, made.token) as simulated:
        assert simulated.me().name == "sim 1"
        admin.forget_labeler(made.labeler_id)
        with pytest.raises(UserError, match="token is not good"):
            simulated.me()
    assert admin.invite(InvitationIn(note="for Bo")).startswith(f"{server.url}/join/")
    assert admin.publish_guideline(GuidelineIn(name="helpful", text="# Be kind")).version == 1
    assert [one.num_items for one in admin.stages()] == [4]


def test_many_items_go_in_several_requests(connect: Connect) -> None:
    admin = connect("ada")
    stage = admin.add_stage(StageIn(name="rankings", kind="ranking", group="training"))
    long = [item(number) for number in range(12)]
    for one in long:
        one.item["prompt"]["messages"][0]["content"] = "x" * (MAX_POST // 2)
    assert admin.add_items(stage.id, long) == 12


def test_an_item_for_somebody_goes_to_nobody_else(connect: Connect) -> None:
    admin, anna, bert = connect("ada"), connect("anna"), connect("bert")
    stage = admin.add_stage(StageIn(name="rankings", kind="ranking", group="training"))
    ids = {one.name: one.id for one in admin.labelers()}
    admin.add_items(stage.id, [item(0, only_for=[ids["bert"]])])
    assert anna.claim(stage.id) is None
    assert bert.claim(stage.id) is not None


def test_what_goes_wrong_on_the_server_is_raised_here(connect: Connect) -> None:
    admin, anna = connect("ada"), connect("anna")
    stage = add_stage(admin)
    with pytest.raises(Missing):
        anna.claim(stage.id + 1)
    with pytest.raises(Missing):
        anna.stages()
    claimed = anna.claim(stage.id)
    assert claimed is not None
    with pytest.raises(Refused, match="not rated yet"):
        anna.submit(claimed.id, ranked("ABC"))
    anna.save_draft(claimed.id, ranked("ABCD"))
    with pytest.raises(Stale) as stale:
        anna.save_draft(claimed.id, ranked("DCBA"))
    assert (stale.value.revision, stale.value.content) == (1, ranked("ABCD"))
    with pytest.raises(Refused, match="there is a stage 'rankings' already"):
        add_stage(admin)


def test_no_server_is_said() -> None:
    with RoomClient("http://127.0.0.1:9", "x") as nobody, pytest.raises(Unreachable, match="preceptor label"):
        nobody.me()
