"""Who may open what: each route with each role. What is not for somebody does not exist for them: 404, never 403."""

import time
from typing import Any

import pytest
from sqlalchemy import delete, select

from preceptor.labeling import accounts, answers, assignment, guidelines
from preceptor.labeling.app import create_app
from preceptor.labeling.room import Room
from preceptor.labeling.screening import alias_of
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.store import Database
from preceptor.store.tables import Answer, Claim, Labeler, Token
from tests.labeling.people import PEOPLE, add_people, add_ranking_stage, candidates, ranked
from tests.labeling.rooms import SECRET, Program, Visitor

ANYBODY = {"nobody", *PEOPLE}
SIGNED_IN = set(PEOPLE)
ADMINS = {"ada"}
STAFF = {"ada", "rosa"}
OWNER = {"anna"}
"""Whose claims and tokens the paths below name."""
TRAINING = {"anna", "bert", "ada", "rosa"}
"""Accounts of the training group that are no candidates: who may work in the stage below."""
RESEARCHERS = {"rosa", "ada"}

PAGES = {
    "GET /": SIGNED_IN, "GET /login": ANYBODY, "POST /login": ANYBODY, "POST /logout": ANYBODY,
    "GET /session": SIGNED_IN, "GET /join/{token}": ANYBODY, "POST /join/{token}": ANYBODY, "POST /language": ANYBODY,
    "GET /account": SIGNED_IN, "POST /account/password": SIGNED_IN, "POST /account/tokens": SIGNED_IN,
    "POST /account/tokens/{token_id}/revoke": OWNER, "POST /account/sensitive": SIGNED_IN,
    "POST /account/sensitive-work": SIGNED_IN,
    "GET /stages/{stage_id}/next": TRAINING, "GET /items/{item_id}": OWNER,
    "POST /items/{item_id}/take-back-skip": OWNER,
    "GET /admin": ADMINS, "POST /admin/stages/{stage_id}": ADMINS, "GET /admin/people": ADMINS,
    "POST /admin/invitations": ADMINS, "POST /admin/people/{labeler_id}/standing": ADMINS,
    "POST /admin/people/{labeler_id}/forget": ADMINS, "GET /admin/guidelines/{name}": ADMINS,
    "POST /admin/guidelines": ADMINS,
    "POST /admin/export": ADMINS, "GET /admin/stages/new": ADMINS, "POST /admin/stages": ADMINS,
    "GET /admin/stages/{stage_id}/items": ADMINS, "POST /admin/stages/{stage_id}/items": ADMINS,
    "GET /admin/screening": ADMINS, "POST /admin/screening/cutoffs": ADMINS, "POST /admin/screening/{alias}": ADMINS,
    "GET /admin/quality": ADMINS, "GET /admin/quality/{stage_id}": ADMINS,
    "GET /admin/quality/{stage_id}/labelers/{labeler_id}": ADMINS,
    "GET /admin/quality/{stage_id}/backgrounds": ADMINS,
    "GET /research/disputes": STAFF, "GET /research/disputes/{stage_id}": STAFF,
    "GET /research/disputes/{stage_id}/{item_id}": STAFF, "POST /research/disputes/{stage_id}/{item_id}": STAFF,
    "POST /research/disputes/{stage_id}/{item_id}/gold": {"rosa"},
    "POST /account/background": {"anna", "bert", "hana", "hugo", "carl"},
    "GET /research": {"rosa"}, "GET /research/demonstrations": {"rosa"},
    "POST /research/demonstrations/{answer_id}": {"rosa"},
    "GET /research/questions": STAFF, "POST /research/questions/{item_id}/{labeler_id}": STAFF,
}  # fmt: skip
WORK = {
    "PUT /items/{item_id}/draft": OWNER, "POST /items/{item_id}/heartbeat": OWNER, "POST /items/{item_id}/check": OWNER,
    "POST /items/{item_id}/submit": OWNER, "POST /items/{item_id}/act": OWNER, "POST /items/{item_id}/skip": OWNER,
    "POST /items/{item_id}/comments": OWNER | RESEARCHERS, "POST /items/{item_id}/preview": OWNER,
}  # fmt: skip
KINDS_OWN = {"POST /items/{item_id}/act", "POST /items/{item_id}/preview"}
"""Not found for owners either: ranking offers nothing of the sort."""
API = {
    "GET /me": SIGNED_IN, "GET /stages": SIGNED_IN, "POST /stages/{stage_id}/claim": TRAINING,
    "GET /items/{item_id}": OWNER,
    "GET /admin/stages": ADMINS, "POST /admin/stages": ADMINS, "PATCH /admin/stages/{stage_id}": ADMINS,
    "POST /admin/stages/{stage_id}/items": ADMINS, "GET /admin/stages/{stage_id}/answers": ADMINS,
    "POST /admin/export": ADMINS, "GET /admin/labelers": ADMINS, "POST /admin/labelers": ADMINS,
    "DELETE /admin/labelers/{labeler_id}": ADMINS,
    "POST /admin/invitations": ADMINS, "GET /admin/guidelines/{name}": ADMINS, "POST /admin/guidelines": ADMINS,
}  # fmt: skip
"""Route → who gets anything but “not found” for the things that `filled` names. A new route needs a line here."""

