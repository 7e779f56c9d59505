"""Making a stage and filling it: the form is the kind's own, what is wrong is named, and nothing comes in twice."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preceptor.labeling.room import Room
from preceptor.labeling.tasks import kinds
from preceptor.records import write_artifact
from preceptor.store import Database
from preceptor.store.tables import Item, Stage
from tests.labeling.people import add_people, candidates
from tests.labeling.rooms import SECRET, Visitor

Visit = Callable[..., Visitor]
STAGES = "/admin/stages"


@pytest.fixture
def room(sqlite_store: Database, tmp_path: Path) -> Room:
    """A room of a project with an artifact of candidates, and one of prompts."""
    add_people(sqlite_store)
    write_artifact(tmp_path / "data" / "pairs", [candidates(number) for number in range(3)], "candidates")
    write_artifact(tmp_path / "data" / "prompts", [candidates(number).prompt for number in range(2)], "prompts")
    return Room(sqlite_store, SECRET, project=tmp_path)


@pytest.fixture
def ada(visit: Visit) -> Visitor:
    return visit("ada")


def rows(room: Room, table: type[Any]) -> list[Any]:
    with room.database.read() as session:
        return session.query(table).order_by(table.id).all()


def as_filled(page: str) -> dict[str, Any]:
    """What a browser would send if one only gave the form a name."""
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]*>", page):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        is_sent = "checkbox" not in tag or " checked" in tag
        if name and value and is_sent and name[1] not in ("csrf", "next"):
            fields.setdefault(name[1], []).append(value[1])
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)">(.*?)</select>', page, re.S):
        values = re.findall(r'value="([^"]*)"( selected)?', options)
        fields[name] = [next((value for value, chosen in values if chosen), values[0][0])]
    return fields


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_form_that_only_gets_a_name_makes_a_stage_with_the_defaults(room: Room, ada: Visitor, kind: str) -> None:
    page = ada.get(f"{STAGES}/new?kind={kind}").text
    reply = ada.post(STAGES, **{**as_filled(page), "name": " first "})
    assert reply.headers["location"] == f"{STAGES}/1/items"
    (stage,) = rows(room, Stage)
    task = kinds()[kind]
    assert (stage.name, stage.kind, stage.overlap, stage.guideline, stage.is_screening) == (
        "first",
        kind,
        1,
        None,
        False,
    )
    assert stage.group == ("held_out" if task.measures else "training")
    assert stage.settings == task.Settings().model_dump(mode="json")


def test_every_setting_of_a_kind_can_be_set(room: Room, ada: Visitor) -> None:
    said = {
        "prompt_kind": "user_based",
        "use_cases": "a tutor\n\n a shop ",
        "gold_share": "0.25",
        "max_per_labeler": "7",
    }
    ada.post(STAGES, kind="prompt", name="p", group="", overlap="3", is_screening="true", **said)
    (stage,) = rows(room, Stage)
    assert (stage.group, stage.overlap, stage.is_screening) == (None, 3, True)
    expected = {"use_cases": ["a tutor", "a shop"], "gold_share": 0.25, "max_per_labeler": 7}
    assert {name: stage.settings[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"gold_share": "0.9"}, "gold_share"),
        ({"lease_minutes": "soon"}, "lease_minutes"),
        ({"prompt_kind": "user_based"}, "use cases"),
        ({"name": " "}, "name"),
        ({"overlap": "0"}, "overlap"),
        ({"overlap": "²"}, "overlap"),
    ],
)
def test_what_does_not_fit_is_named_and_what_was_filled_in_stays(
    room: Room, ada: Visitor, said: dict[str, str], problem: str
) -> None:
    fields = {"kind": "prompt", "name": "p", "group": "training", "overlap": "2", "repeat_after_hours": "17", **said}
    reply = ada.post(STAGES, **fields)
    assert reply.status_code == 422
    alert = re.search(r'role="alert">([^<]+)', reply.text)
    assert alert is not None
    assert problem in alert[1]
    assert 'value="17"' in reply.text
    assert rows(room, Stage) == []


def test_a_name_that_is_taken_and_a_kind_that_is_none(room: Room, ada: Visitor) -> None:
    for status in (303, 422):
        assert ada.post(STAGES, kind="prompt", name="p", group="", overlap="1").status_code == status
    assert "there is no group" in ada.post(STAGES, kind="prompt", name="r", group="everybody", overlap="1").text
    reply = ada.post(STAGES, kind="poem", name="q", group="", overlap="1")
    assert reply.status_code == 422
    assert "What is to be done in it?" in reply.text
    assert len(rows(room, Stage)) == 1


def made(ada: Visitor, kind: str) -> str:
    """A stage of a kind, and where its items are added."""
    task = kinds()[kind]
    group = "held_out" if task.measures else "training"
    return str(ada.post(STAGES, kind=kind, name=kind, group=group, overlap="1").headers["location"])


def upload(ada: Visitor, place: str, text: str | bytes) -> Any:
    return ada.client.post(place, data={"csrf": ada.csrf, "num": "0"}, files={"file": ("mine.jsonl", text)})


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_example_on_the_page_is_a_line_that_fits(room: Room, ada: Visitor, kind: str) -> None:
    place = made(ada, kind)
    shown = re.search(r"<pre[^>]*>(.*?)</pre>", ada.get(place).text, re.S)
    assert shown is not None
    line = shown[1].replace("&#34;", '"').replace("&#39;", "'")
    assert "1 item was added" in upload(ada, place, line).text
    reply = upload(ada, place, f"\ufeff\n{line}\n"[1:])
    assert "0 items were added" in reply.text
    assert "1 was there already" in reply.text
    assert len(rows(room, Item)) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{\n", r"mine\.jsonl:1"),
        (json.dumps({"id": "a"}), r"mine\.jsonl:1, field .*prompt"),
        (f"{candidates(1).model_dump_json()}\n\n{{}}", r"mine\.jsonl:3, field .*id"),
        (candidates(1, 1).model_dump_json(), r"mine\.jsonl, field .*responses.*2 to 9"),
        (candidates(1, 10).model_dump_json(), r"mine\.jsonl, field .*responses.*2 to 9"),
        (b"\xff\xfe", r"mine\.jsonl:1"),
        ("\n\n", r"mine\.jsonl: there is nothing in it"),
    ],
    ids=["no JSON", "field", "third line", "one response", "ten responses", "no text", "nothing"],
)
def test_what_is_wrong_with_a_file_is_named_by_its_line(
    room: Room, ada: Visitor, text: str | bytes, problem: str
) -> None:
    reply = upload(ada, made(ada, "ranking"), text)
    assert reply.status_code == 422
    alert = re.search(r'role="alert">([^<]+)', reply.text)
    assert alert is not None
    assert re.search(problem, alert[1], re.S)
    assert rows(room, Item) == []


def test_an_artifact_of_the_project_can_be_chosen(room: Room, ada: Visitor) -> None:
    place = made(ada, "ranking")
    page = ada.get(place).text
    assert "data/pairs" in page
    assert "data/prompts" not in page
    assert "3 items were added" in ada.post(place, source="data/pairs").text
    assert [item.key for item in rows(room, Item)] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("source", ["data/prompts", "../pairs", "data/../data/pairs", "/etc"])
def test_no_other_folder_is_read(room: Room, ada: Visitor, source: str) -> None:
    assert ada.post(made(ada, "ranking"), source=source).status_code == 422
    assert rows(room, Item) == []


def test_blank_items_where_a_kind_needs_no_more(room: Room, ada: Visitor) -> None:
    place = made(ada, "prompt")
    for num in (2, 3):
        assert f"{num} items were added" in ada.post(place, num=num).text
    ada.post(made(ada, "ranking"), num=5)
    assert [item.key for item in rows(room, Item)] == [f"prompt-{number}" for number in range(5)]


def test_there_is_no_place_for_items_of_no_stage(ada: Visitor) -> None:
    assert ada.get(f"{STAGES}/9/items").status_code == 404
    assert ada.post(f"{STAGES}/9/items", num=1).status_code == 404


def test_an_admin_begins_where_work_is_made_and_invites_labelers_unless_told_otherwise(
    room: Room, ada: Visitor
) -> None:
    assert ada.get("/").headers["location"] == "/admin"
    invited = as_filled(ada.get("/admin/people").text)
    assert (invited["role"], invited["group"]) == (["labeler"], ["training"])
    ada.post(made(ada, "prompt"), num=2)
    page = ada.get("/").text
    assert "0 done by you" in page
    assert "2 left for you" in page
