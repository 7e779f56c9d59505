"""The steps on a real Ray with two workers: the same artifacts as in this process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.prompts.engine import Local, Ray, engine_named
from preceptor.prompts.raw import SHARD
from tests.commands import preceptor
from tests.prompts.test_build import hashes, rows, salted, save
from tests.prompts.test_use_cases import add_labels

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray's own


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def whoami(number: int) -> tuple[int, int]:
    return number, os.getpid()


@pytest.mark.usefixtures("two_workers")
def test_jobs_come_back_in_their_order_from_other_processes() -> None:
    made = list(Ray().map(whoami, range(40)))
    assert [number for number, _ in made] == list(range(40))
    assert os.getpid() not in {process for _, process in made}
    assert list(Local().map(whoami, range(3))) == [(number, os.getpid()) for number in range(3)]


@pytest.mark.usefixtures("two_workers")
def test_what_is_built_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    assert preceptor("init", folder).code == 0
    salted(folder)
    asked = rows(3, 4500, "a")
    asked += [{**row, "messages": [{"role": "user", "content": f"Write to jo{number}@mail.example, I am {number}"}]}
              for number, row in enumerate(asked[:60])]  # fmt: skip
    assert len(asked) > SHARD, "there is more than one shard"
    assert preceptor("prompts", "add", save(tmp_path / "a.jsonl", *asked), "-p", folder).code == 0
    add_labels(folder)
    made = []
    for engine in ("local", "ray"):
        outcome = preceptor("prompts", "build", "-p", folder, "--engine", engine)
        assert outcome.code == 0, outcome.said
        made.append((hashes(folder), (folder / "artifacts" / "README.md").read_text(encoding="utf-8")))
    assert made[0] == made[1]
    assert "| sensitive |" in made[0][1], "workers had what labels taught"


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(UserError, match="no engine named 'rey'"):
        engine_named("rey")