BODIES: dict[str, Any] = {
    "draft": {"content": {}, "revision": 0}, "check": {"content": ranked("ABCD")},
    "submit": {"content": ranked("ABCD")}, "act": {"content": {}, "revision": 0, "action": {}},
    "preview": {"content": ranked("ABCD")}, "comments": {"text": "a question"},
}  # fmt: skip

FIELDS = {
    "kind": "prompt", "name": "a", "text": "b", "state": "open", "overlap": 1, "standing": "active", "language": "en",
    "likert": 6, "flagging": 75, "ranking": 75, "demonstration": 6, "is_taken": True, "format": "csv",
}  # fmt: skip
"""What any form of a page may ask for."""


@pytest.fixture
def room(sqlite_store: Database) -> Room:
    """A room in which anna has done an item, claimed another and asked about it, bert the same, and each has a token;
    carl, who wants to be a labeler, has written a demonstration."""
    people = add_people(sqlite_store)
    stage = add_ranking_stage(sqlite_store, 10)
    now = time.time()
    with sqlite_store.write() as session:
        guidelines.publish(session, "helpful", "text", note="", by=None, now=now)
        for name in ("anna", "bert"):
            accounts.new_token(session, people[name], "mine", now)
            claim = assignment.claim_next(session, people[name], stage.id, now=now)
            assert claim is not None
            done = {"guideline_id": None, "active_s": 9, "now": now}
            answers.submit(session, people[name], claim.item_id, ranked("ABCD"), **done)
            claim = assignment.claim_next(session, people[name], stage.id, now=now)
            assert claim is not None
            answers.comment(session, people[name], claim.item_id, "what is a tie?", now=now)
        screening = add_stage(session, "screening", "demonstration", group=None, is_screening=True, now=now)
        add_items(session, screening, [NewItem("p", candidates(0).prompt)], now=now)
        claim = assignment.claim_next(session, people["carl"], screening.id, now=now)
        assert claim is not None
        written = {"response": "A good one."}
        answers.submit(session, people["carl"], claim.item_id, written, guideline_id=None, active_s=9, now=now)
    return Room(sqlite_store, SECRET)


def filled(path: str, room: Room) -> str:
    """A path with the ids of anna's things."""
    with room.database.read() as session:
        anna = session.scalars(select(Labeler).where(Labeler.name == "anna")).one()
        item = session.scalars(select(Claim.item_id).where(Claim.labeler_id == anna.id)).one()
        token = session.scalars(select(Token.id).where(Token.labeler_id == anna.id)).first()
        carl = session.scalars(select(Labeler.id).where(Labeler.name == "carl")).one()
        answer = session.scalars(select(Answer.id).where(Answer.labeler_id == carl)).one()
    return path.format(
        item_id=item, token_id=token, stage_id=1, labeler_id=anna.id, name="helpful", token="unknown",
        answer_id=answer, alias=alias_of(SECRET, carl),
    )  # fmt: skip


def routes(app: Any) -> set[str]:
    """'GET /path' of each route."""
    return {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}


def api_of(app: Any) -> Any:
    return next(route.app for route in app.routes if getattr(route, "path", "") == "/api/v1")


def test_every_route_says_who_may(room: Room) -> None:
    app = create_app(room)
    assert routes(app) == set(PAGES) | set(WORK)
    assert routes(api_of(app)) == set(API) | set(WORK)


@pytest.mark.parametrize("name", sorted(ANYBODY))
def test_each_page_with_each_role(room: Room, name: str) -> None:
    visitor = Visitor(room, None if name == "nobody" else name)
    visitor.get("/login")
    wrong = []
    for route, allowed in {**PAGES, **WORK}.items():
        method, path = route.split()
        if path in ("/logout", "/account/password"):
            continue  # they end the sign-in; tests of their own follow them
        path, last = filled(path, room), path.rpartition("/")[2]
        if route in WORK:
            reply = visitor.send(method, path, BODIES.get(last))
        elif method == "GET":
            reply = visitor.get(path)
        else:
            reply = visitor.post(path, **FIELDS)
        if name == "nobody" and "nobody" not in allowed:
            is_right = reply.status_code == 401 or reply.headers.get("location", "").startswith("/login")
        elif path == "/join/unknown":
            is_right = reply.status_code == 404
        else:
            is_right = (reply.status_code != 404) == (name in allowed) and reply.status_code not in (401, 403, 500)
        if route in KINDS_OWN and name in allowed:
            is_right = reply.status_code == 404
        if not is_right:
            wrong.append(f"{name}: {route} → {reply.status_code}")
        _undo(room)
    assert wrong == []


