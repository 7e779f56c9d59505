"""The scale benchmark's own measure: it finds what was planted, and nothing where the steps are off."""

from pathlib import Path

from benchmarks.prompts.planted import DUPLICATES, write_planted
from benchmarks.prompts.scale import contents, exponents, recalls
from tests.commands import preceptor

OFF = ("prefix.is_on=false", "near.is_on=false")


def test_planted_duplicates_are_found_by_the_steps_alone(tmp_path: Path) -> None:
    project, file = tmp_path / "project", tmp_path / "asked.jsonl"
    write_planted(file, 1500, seed=3)
    assert preceptor("init", project).code == 0
    assert preceptor("prompts", "add", file, "-p", project).code == 0
    assert preceptor("prompts", "build", "-p", project).code == 0
    found, before = recalls(file, project), contents(project)
    assert set(found) == set(DUPLICATES)
    assert min(found.values()) == 1
    settings = [part for one in OFF for part in ("--set", f"prompts.build.{one}")]
    assert preceptor("prompts", "build", "-p", project, *settings).code == 0
    assert recalls(file, project) == {"exact duplicate": 1, "long common prefix": 0, "near duplicate": 0}
    assert contents(project) != before


def test_the_exponent_of_what_grows_linearly_is_one_and_of_what_grows_with_the_square_two() -> None:
    runs = [{"num": num, "seconds": {"linear": 3 * num, "square": num**2}} for num in (10, 30, 100)]
    assert exponents(runs) == {"linear": 1, "square": 2}
