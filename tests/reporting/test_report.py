"""The report as text: complete, escaped, self-contained, and said to be simulated where it is."""

import json
import re
import sys
from pathlib import Path
from subprocess import run

import pytest
from rich.console import Console

from preceptor.reporting import figures
from preceptor.reporting.data import PolicyRow, RunCurves
from preceptor.reporting.drawing import Drawing
from preceptor.reporting.report import draw, render, write_report
from preceptor.reporting.terminal import print_summary
from preceptor.reporting.words import duration, percent
from tests.reporting.example_report import HOSTILE, example_report
from tests.reporting.pages import Page


def test_page_nests_and_loads_nothing(report_path: Path) -> None:
    page = Page(report_path.read_text(encoding="utf-8"))
    assert not {"script", "img", "iframe", "object", "embed"} & set(page.tags)
    loads = [value or "" for name, value in page.attributes if name in ("src", "href", "xlink:href", "data", "action")]
    assert loads
    assert all(value.startswith("#") or value == "data:," for value in loads)
    assert not re.search(r"url\((?!#)|@import", report_path.read_text(encoding="utf-8"))


def test_ids_are_unique_and_every_link_has_its_target(report_path: Path) -> None:
    page = Page(report_path.read_text(encoding="utf-8"))
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {
        value[1:] for name, value in page.attributes if name in ("href", "xlink:href") and (value or "").startswith("#")
    }
    assert targets <= set(ids)


def test_hostile_text_is_escaped_everywhere(report_path: Path) -> None:
    text = report_path.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4  # prompt, responses, configuration


def test_hostile_names_do_not_reach_the_markup_through_figures_or_titles() -> None:
    rows = (*example_report().policies, PolicyRow(name=HOSTILE, gold_utility=example_report().policies[0].gold_utility))
    curves = RunCurves.of(HOSTILE, [{"step": 1, "rollout/score": 1.0}, {"step": 2, "rollout/score": 2.0}])
    rows = (*rows, PolicyRow(name="$x_2$ " * 30, gold_utility=example_report().policies[0].gold_utility))
    data = example_report(title=HOSTILE, policies=rows, runs=(*example_report().runs, curves), machine=HOSTILE)
    page = Page(render(data))
    assert not {"script", "img"} & set(page.tags)
    assert "$x_2$ $x_2$" in render(data)


def test_every_section_is_there_and_simulated_is_said(report_path: Path) -> None:
    text = report_path.read_text(encoding="utf-8")
    for heading in ("Policies", "Training", "Reward model", "The same prompt, side by side", "Data", "Health", "Time"):
        assert f"<h2>{heading}</h2>" in text
    for words in (
        "PPO and PPO-ptx are better than SFT.", "31 × fewer than two different responses", 
        "share of the ceiling", "no person judged anything", "First ratio",
    ):  # fmt: skip
        assert words in text
    judged = text[text.index('<tr class="groups">') : text.index("<tbody>")]
    assert 'class="tag">simulated</span>' in judged


def test_human_reports_do_not_say_simulated() -> None:
    data = example_report(origin="human", data=(), runs=(), optimization=())
    assert "simulated" not in render(data)


def test_a_bare_report_renders() -> None:
    """A run of a user's own data: no gold judge, no curves, no samples, one policy."""
    bare = example_report(
        origin="human", policies=(PolicyRow(name="sft"), PolicyRow(name="mine")), runs=(), optimization=(), samples=(),
        data=(), config={}, lineage=(), seconds={}, health=(), aligned=("mine",),
    )  # fmt: skip
    page = render(bare)
    Page(page)
    assert "Gold judge" not in page
    assert "nothing is claimed" in page


def test_a_closed_and_a_forced_gate_are_said() -> None:
    data = example_report(runs=(), optimization=(), samples=())
    closed = data.reward_model.model_copy(update={"gate_open": False})
    assert "The gate is closed." in render(data.model_copy(update={"reward_model": closed}))
    forced = closed.model_copy(update={"forced": "for a demo"})
    assert "closed, and forced: “for a demo”" in render(data.model_copy(update={"reward_model": forced}))


def test_same_data_gives_the_same_bytes(report_path: Path) -> None:
    assert render(example_report()) == report_path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def drawings() -> list[Drawing]:
    """All figures of the example."""
    return [drawing for section in draw(example_report()).values() for drawing in section]


def test_figures_have_words_for_those_who_cannot_see_them(drawings: list[Drawing]) -> None:
    assert len(drawings) == 15
    labels = [re.search(r'aria-label="([^"]+)"', drawing.svg) for drawing in drawings]
    assert all(label and len(label.group(1)) > 30 for label in labels)
    assert all("<text" in drawing.svg for drawing in drawings)  # text stays text
    assert "PPO 66.7\N{NO-BREAK SPACE}% (61.9\N{NO-BREAK SPACE}% to" in drawings[0].svg


def test_figures_take_the_page_colours(drawings: list[Drawing]) -> None:
    for drawing in drawings:
        assert "var(--ink)" in drawing.svg
        assert set(re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{3,8})", drawing.svg)) == set(), drawing.title


def test_overoptimised_part_is_shaded() -> None:
    calm, fallen = (figures.overoptimization(example_report(falls=falls).optimization[0]) for falls in (False, True))
    assert calm is not None
    assert fallen is not None
    assert "Over-optimised since step 50" in fallen.svg
    assert fallen.svg.count("opacity: 0.35") > calm.svg.count("opacity: 0.35") == 0


def test_a_failed_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "report.html"
    write_report(example_report(runs=(), optimization=()), path)
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_report(example_report(runs=(), optimization=(), seed=1), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_terminal_summary_shows_the_table_and_the_verdict() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - rich writes to it
    print_summary(example_report(), console)
    console.file.close()
    text = console.export_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "held-out simulated labelers" in text
    ppo = next(line for line in text.splitlines() if line.strip().startswith("PPO "))
    assert "66.7 % (62–72)" in ppo
    assert "…" not in text
    assert "2.46" in text
    assert "ceiling 83.8 %, of which 89 % is reached" in text
    assert "PPO and PPO-ptx are better than SFT." in text


def test_words() -> None:
    assert percent(0.6421) == "64.2\N{NO-BREAK SPACE}%"
    spaces = [duration(seconds).replace("\N{NO-BREAK SPACE}", " ") for seconds in (4.26, 42, 200, 7500, 59.9)]
    assert spaces == ["4.3 s", "42 s", "3 min 20 s", "2 h 5 min", "60 s"]


def test_reporting_imports_neither_torch_nor_the_other_rooms() -> None:
    code = (
        "import sys, preceptor.reporting.report, preceptor.reporting.terminal, preceptor.evals;"
        "print([m for m in sys.modules if m == 'torch' or m.startswith('preceptor.training')])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