@pytest.mark.parametrize("name", sorted(SIGNED_IN))
def test_each_call_with_each_role(room: Room, name: str) -> None:
    program = Program(room, name)
    wrong = []
    for route, allowed in {**API, **WORK}.items():
        method, path = route.split()
        last = path.rpartition("/")[2]
        path = filled(path, room).removeprefix("/")
        body = BODIES.get(last, [] if last == "items" else {})
        status = program.send(method, path, None if method == "GET" else body).status_code
        is_right = (status != 404) == (name in allowed) and status not in (401, 403, 500)
        if route in KINDS_OWN and name in allowed:
            is_right = status == 404
        if not is_right:
            wrong.append(f"{name}: {route} → {status}")
        _undo(room)
    assert wrong == []


@pytest.mark.parametrize("token", [None, "", "Bearer ", "Bearer nonsense", "Basic YTpi"])
def test_no_call_without_a_token(room: Room, token: str | None) -> None:
    program = Program(room, "ada")
    del program.client.headers["authorization"]
    headers = {} if token is None else {"authorization": token}
    for route in {**API, **WORK}:
        method, path = route.split()
        reply = program.client.request(method, filled(path, room).removeprefix("/"), json={}, headers=headers)
        assert reply.status_code == 401, route
        assert reply.json() == {"error": "no token, or none of ours"}


def test_a_cookie_is_no_token_and_a_token_no_cookie(room: Room) -> None:
    visitor = Visitor(room, "ada")
    assert visitor.get("/api/v1/me").status_code == 401
    program = Program(room, "ada")
    assert program.client.get("http://testserver/admin").status_code == 401


def test_a_revoked_token_and_a_deleted_account_open_nothing(room: Room) -> None:
    anna, bert = Program(room, "anna"), Program(room, "bert")
    visitor = Visitor(room, "bert")
    with room.database.write() as session:
        labelers = {one.name: one for one in session.scalars(select(Labeler))}
        for token in accounts.tokens_of(session, labelers["anna"]):
            accounts.revoke_token(session, labelers["anna"], token.id, time.time())
        accounts.forget(session, labelers["bert"].id, time.time())
    assert anna.send("GET", "me").status_code == 401
    assert bert.send("GET", "me").status_code == 401
    assert visitor.get("/").headers["location"] == "/login?next=/"


def test_labelers_do_not_see_each_others_threads(room: Room) -> None:
    with room.database.write() as session:
        labelers = {one.name: one for one in session.scalars(select(Labeler))}
        item = session.scalars(select(Claim.item_id).where(Claim.labeler_id == labelers["anna"].id)).one()
        session.add(
            Claim(
                item_id=item, stage_id=1, labeler_id=labelers["hugo"].id, shown={"order": ["p1-0"], "board": "empty"},
                claimed_at=0.0, heartbeat_at=0.0, expires_at=0.0,
            )
        )  # fmt: skip
        answers.comment(session, labelers["anna"], item, "what a secret", now=0.0)
        answers.comment(session, labelers["rosa"], item, "a reply", thread_of=labelers["anna"].id, now=0.0)
    seen = {name: Visitor(room, name).get(f"/items/{item}").text for name in ("anna", "hugo")}
    assert "what a secret" in seen["anna"]
    assert "a reply" in seen["anna"]
    assert "what a secret" not in seen["hugo"]
    assert "a reply" not in seen["hugo"]


def _undo(room: Room) -> None:
    """Give anna back the claim and the name that a call took, let carl be a candidate and rosa idle again."""
    with room.database.write() as session:
        labelers = {one.name: one for one in session.scalars(select(Labeler))}
        if "anna" not in labelers:
            lost = session.scalars(select(Labeler).where(Labeler.name.is_(None))).one()
            lost.name, lost.deleted_at = "anna", None
            labelers["anna"] = lost
        if not session.scalars(select(Claim).where(Claim.labeler_id == labelers["anna"].id)).first():
            assignment.claim_next(session, labelers["anna"], 1, now=time.time())
        labelers["carl"].standing = "candidate"
        session.execute(delete(Claim).where(Claim.labeler_id == labelers["rosa"].id))
        if not accounts.tokens_of(session, labelers["anna"]):
            accounts.new_token(session, labelers["anna"], "mine", time.time())
