"""What somebody tries who means harm: ways around the doors, bodies that are none, secrets that lie about."""

import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from preceptor.labeling import accounts
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.pages.scope import COOKIE
from preceptor.labeling.room import Room
from preceptor.labeling.security import HEADERS, MAX_BODY, Guard
from preceptor.labeling.server import open_room
from preceptor.store import Database
from preceptor.store.tables import Invitation, SignIn
from tests.labeling.people import PASSWORD, add_people, add_ranking_stage, labeler_named
from tests.labeling.rooms import Program, Server, Visitor, sign_in_token

Visit = Callable[[str | None], Visitor]


# ── Doors ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def invited(room: Room, **traits: object) -> str:
    """The path of a new invitation."""
    with room.database.write() as session:
        token = accounts.invite(session, **{"role": "labeler", "by": None, "now": time.time(), **traits})  # type: ignore[arg-type]
    return f"/join/{token}"


def test_an_invitation_makes_one_account_whatever_is_sent_with_it(room: Room, visit: Visit) -> None:
    link, visitor = invited(room, group="held_out"), visit(None)
    visitor.get(link)
    fields = {"name": "eve", "password": PASSWORD, "role": "admin", "group": "training", "standing": "active"}
    assert visitor.post(link, **fields).status_code == 303
    eve = labeler_named(room.database, "eve")
    assert (eve.role, eve.group) == ("labeler", "held_out")
    for again in (visit(None), visitor):
        assert again.get(link).status_code == 404
        assert again.post(link, name="eva", password=PASSWORD).status_code in (403, 404)


