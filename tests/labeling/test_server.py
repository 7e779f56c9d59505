"""`preceptor label` as people start it: ready soon, one link for the admin, plain words when it cannot."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from preceptor.labeling.project import store_url
from preceptor.records import write_artifact
from preceptor.store import Database
from preceptor.store.tables import Item
from tests.commands import ROOT, preceptor, start
from tests.labeling.people import PASSWORD, candidates


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def opened(project: Path, *options: str) -> Iterator[tuple[httpx2.Client, list[str]]]:
    """A room that is served from a process of its own: a client, and what was said."""
    port = free_port()
    process = start("label", "--project", project, "--port", str(port), *options)
    said: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if "is open at" in line:
                break
        else:
            pytest.fail("it did not start: " + "\n".join(said))
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"accept": "text/html"}) as client:
            client.get("/login").raise_for_status()
            yield client, said
    finally:
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=30)[0].splitlines()
    assert process.returncode == 130
    assert "Traceback" not in "\n".join(said)


def form(client: httpx2.Client, page: str, **fields: str) -> httpx2.Response:
    """Fill in a page's form and send it."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert token is not None
    return client.post(page, data={"csrf": token[1], **fields})


def test_the_first_link_makes_the_admin_and_there_is_no_other_way_in(tmp_path: Path) -> None:
    with opened(tmp_path) as (client, said):
        assert form(client, "/login", name="admin", password="admin").status_code == 422
        link = next(line.strip() for line in said if "/join/" in line)
        page = "/join/" + link.rpartition("/")[2]
        assert form(client, page, name="ada", password=PASSWORD).headers["location"] == "/"
        assert client.get("/admin").status_code == 200
        assert client.get(page).status_code == 404
    with opened(tmp_path) as (client, said):
        assert not [line for line in said if "/join/" in line]
        assert form(client, "/login", name="ada", password=PASSWORD).status_code == 303
    assert (tmp_path / "labeling").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "labeling" / "secret").stat().st_mode & 0o777 == 0o600


def test_work_that_comes_while_it_is_open_is_there(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, said):
        write_artifact(tmp_path / "todo" / "rankings", [candidates(0)], "candidates")
        store = Database.open(store_url(tmp_path, None))
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with store.read() as session:
                if session.query(Item).count():
                    break
            time.sleep(0.1)
        store.close()
    assert "rankings: 1 new items" in said


def test_the_store_can_be_postgresql(tmp_path: Path, postgresql: str) -> None:
    from tests.stores import new_postgresql_store

    url = new_postgresql_store(postgresql)
    with opened(tmp_path, "--store", url) as (client, said):
        link = next(line.strip() for line in said if "/join/" in line)
        assert form(client, "/join/" + link.rpartition("/")[2], name="ada", password=PASSWORD).status_code == 303
    assert not (tmp_path / "labeling" / "labels.db").exists()
    outcome = preceptor("store", "migrate", "--project", tmp_path, "--store", url)
    assert "up to date" in outcome.said


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("label", "--project", tmp_path, "--port", str(port))
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 2
    assert f"cannot listen at 127.0.0.1, port {port}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--project", "nowhere"], "no such folder"),
        (["--root-path", "labels"], "no prefix of a path"),
        (["--root-path", "/labels/"], "no prefix of a path"),
        (["--store", "mysql://x/y"], "cannot be kept in 'mysql'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(tmp_path: Path, options: list[str], problem: str) -> None:
    outcome = preceptor("label", "--project", tmp_path, *options)
    assert outcome.code == 2
    assert problem in outcome.said


def test_a_recipe_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("labels:\n  held_out_shar: 0.5\n")
    outcome = preceptor("label", "--project", tmp_path)
    assert outcome.code == 2
    assert "recipe.yaml:2, field 'labels.held_out_shar': unknown key 'held_out_shar'" in outcome.said.replace("\n", "")
    assert "did you mean 'held_out_share'" in outcome.said


def test_the_room_opens_without_torch(tmp_path: Path) -> None:
    code = "import sys, preceptor.labeling.server, preceptor.labeling.intake; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


def test_a_backup_of_a_room_that_is_open(tmp_path: Path) -> None:
    with opened(tmp_path):
        outcome = preceptor("store", "backup", "--project", tmp_path, tmp_path / "copy.db")
    assert outcome.code == 0
    assert "To bring it back" in outcome.said
    Database.open(f"sqlite:///{tmp_path}/copy.db", create=False).close()
