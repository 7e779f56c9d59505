"""Behind a reverse proxy that serves the room under a prefix, whether it takes the prefix off or not."""

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from preceptor.labeling.room import Room
from preceptor.labeling.security import Limit
from preceptor.store.tables import Answer, Draft
from tests.labeling.browser.visits import Visits, add_rankings
from tests.labeling.people import PASSWORD
from tests.labeling.rooms import Program, Server, serving, sign_in_token
from tests.labeling.security.proxy import proxying

PREFIX = "/labels/ours"


@pytest.fixture
def room(room: Room) -> Room:
    return replace(room, root_path=PREFIX)


@pytest.fixture(params=[True, False], ids=["stripping", "passing"])
def outside(server: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """The room as one sees it from outside of the proxy."""
    with proxying(server.url.removesuffix(PREFIX), PREFIX, strips=request.param) as url:
        yield Server(server.room, url)


def test_people_work_through_it(outside: Server, browser: Browser) -> None:
    add_rankings(outside)
    visits = Visits(outside, browser)
    context = visits.context(None)
    failed: list[str] = []
    context.on("response", lambda reply: failed.append(reply.url) if reply.status >= 400 else None)
    page = visits.open(context, "/stages/1/next")
    assert page.url == f"{outside.url}/login?next=/stages/1/next"
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#task[data-ready]")
    assert page.url == f"{outside.url}/items/1"
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px", "no style sheet"
    for key in "1234":
        page.keyboard.press(key)
        page.keyboard.press("ArrowRight")
    expect(page.locator("#draft-status")).to_have_text("Saved")
    assert len(visits.rows(Draft)) == 1
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Submit as it is").click()
    page.wait_for_url(f"{outside.url}/items/2")
    assert len(visits.rows(Answer)) == 1
    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    assert page.url == f"{outside.url}/items/2"
    page.get_by_role("link", name="Preceptor").click()
    assert page.url == f"{outside.url}/"
    page.get_by_role("banner").locator("form").last.get_by_role("button").click()
    assert page.url == f"{outside.url}/login"
    assert failed == []
    visits.close()
    assert visits.complaints == []


def test_every_address_on_its_pages_has_the_prefix(outside: Server) -> None:
    add_rankings(outside)
    cookies = {"preceptor": sign_in_token(outside.room.database, "ada")}
    for path in ("/", "/account", "/admin", "/admin/people", "/stages/1/next", "/nowhere"):
        html = httpx2.get(outside.url + path, cookies=cookies, headers={"accept": "text/html"}, follow_redirects=True)
        found = re.findall(r'(?:href|src|action|data-address|data-next|data-script)="(/[^"]*)"', html.text)
        assert len(found) > 4
        assert [address for address in found if not address.startswith(f"{PREFIX}/")] == []
    link = httpx2.get(outside.url + "/admin/people", cookies=cookies).text
    csrf = re.search(r'name="csrf" value="(\w+)"', link)
    assert csrf
    made = httpx2.post(outside.url + "/admin/invitations", cookies=cookies, data={"csrf": csrf[1]}).text
    invitation = re.search(r"<code>(.*)</code>", made)
    assert invitation
    assert invitation[1].startswith(f"{outside.url}/join/")
    assert httpx2.get(invitation[1], headers={"accept": "text/html"}).status_code == 200


def test_programs_work_through_it(outside: Server) -> None:
    add_rankings(outside)
    token = Program(outside.room, "anna").client.headers["authorization"]
    with httpx2.Client(base_url=f"{outside.url}/api/v1/", headers={"authorization": token}) as client:
        assert client.get("me").json()["name"] == "anna"
        item = client.post("stages/1/claim").json()
        assert client.put(f"items/{item['id']}/draft", json={"content": {}, "revision": 0}).json() == {"revision": 1}
        (server,) = client.get("openapi.json").json()["servers"]
    assert server["url"] == f"{PREFIX}/api/v1"


def test_behind_https_the_cookie_goes_over_https_alone(server: Server) -> None:
    with proxying(server.url.removesuffix(PREFIX), PREFIX, strips=True, scheme="https") as url:
        cookie = httpx2.get(f"{url}/login", headers={"accept": "text/html"}).headers["set-cookie"]
    assert re.fullmatch(
        r"preceptor=[\w-]{43}; HttpOnly; Max-Age=2592000; Path=/labels/ours/; SameSite=lax; Secure", cookie
    )
    with proxying(server.url.removesuffix(PREFIX), PREFIX, strips=True) as url:
        cookie = httpx2.get(f"{url}/login", headers={"accept": "text/html"}).headers["set-cookie"]
    assert "Secure" not in cookie


class Listening(Limit):
    """Lets everybody in, and keeps who came."""

    def __init__(self) -> None:
        super().__init__(burst=1, per_minute=1)
        self.heard: list[str] = []

    def allows(self, key: str) -> bool:
        self.heard.append(key)
        return True


def test_limits_are_of_the_address_that_the_proxy_names(room: Room) -> None:
    limit = Listening()
    with serving(replace(room, address_limit=limit)) as server:
        with proxying(server.url.removesuffix(PREFIX), PREFIX, strips=True) as url:
            httpx2.get(f"{url}/join/unknown")
        httpx2.get(f"{server.url}/join/unknown")
    assert limit.heard == ["203.0.113.7", "127.0.0.1"]