def test_an_invitation_serves_one_of_two_who_come_at_once(store: Database) -> None:
    """On both backends: between looking at it and using it up nobody else gets in."""
    with store.write() as session:
        token = accounts.invite(session, role="labeler", by=None, now=0.0)
    outcomes: list[str] = []

    def join(name: str) -> None:
        try:
            accounts.join(store, token, name, PASSWORD, 1.0)
            outcomes.append("joined")
        except Missing:
            outcomes.append("missing")

    threads = [threading.Thread(target=join, args=(f"eve {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["joined", "missing", "missing", "missing"]


def test_a_refused_try_does_not_use_an_invitation_up_and_time_does(room: Room, visit: Visit) -> None:
    link, visitor = invited(room), visit(None)
    visitor.get(link)
    assert visitor.post(link, name="anna", password=PASSWORD).status_code == 422
    assert visitor.post(link, name="eve", password="short").status_code == 422
    assert visitor.get(link).status_code == 200
    with room.database.write() as session:
        session.execute(update(Invitation).values(expires_at=time.time() - 1))
    assert visitor.get(link).status_code == 404
    assert visitor.post(link, name="eve", password=PASSWORD).status_code == 404


def test_the_link_of_the_first_start_works_once_and_a_second_start_ends_it(sqlite_store: Database) -> None:
    with sqlite_store.write() as session:
        first = accounts.first_invitation(session, 0.0)
        second = accounts.first_invitation(session, 1.0)
    assert first
    assert second
    with pytest.raises(Missing):
        accounts.join(sqlite_store, first, "eve", PASSWORD, 2.0)
    assert accounts.join(sqlite_store, second, "ada", PASSWORD, 2.0).role == "admin"
    with sqlite_store.write() as session:
        assert accounts.first_invitation(session, 3.0) is None


def test_a_cookie_that_somebody_planted_is_not_signed_in(room: Room) -> None:
    """Session fixation: the cookie from before signing in is worth nothing afterwards, whoever knows it."""
    planted = "planted-by-an-attacker-who-will-wait-for-anna"
    victim, attacker = Visitor(room), Visitor(room)
    for one in (victim, attacker):
        one.client.cookies.set(COOKIE, planted)
    assert victim.post("/login", name="anna", password=PASSWORD).status_code == 303
    assert attacker.get("/").headers["location"] == "/login?next=/"
    link = invited(room)
    victim.client.cookies.clear()
    victim.client.cookies.set(COOKIE, planted)
    assert victim.post(link, name="eve", password=PASSWORD).status_code == 303
    assert attacker.get("/").headers["location"] == "/login?next=/"


def test_a_new_password_ends_all_other_sign_ins(room: Room, visit: Visit) -> None:
    here, elsewhere, bert = visit("anna"), visit("anna"), visit("bert")
    assert here.post("/account/password", old="wrong", new="another good one").status_code == 422
    assert elsewhere.get("/").status_code == 200
    assert here.post("/account/password", old=PASSWORD, new="another good one").status_code == 303
    assert [one.get("/").status_code for one in (here, elsewhere, bert)] == [303, 303, 200]
    visitor = Visitor(room)
    visitor.get("/login")
    assert visitor.post("/login", name="anna", password=PASSWORD).status_code == 422
    assert visitor.post("/login", name="anna", password="another good one").status_code == 303


def test_a_sign_in_ends_by_itself(room: Room, visit: Visit) -> None:
    anna = visit("anna")
    with room.database.write() as session:
        session.execute(update(SignIn).values(expires_at=time.time() - 1))
    assert anna.get("/").headers["location"] == "/login?next=/"
    assert anna.send("POST", "/items/1/heartbeat").status_code in (401, 403)


@pytest.mark.parametrize("name", ["", " ", "\t\n", "x" * 65, "a\u202eb", "a\x00b", "a\x1b[31m", "a\u200bb"])
def test_names_that_deceive_are_refused(room: Room, visit: Visit, name: str) -> None:
    link, visitor = invited(room), visit(None)
    visitor.get(link)
    assert visitor.post(link, name=name, password=PASSWORD).status_code == 422


def test_a_name_is_the_same_however_it_is_spaced(room: Room, visit: Visit) -> None:
    link, visitor = invited(room), visit(None)
    visitor.get(link)
    assert visitor.post(link, name=" eve   adams ", password=PASSWORD).status_code == 303
    again = visit(None)
    again.get("/login")
    assert again.post("/login", name="eve  adams ", password=PASSWORD).status_code == 303


PATHS_OUT = (
    "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/....//app.py", "/static/%00",
    "/static//etc/passwd", "/static/tasks/../../app.py", "/static/..\\app.py", "/static/", "/static", "/static/tasks",
    "/static/%c0%ae%c0%ae/app.py", "//static/../app.py", "/static/%2e%2e%2f%2e%2e%2fstore/tables.py",
)  # fmt: skip


def test_nothing_but_the_static_files_is_served(server: Server) -> None:
    """Over a socket, because clients tidy paths up before they send them."""
    for path in PATHS_OUT:
        head, body = exchange(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert re.match(r"HTTP/1.1 (404|307|400)", head), (path, head)
        assert not re.search(r"\bimport\b|root:", body), path


def test_a_foreign_host_header_leads_nowhere(visit: Visit) -> None:
    """Redirects and pages name no host; the one link that must, for an admin to copy, is made of the admin's own."""
    anna = visit("anna")
    anna.client.headers["host"] = "evil.example"
    for path in ("/", "/login", "/stages/9/next", "/static"):
        reply = anna.get(path)
        assert "evil.example" not in reply.text
        assert not reply.headers.get("location", "/").startswith("http") or path == "/static"


def test_there_are_no_methods_besides(visit: Visit) -> None:
    ada = visit("ada")
    for method in ("TRACE", "TRACK", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        reply = ada.client.request(method, "/admin", headers={"X-CSRF-Token": ada.csrf})
        assert reply.status_code in (404, 405), method
        assert "access-control-allow-origin" not in reply.headers


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────────

RUBBISH: list[bytes] = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"{} {}", b"\xff\xfe\x00", b"content=1", b"[" * 100_000,
    b'{"content": {}, "revision": 1e400}', b'{"content": {}, "revision": -1}',
    b'{"content": {}, "revision": 0, "labeler_id": 2}',
    b'{"content": {"x": NaN}, "revision": 0}', b'{"content": {"x": -Infinity}, "revision": 0}',
    b'{"content": {"x": ' + b"[" * 400 + b"]" * 400 + b'}, "revision": 0}',
    b'{"content": {"x": ' + b"9" * 5000 + b'}, "revision": 0}',
]  # fmt: skip


@pytest.fixture
def at_item(room: Room, visit: Visit) -> Visitor:
    """anna, who has item 1."""
    add_ranking_stage(room.database, 1)
    anna = visit("anna")
    assert anna.get("/stages/1/next").headers["location"] == "/items/1"
    return anna


@pytest.mark.parametrize("action", ["draft", "check", "submit", "act", "preview", "comments", "skip"])
def test_a_body_that_is_none_is_refused(at_item: Visitor, action: str) -> None:
    method = "PUT" if action == "draft" else "POST"
    headers = {"X-CSRF-Token": at_item.csrf, "content-type": "application/json"}
    for body in RUBBISH:
        reply = at_item.client.request(method, f"/items/1/{action}", content=body, headers=headers)
        assert reply.status_code in (400, 422), (body[:60], reply.status_code)
        assert set(reply.json() if "json" in reply.headers["content-type"] else {"error"}) == {"error"}
    assert at_item.get("/items/1").status_code == 200


def test_what_cannot_be_kept_as_it_is_does_no_harm(store: Database) -> None:
    """Halves of characters and NUL reach every place that keeps text; the pages that show them stand."""
    add_people(store)
    add_ranking_stage(store, 1)
    room = Room(store, b"0" * 64)
    anna, ada = Visitor(room, "anna"), Visitor(room, "ada")
    anna.get("/stages/1/next")
    odd = "a\x00b"
    halves = b'{"content": {"note": "\\ud83d", "\\udc00": ["\\ud800"]}, "revision": 0}'
    headers = {"X-CSRF-Token": anna.csrf, "content-type": "application/json"}
    assert anna.client.put("/items/1/draft", content=halves, headers=headers).status_code == 200
    assert anna.send("PUT", "/items/1/draft", {"content": {}, "revision": 0}).json() == {
        "revision": 1, "content": {"note": "?", "?": ["?"]},
    }  # fmt: skip
    assert anna.send("PUT", "/items/1/draft", {"content": {"note": odd}, "revision": 1}).status_code == 200
    assert anna.send("POST", "/items/1/comments", {"text": odd}).status_code == 200
    assert anna.post("/account/tokens", name=odd).status_code == 200
    assert ada.post("/admin/invitations", note=odd).status_code == 200
    assert ada.post("/admin/guidelines", name="helpful", text=odd, note=odd).status_code == 303
    assert ada.get("/admin/guidelines/a%00b").status_code in (200, 404)
    assert anna.post("/login", name=odd, password=odd).status_code == 422
    for visitor, path in ((anna, "/items/1"), (anna, "/account"), (ada, "/admin/people"), (ada, "/admin")):
        assert visitor.get(path).status_code == 200, path
    program = Program(room, "anna")
    assert program.send("GET", "items/1").json()["content"]["note"] == odd
    assert anna.send("POST", "/items/1/skip", {"reason": odd}).status_code == 200


def exchange(server: Server, *parts: bytes, pause_s: float = 0.0) -> tuple[str, str]:
    """Send bytes as they are; head and body of the reply."""
    place = urlsplit(server.url)
    with socket.create_connection((str(place.hostname), place.port or 80), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = reply.decode("utf-8", "replace").partition("\r\n\r\n")
    return head, body


def chunks(total: int) -> Iterator[bytes]:
    """A body of unknown length."""
    piece = b"x" * 100_000
    for _ in range(total // len(piece)):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def request_head(server: Server, name: str, *lines: str) -> bytes:
    cookie = sign_in_token(server.room.database, name)
    head = ["PUT /items/1/draft HTTP/1.1", "Host: x", f"Cookie: {COOKIE}={cookie}", "Connection: close", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def test_a_body_of_unknown_length_is_cut_off_too(server: Server) -> None:
    head = request_head(server, "anna", "Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded")
    try:
        reply, _ = exchange(server, head, *chunks(MAX_BODY + 1_000_000))
    except ConnectionError:
        return  # cut off in the middle of sending
    assert reply.startswith("HTTP/1.1 413")


def test_a_sender_who_stops_in_the_middle_keeps_nobody_waiting(server: Server) -> None:
    head = request_head(server, "anna", "Content-Length: 1000", "Content-Type: application/json")
    place = urlsplit(server.url)
    stuck = [socket.create_connection((str(place.hostname), place.port or 80)) for _ in range(60)]
    for connection in stuck:
        connection.sendall(head + b'{"content": {')
    start = time.perf_counter()
    reply, _ = exchange(server, b"GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.startswith("HTTP/1.1 200")
    assert time.perf_counter() - start < 5
    for connection in stuck:
        connection.close()
    reply, _ = exchange(server, b"GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.startswith("HTTP/1.1 200")


def test_a_failure_says_nothing_and_has_the_headers() -> None:
    app = FastAPI()
    app.add_middleware(Guard)

    @app.get("/")
    def fail() -> None:
        raise RuntimeError("a secret of the server's")

    reply = TestClient(app, raise_server_exceptions=False).get("/")
    assert (reply.status_code, reply.text) == (500, "something went wrong here")
    assert {name: reply.headers[name] for name in HEADERS} == HEADERS


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_store_holds_no_secret_that_opens_anything(room: Room, visit: Visit) -> None:
    """Whoever reads the database signs in nowhere: not one cookie, token, link or password is in it as it is."""
    secrets = [PASSWORD, visit("anna").client.cookies[COOKIE], invited(room).removeprefix("/join/")]
    secrets.append(Program(room, "anna").client.headers["authorization"].removeprefix("Bearer "))
    made = visit("anna").post("/account/tokens", name="mine").text
    secrets += re.findall(r"preceptor_[\w-]{40,}", made)
    assert len(secrets) == 5
    path = Path(str(room.database.url.database))
    with closing(sqlite3.connect(path)) as connection:
        everything = "\n".join(connection.iterdump())
    assert "anna" in everything
    assert [secret for secret in secrets if secret in everything] == []
    assert len(re.findall(r"\$argon2id\$v=19\$m=\d{5,},t=\d,p=\d\$", everything)) == 7


def test_a_project_is_nobody_elses_to_read(tmp_path: Path) -> None:
    room = open_room(tmp_path, None)
    room.database.close()
    assert (tmp_path / "labeling").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "labeling" / "secret").stat().st_mode & 0o777 == 0o600


def test_no_reply_carries_a_hash(room: Room) -> None:
    ada = Program(room, "ada")
    page = Visitor(room, "ada").get("/admin/people").text
    for text in (page, json.dumps(ada.send("GET", "admin/labelers").json())):
        assert "anna" in text
        assert "argon2" not in text
        assert "hash" not in text


def test_a_password_that_is_huge_costs_no_more(room: Room) -> None:
    visitor = Visitor(room)
    visitor.get("/login")
    start = time.perf_counter()
    assert visitor.post("/login", name="anna", password="x" * 3_000_000).status_code in (400, 422)
    assert time.perf_counter() - start < 5
    with pytest.raises(Refused):
        accounts.hash_password("x" * 1001)
