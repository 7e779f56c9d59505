"""Whatever programs and pages send: it is refused or kept, and never breaks the server or the next page."""

import copy
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import select

from preceptor.labeling import accounts, answers, assignment, guidelines
from preceptor.labeling.app import create_app
from preceptor.labeling.room import Room
from preceptor.labeling.security import Limit
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks import Task, kinds
from preceptor.records import Message
from preceptor.store import Database
from preceptor.store.tables import Claim, Stage
from tests.labeling.people import add_people, labeler_named
from tests.labeling.rooms import SECRET, Program, Visitor
from tests.labeling.tasks.samples import SAMPLES

EXAMPLES = 12
"""Requests for each operation and token."""
MUTATIONS = 25
"""Spoilt answers for each kind of task."""

SEARCH = settings(
    deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck), print_blob=False
)


CANDIDATES = {"screening"}
"""Kinds for who is still to be screened."""


def worker(kind: str) -> str:
    """Who may work on a kind."""
    return "carl" if kind in CANDIDATES else "hana" if kinds()[kind].measures else "anna"


class Echo:
    """A model that says what was said."""

    name = "echo"

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        return messages[-1].content


def open_room(path: Path) -> Room:
    """A room with a stage of each kind, in each of which somebody has claimed an item; nothing comes too fast."""
    store = Database.open(f"sqlite:///{path}/labels.db")
    people = add_people(store)
    with store.write() as session:
        guidelines.publish(session, "helpful", "text", note="", by=None, now=0.0)
        for kind, sample in SAMPLES.items():
            stage = add_stage(
                session, kind, kind, group="held_out" if kinds()[kind].measures else None, overlap=9,
                guideline="helpful", is_screening=kind in CANDIDATES, now=0.0,
            )  # fmt: skip
            items = [NewItem(f"{kind}-{number}", sample.item) for number in range(MUTATIONS + 1)]
            add_items(session, stage, items, now=0.0)
            assignment.claim_next(session, people[worker(kind)], stage.id, now=time.time())
    return Room(store, SECRET, respond=Echo(), submit_limit=Limit(burst=10**9, per_minute=10**9))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One room for all calls, however they leave it."""
    made = open_room(tmp_path_factory.mktemp("rubbish"))
    yield made
    made.database.close()


@pytest.fixture
def new_room(tmp_path: Path) -> Iterator[Room]:
    """A room in which nothing has happened."""
    made = open_room(tmp_path)
    yield made
    made.database.close()


def operations() -> list[str]:
    """'POST /stages' of each call of the REST API."""
    app = create_app(Room(None, SECRET))  # type: ignore[arg-type]
    api = next(route.app for route in app.routes if getattr(route, "path", "") == "/api/v1")
    return sorted(f"{method.upper()} {path}" for path, methods in api.openapi()["paths"].items() for method in methods)


@pytest.fixture(scope="module")
def known(room: Room) -> dict[str, list[Any]]:
    """Values of the parts of addresses that name something; random ones name nothing."""
    with room.database.write() as session:
        spare = [accounts.add_labeler(session, f"spare {number}", now=0.0).id for number in range(EXAMPLES)]
        claimed = list(session.scalars(select(Claim.item_id)))
        stages = list(session.scalars(select(Stage.id)))
    return {"item_id": claimed, "stage_id": stages, "labeler_id": spare, "name": ["helpful"]}


@pytest.mark.parametrize("operation", operations())
def test_no_call_that_fits_the_description_breaks_the_server(
    room: Room, known: dict[str, list[Any]], operation: str
) -> None:
    method, path = operation.split()
    described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(room))[path][method]
    tokens = [Program(room, name).client.headers["authorization"] for name in ("ada", "anna", "hana")]
    met: set[int] = set()

    @seed(1)
    @settings(SEARCH, max_examples=EXAMPLES)
    @given(case=described.as_strategy(), data=st.data())
    def call(case: Any, data: st.DataObject) -> None:
        if data.draw(st.integers(0, 3)):
            for name in case.path_parameters or {}:
                case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
            if isinstance(case.body, dict) and "kind" in case.body:
                case.body["kind"] = data.draw(st.sampled_from(sorted(SAMPLES)))
        for token in tokens:
            reply = case.call(headers={"Authorization": token})
            assert reply.status_code < 500, f"{operation} {case.path_parameters} {case.body}: {reply.text}"
            met.add(reply.status_code)

    call()
    assert met - {404} or path.endswith("/act"), "nothing was hit"


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6) | st.sampled_from(["A", "user", "assistant", "0", "x" * 2000, "{}", "\x00", "<b>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each part of a JSON value."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


GONE = object()


def spoilt(content: dict[str, Any], path: tuple[Any, ...], part: Any = GONE) -> dict[str, Any]:
    """A copy with another part at a path, or with none."""
    content = copy.deepcopy(content)
    *way, last = path
    place: Any = content
    for key in way:
        place = place[key]
    if part is GONE:
        del place[last]
    else:
        place[last] = part
    return content


def shown_to(room: Room, item_id: int, name: str, task: Task) -> Any:
    """How an item was drawn for somebody."""
    with room.database.read() as session:
        return task.Shown.model_validate(answers.place_of(session, labeler_named(room.database, name), item_id)[1])


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_no_spoilt_answer_breaks_a_kind_or_its_page(new_room: Room, kind: str) -> None:
    room, name = new_room, worker(kind)
    visitor, program = Visitor(room, name), Program(room, name)
    stage_id = next(stage["id"] for stage in program.send("GET", "stages").json() if stage["name"] == kind)
    task, sample = kinds()[kind], SAMPLES[kind]
    statuses: set[int] = set()

    @seed(1)
    @settings(SEARCH, max_examples=MUTATIONS)
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        page = visitor.get(f"/stages/{stage_id}/next").headers["location"]
        item = program.send("GET", page.removeprefix("/")).json()
        good = sample.answer(shown_to(room, item["id"], name, task))
        place = data.draw(st.sampled_from(list(places(good))))
        content = data.draw(
            st.sampled_from([{}, {"x": 1}, good]) | plain.map(lambda part: spoilt(good, place, part))
            | st.just(spoilt(good, place))
        )  # fmt: skip
        action = {"do": data.draw(st.sampled_from(["say", "respond", "take_back", "suggest"]) | plain)}
        draft = {"content": content, "revision": item["revision"]}
        calls = [
            visitor.send("PUT", f"{page}/draft", draft),
            visitor.get(page), program.send("GET", page.removeprefix("/")),
            visitor.send("POST", f"{page}/check", {"content": content}),
            visitor.send("POST", f"{page}/preview", {"content": content}),
            visitor.send("POST", f"{page}/act", {**draft, "revision": item["revision"] + 1, "action": action}),
            visitor.send("POST", f"{page}/submit", {"content": content}),
            visitor.get(page),
        ]  # fmt: skip
        for reply in calls:
            assert reply.status_code < 500, content
        statuses.update(reply.status_code for reply in calls)

    send()
    assert {200, 422} <= statuses, "some should have been taken, some refused"
