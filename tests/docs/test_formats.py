"""docs/formats.md does what it says: each example is imported, and the way of human feedback is walked."""

import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from preceptor.cli import app
from preceptor.cli.base import WAITING
from preceptor.config import load_config
from preceptor.errors import Waiting
from preceptor.importers import formats, import_into
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Candidates, Prompt, Rating, Response, read_artifact
from tests.docs.pages import blocks, page

EXAMPLE = re.compile(
    r"^```(?:json|csv)\n(?P<content>.*?)^```\n\n```\n(?P<command>preceptor import .*?) +# (?P<made>[^\n]*)\n```",
    flags=re.MULTILINE | re.DOTALL,
)
SECTIONS = dict(re.findall(r"^### `(\S+)`\n(.*?)(?=^##)", page("formats.md"), flags=re.MULTILINE | re.DOTALL))
EXAMPLES = [(name, match) for name, section in SECTIONS.items() for match in EXAMPLE.finditer(section)]


def test_every_format_has_a_section_with_an_example() -> None:
    assert set(SECTIONS) == set(formats())
    assert {name for name, _ in EXAMPLES} == set(formats())
    shown = sum(len(re.findall(r"^```(?:json|csv)$", section, flags=re.MULTILINE)) for section in SECTIONS.values())
    assert len(EXAMPLES) == shown, "an example has no command behind it"


@pytest.mark.parametrize(
    ("format", "example"), EXAMPLES, ids=[f"{name}-{match['made'].replace(' ', '-')}" for name, match in EXAMPLES]
)
def test_each_example_is_imported(
    format: str, example: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(example["command"])[1:]
    file = Path(arguments[1])
    file.write_text(example["content"], encoding="utf-8")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"data/{file.stem}: {example['made']}\n" in result.output
    assert f"format: {format}\n" in result.output
    assert "dropped" not in result.output
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / file.stem]


def project(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text("feedback: human\nlabels: {min_demonstrations: 2, min_rankings: 2}\n")
    rows = [json.dumps({"prompt": f"What is {n} and {n}?", "user": f"u{n}"}) for n in range(80)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(rows), encoding="utf-8")
    import_into(tmp_path, [tmp_path / "prompts.jsonl"])
    return tmp_path


def feedback(folder: Path) -> HumanFeedback:
    recipe = load_config(Recipe, folder / "recipe.yaml", ["labels.min_evaluations=2"])
    return HumanFeedback(folder / "data", recipe, print)


def candidates(folder: Path, prefix: str) -> list[Candidates]:
    prompts = read_artifact(folder / "data" / "prompts", Prompt).rows[:2]
    names = ("sft", "ppo")
    return [
        Candidates(
            id=prefix + prompt.id,
            prompt=prompt,
            responses=tuple(Response(id=name, text=f"{name} says", model=name, tokens=(1, 2)) for name in names),
        )
        for prompt in prompts
    ]


def test_run_stops_with_exit_code_3_and_leaves_the_prompts_to_answer(tmp_path: Path) -> None:
    folder = project(tmp_path)
    result = CliRunner().invoke(app, ["run", "--project", str(folder)])
    assert result.exit_code == WAITING == 3, result.output
    assert "| 3 | waiting for people |" in page("formats.md")
    todo = read_artifact(folder / "todo" / "demonstrations", Prompt)
    assert todo.rows
    lines = [
        json.dumps({"id": row.id, "prompt": json.loads(row.model_dump_json()), "response": "Hm.", "labeler": "anna"})
        for row in todo.rows
    ]
    (folder / "written.jsonl").write_text("\n".join(lines), encoding="utf-8")
    import_into(folder, [folder / "written.jsonl"])
    got = feedback(folder).demonstrations([], folder / "todo" / "demonstrations")
    assert [row.prompt for row in got] == list(todo.rows), "prompts keep their ids and splits"


def test_the_snippet_turns_tasks_into_rankings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path)
    tasks = candidates(folder, "")
    with pytest.raises(Waiting):
        feedback(folder).rankings(tasks, folder / "todo" / "rankings")
    monkeypatch.chdir(folder)
    (snippet,) = [block for block in blocks(page("formats.md")) if block.startswith("import json")]

    def ask_somebody(task: Any) -> Any:
        return [["ppo"], ["sft"]]

    exec(compile(snippet, "formats.md", "exec"), {"ask_somebody": ask_somebody})
    result = CliRunner().invoke(app, ["import", "ranked.jsonl"])
    assert result.exit_code == 0, result.output
    rankings = feedback(folder).rankings(tasks, folder / "todo" / "rankings")
    assert [(row.id, row.groups, row.labeler.id) for row in rankings] == [
        (task.id, (("ppo",), ("sft",)), "anna") for task in tasks
    ]
    assert [row.prompt for row in rankings] == [task.prompt for task in tasks]


def test_the_evaluation_is_blind_and_comes_back_with_the_policies_names(tmp_path: Path) -> None:
    folder = project(tmp_path)
    tasks = candidates(folder, "test-")
    with pytest.raises(Waiting, match="held-out"):
        feedback(folder).evidence(tasks, folder / "todo" / "evaluation")
    todo = (folder / "todo" / "evaluation" / "rows.jsonl").read_text(encoding="utf-8")
    shown = [json.loads(line) for line in todo.splitlines()]
    responses = [response for row in shown for response in row["responses"]]
    assert not any({response["id"], response["model"]} & {"sft", "ppo"} for response in responses)
    ranked, rated = io.StringIO(), io.StringIO()
    for row in shown:
        best = next(response for response in row["responses"] if response["text"] == "ppo says")
        other = next(response for response in row["responses"] if response["text"] == "sft says")
        ranked.write(json.dumps(row | {"groups": [[best["id"]], [other["id"]]], "labeler": "ben"}) + "\n")
        rating = {"id": row["id"], "prompt": row["prompt"], "response": best, "likert": 6, "labeler": "ben"}
        rated.write(json.dumps(rating) + "\n")
    for name, text in (("judged", ranked), ("rated", rated)):
        (folder / f"{name}.jsonl").write_text(text.getvalue(), encoding="utf-8")
        import_into(folder, [folder / f"{name}.jsonl"], options=["held_out_labelers=[ben]"])
    evidence = feedback(folder).evidence(tasks, folder / "todo" / "evaluation")
    assert [row.groups for row in evidence.rankings] == [(("ppo",), ("sft",))] * 2
    assert [(row.response.id, row.likert) for row in evidence.ratings] == [("ppo", 6)] * 2
    assert all(row.labeler.group == "held_out" for row in evidence.rankings)
    assert isinstance(evidence.ratings[0], Rating)
    assert not feedback(folder).imported(Candidates)
