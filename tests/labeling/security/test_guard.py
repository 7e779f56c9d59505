"""What guards every page: headers, forged forms, cookies, limits, the secret, hostile sizes, the proxy's prefix."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.labeling import assignment
from preceptor.labeling.app import create_app
from preceptor.labeling.pages.rendering import STATIC
from preceptor.labeling.pages.scope import COOKIE
from preceptor.labeling.room import Room
from preceptor.labeling.security import HEADERS, MAX_BODY, Limit, Slots, forgery_token, read_secret
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.records import Message
from preceptor.store import Database
from tests.labeling.people import PASSWORD, add_people, add_ranking_stage, candidates
from tests.labeling.rooms import SECRET, Program, Visitor

Visit = Callable[[str | None], Visitor]


@pytest.mark.parametrize("path", ["/login", "/", "/admin", "/nothing", "/static/app.css", "/api/v1/me", "/items/x"])
def test_every_reply_carries_the_headers(visit: Visit, path: str) -> None:
    headers = visit("anna").get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_the_policy_lets_in_nothing_inline_and_nobody_else() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"unsafe|\*|https?:|data:", HEADERS["Content-Security-Policy"])


def test_no_template_or_script_needs_more_than_the_policy_allows() -> None:
    templates = list((STATIC.parent / "templates").rglob("*.html"))
    scripts = list(STATIC.rglob("*.js"))
    assert templates
    assert scripts
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe|autoescape false", text), path
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, path
        assert not re.search(r"(?:src|href|action)=[\"']?(?:https?:)?//", text), path
    unsafe = r"outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://"
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(unsafe, text), path
        assert "innerHTML" not in text or "formatted(" in text, f"{path}: HTML comes from the one renderer alone"


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_a_form_without_its_token_changes_nothing(visit: Visit, token: str | None) -> None:
    anna = visit("anna")
    fields = {"language": "es"} | ({} if token is None else {"csrf": token})
    assert anna.client.post("/language", data=fields).status_code == 403
    assert 'lang="en"' in anna.get("/").text
    anna.post("/language", language="es")
    assert 'lang="es"' in anna.get("/").text


def test_a_script_without_its_token_changes_nothing(room: Room, visit: Visit) -> None:
    add_ranking_stage(room.database, 1)
    anna = visit("anna")
    anna.get("/stages/1/next")
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": visit("bert").csrf}):
        reply = anna.client.put("/items/1/draft", json={"content": {}, "revision": 0}, headers=headers)
        assert reply.status_code == 403
    assert anna.send("PUT", "/items/1/draft", {"content": {}, "revision": 0}).status_code == 200


def test_a_form_that_calls_itself_json_is_forged_all_the_same(visit: Visit) -> None:
    """A form of another site can be sent as text that happens to be JSON, without a preflight."""
    anna = visit("anna")
    reply = anna.client.post("/language", content='{"csrf": "x"}', headers={"content-type": "text/plain; json"})
    assert reply.status_code == 403


def test_signing_in_needs_the_token_of_this_browsers_form(room: Room) -> None:
    victim, attacker = Visitor(room), Visitor(room)
    for one in (victim, attacker):
        one.get("/login")
    fields = {"name": "anna", "password": PASSWORD}
    assert victim.client.post("/login", data={**fields, "csrf": attacker.csrf}).status_code == 403
    assert victim.post("/login", **fields).status_code == 303


def test_signing_in_changes_the_cookie_and_scripts_cannot_read_it(room: Room) -> None:
    visitor = Visitor(room)
    before = visitor.get("/login").cookies[COOKIE]
    reply = visitor.post("/login", name="anna", password=PASSWORD)
    assert reply.cookies[COOKIE] != before
    given = reply.headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=lax" in given
    assert "Secure" not in given


def test_behind_https_the_cookie_goes_nowhere_else(room: Room) -> None:
    visitor = Visitor(room, base_url="https://testserver")
    assert "Secure" in visitor.get("/login").headers["set-cookie"]


def test_signing_out_ends_the_sign_in_on_the_server(room: Room) -> None:
    anna = Visitor(room, "anna")
    kept = anna.client.cookies[COOKIE]
    anna.post("/logout")
    anna.client.cookies.set(COOKIE, kept)
    assert anna.get("/").headers["location"] == "/login?next=/"


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("/items/3", "/items/3"), ("//evil.example", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"), ("", "/"), ("/a\r\nSet-Cookie: x=1", "/"),
    ],
)  # fmt: skip
def test_after_signing_in_one_stays_here(room: Room, asked: str, place: str) -> None:
    visitor = Visitor(room)
    visitor.get("/login")
    reply = visitor.post("/login", name="anna", password=PASSWORD, next=asked)
    assert reply.headers["location"] == place


def test_passwords_cannot_be_tried_without_end(room: Room) -> None:
    visitor = Visitor(room)
    visitor.get("/login")
    codes = [visitor.post("/login", name="anna", password="wrong").status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]
    assert visitor.post("/login", name="Anna ", password=PASSWORD).status_code == 429
    assert visitor.post("/login", name="bert", password=PASSWORD).status_code == 303


def test_wrong_tries_from_elsewhere_lock_nobody_out(room: Room) -> None:
    attacker, ada = Visitor(room, client=("192.0.2.1", 1)), Visitor(room, client=("192.0.2.2", 1))
    for visitor in (attacker, ada):
        visitor.get("/login")
    while attacker.post("/login", name="ada", password="wrong").status_code != 429:
        pass
    assert ada.post("/login", name="ada", password=PASSWORD).status_code == 303


def test_what_is_remembered_of_a_name_is_no_longer_than_a_name(room: Room) -> None:
    visitor = Visitor(room)
    visitor.get("/login")
    assert visitor.post("/login", name="n" * 100_000, password="wrong").status_code == 422
    assert max(map(len, room.sign_in_limit._buckets)) < 200


def test_invitations_cannot_be_tried_without_end(room: Room) -> None:
    visitor = Visitor(room)
    while room.address_limit.allows("testclient"):
        pass
    assert visitor.get("/join/some-token").status_code == 429
    visitor.get("/login")
    reply = visitor.post("/join/some-token", name="eve", password=PASSWORD)
    assert reply.status_code == 429
    assert "Too many tries" in reply.text


def test_an_unknown_name_and_a_wrong_password_look_alike_and_take_alike(room: Room) -> None:
    visitor = Visitor(room)
    visitor.get("/login")

    def attempt(name: str) -> tuple[str, float]:
        start = time.perf_counter()
        text = visitor.post("/login", name=name, password="wrong").text
        return text.replace(name, "NAME"), time.perf_counter() - start

    attempt("nobody at all")  # the first has to make a hash to compare with
    texts, times = zip(*(attempt(name) for name in ("anna", "anne", "bert", "bern")), strict=True)
    assert len(set(texts)) == 1
    assert max(times) < 20 * min(times)


def test_people_cannot_submit_without_end_and_simulations_can(room: Room) -> None:
    add_ranking_stage(room.database, 1)
    anna = Program(room, "anna")
    anna.send("POST", "stages/1/claim")
    codes = [anna.send("POST", "items/1/submit", {"content": {}}).status_code for _ in range(60)]
    assert codes[:40] == [422] * 40
    assert codes[-1] == 429


class Hanging:
    """A model that says nothing until it may."""

    name = "hanging"

    def __init__(self) -> None:
        self.asked, self.may = threading.Semaphore(0), threading.Event()

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        self.asked.release()
        self.may.wait()
        return "At last."


def test_a_model_that_hangs_holds_neither_the_room_nor_more_of_it_than_each_may_have(sqlite_store: Database) -> None:
    model, people = Hanging(), add_people(sqlite_store)
    room = Room(sqlite_store, SECRET, respond=model, model_slots=Slots(num=3, num_each=2))
    now = time.time()
    with sqlite_store.write() as session:
        offered = {"suggestions": True}
        stage = add_stage(session, "writing", "demonstration", group=None, overlap=9, settings=offered, now=now)
        add_items(session, stage, [NewItem("p", candidates(0).prompt)], now=now)
        for name in ("anna", "bert", "hana"):
            assignment.claim_next(session, people[name], stage.id, now=now)
    codes: list[tuple[str, int]] = []

    programs = {name: [Program(room, name) for _ in range(3)] for name in ("anna", "bert", "hana")}

    def ask(program: Program, what: str) -> int:
        action = {"content": {"response": ""}, "revision": 0, "action": {"do": what}}
        return int(program.send("POST", "items/1/act", action).status_code)

    for program in [one for some in programs.values() for one in some]:
        # FastAPI makes its routes with the first request, and cannot do so in several threads at once.
        assert ask(program, "nothing that there is") == 404

    def suggest(name: str) -> None:
        codes.append((name, ask(programs[name].pop(), "suggest")))

    waiting = [threading.Thread(target=suggest, args=(name,)) for name in ("anna", "anna", "bert")]
    for thread in waiting[:2]:
        thread.start()
    for _ in range(2):
        assert model.asked.acquire(timeout=60), codes
    suggest("anna")
    waiting[2].start()
    assert model.asked.acquire(timeout=60), codes
    suggest("hana")
    assert codes == [("anna", 429), ("hana", 429)]
    model.may.set()
    for thread in waiting:
        thread.join()
    suggest("hana")
    assert codes[-1] == ("hana", 200)
    assert sorted(codes[2:5]) == [("anna", 200), ("anna", 200), ("bert", 200)]


def test_a_limit_fills_up_again() -> None:
    now = 0.0
    limit = Limit(burst=2, per_minute=60, clock=lambda: now)
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    assert limit.allows("b")
    now = 1.0
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    now = 100.0
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]


def test_a_limit_forgets_those_who_are_gone() -> None:
    now = 0.0
    limit = Limit(burst=2, per_minute=60, clock=lambda: now)
    for number in range(10_001):
        limit.allows(str(number))
    now = 100.0
    limit.allows("late")
    assert len(limit._buckets) == 1


def test_what_is_too_large_is_cut_off(room: Room, visit: Visit) -> None:
    add_ranking_stage(room.database, 1)
    anna = visit("anna")
    anna.get("/stages/1/next")
    large = {"content": {"note": "x" * (MAX_BODY + 1)}, "revision": 0}
    assert anna.send("PUT", "/items/1/draft", large).status_code == 413
    half = {"content": {"note": "x" * (MAX_BODY // 2 + 1)}, "revision": 0}
    assert anna.send("PUT", "/items/1/draft", half).status_code == 422
    assert anna.send("PUT", "/items/1/draft", {"content": {}, "revision": 0}).json() == {"revision": 1}


def test_the_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    first = read_secret(tmp_path / "secret")
    assert read_secret(tmp_path / "secret") == first
    assert read_secret(tmp_path / "other") != first
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    read_secret(tmp_path / "secret")
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(UserError, match="others can read"):
        read_secret(tmp_path / "secret")
    (tmp_path / "empty").touch(mode=0o600)
    with pytest.raises(UserError, match="no secret of ours"):
        read_secret(tmp_path / "empty")


def test_tokens_of_forms_belong_to_one_browser_and_one_server() -> None:
    assert forgery_token(SECRET, "a") != forgery_token(SECRET, "b")
    assert forgery_token(SECRET, "a") != forgery_token(b"1" * 64, "a")


def test_there_is_no_page_of_the_api_from_elsewhere(room: Room) -> None:
    visitor = Visitor(room, "ada")
    for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/docs", "/api/v1/redoc"):
        assert visitor.get(path).status_code == 404
    assert visitor.get("/api/v1/openapi.json").json()["info"]["title"] == "Preceptor labelling"
    assert create_app(room).openapi_url is None
