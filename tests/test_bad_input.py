"""Whatever is wrong: one message with its place and a remedy, an exit code; nothing half-written, nothing silent."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from preceptor.records import Prompt, read_artifact, write_artifact
from tests.commands import Outcome, preceptor, run, start
from tests.killing import WALL_CLOCK, differences, digest
from tests.planted import demonstrations, prompts, rankings, write_planted_model
from tests.planted_project import recipe, write_data, write_recipe

TIMES = (*WALL_CLOCK, "stage.json")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_planted_model(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture
def model(base: Path, tmp_path: Path) -> Path:
    """A model directory to damage."""
    return shutil.copytree(base, tmp_path / "model")


@pytest.fixture
def project(model: Path, tmp_path: Path) -> Path:
    """A project with all its data, whose recipe names `model`."""
    write_recipe(tmp_path / "project", recipe(model))
    write_data(tmp_path / "project")
    return tmp_path / "project"


def refused(outcome: Outcome, *words: str, code: int = 2) -> None:
    """It ended with this code and one message, which holds these words."""
    said = re.sub(r"\s+", " ", outcome.said)
    assert outcome.code == code, outcome.said
    assert "Traceback" not in said
    assert said.count("error: ") == 1, outcome.said
    assert "→" in said, "no remedy"
    for word in words:
        assert word in said, f"{word!r} is not in: {outcome.said}"


def sft(project: Path, *settings: str) -> Outcome:
    return preceptor("sft", "--project", project, *(part for one in settings for part in ("--set", one)))


# ── the recipe ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_key_names_the_nearest_and_its_line(project: Path) -> None:
    text = (project / "recipe.yaml").read_text().replace("num_epochs", "num_epoch")
    (project / "recipe.yaml").write_text(text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "num_epoch" in one)
    outcome = run("run", "--project", project)  # in a process of its own: what a shell would see
    refused(outcome, f"recipe.yaml:{line}", "unknown key 'num_epoch'", "did you mean 'num_epochs'?")
    assert not (project / "work").exists()


def test_an_unknown_key_on_the_command_line(project: Path) -> None:
    refused(sft(project, "sft.optim.lerning_rate=1e-3"), "'lerning_rate'", "did you mean 'learning_rate'?")


def test_a_value_that_does_not_fit(project: Path) -> None:
    refused(sft(project, "sft.batch_size=many"), "sft.batch_size", "many")
    refused(sft(project, "rl.ppo.sampling.top_k=50"), "RL samples from the plain distribution")


def test_no_project_here(tmp_path: Path) -> None:
    refused(preceptor("run", "--project", tmp_path), "recipe.yaml", "no such recipe", "preceptor init")


def test_a_recipe_that_is_no_yaml(project: Path) -> None:
    (project / "recipe.yaml").write_text("seed: 0\nsft: [1, 2\nrl: 3\n")
    refused(sft(project), "recipe.yaml:", "not valid YAML")


# ── the model ───────────────────────────────────────────────────────────────────────────────────────────────────────


def damaged_weights(model: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = load_file(model / "model.safetensors")
    change(weights)
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def test_a_missing_model_directory(project: Path, model: Path) -> None:
    shutil.rmtree(model)
    refused(sft(project), str(model), "no such model directory")


def test_a_model_directory_without_config(project: Path, model: Path) -> None:
    (model / "config.json").unlink()
    refused(sft(project), str(model), "config.json is missing")


def test_a_config_cut_short(project: Path, model: Path) -> None:
    text = (model / "config.json").read_text()
    (model / "config.json").write_text(text[: len(text) // 2])
    refused(sft(project), "config.json:", "not valid JSON")


def test_weights_cut_short(project: Path, model: Path) -> None:
    content = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(content[: len(content) // 2])
    refused(sft(project), "model.safetensors", "damaged weights")


def test_weights_that_are_no_numbers(project: Path, model: Path) -> None:
    damaged_weights(model, lambda weights: weights["model.norm.weight"].fill_(float("nan")))
    refused(sft(project), "model.safetensors", "model.norm.weight", "NaN or infinite")


def test_weights_that_are_missing(project: Path, model: Path) -> None:
    damaged_weights(model, lambda weights: weights.pop("model.norm.weight"))
    refused(sft(project), "model.norm.weight", "missing")


def test_a_model_that_is_a_file(project: Path, model: Path) -> None:
    shutil.rmtree(model)
    model.write_text("weights")
    refused(sft(project), str(model))


def tokenizer_without(model: Path, *names: str, template: bool = True) -> None:
    path = model / "tokenizer_config.json"
    config = json.loads(path.read_text())
    for name in names:
        config.pop(name, None)
    path.write_text(json.dumps(config))
    if not template:
        (model / "chat_template.jinja").unlink()


def test_a_tokenizer_that_cannot_end_a_response(project: Path, model: Path) -> None:
    tokenizer_without(model, "eos_token", template=False)
    refused(sft(project), str(model), "eos_token", "no end-of-text token")


def test_a_tokenizer_without_pad_and_template_is_helped_and_that_is_said(project: Path, model: Path) -> None:
    tokenizer_without(model, "pad_token", template=False)
    outcome = sft(project)
    assert outcome.code == 0, outcome.said
    said = re.sub(r"\s+", " ", outcome.said)
    assert "note: the tokenizer has no chat template: the plain one is used" in said
    assert "note: the tokenizer has no pad token of its own" in said
    [saved] = (project / "work").glob("sft-*/model")
    assert "User: " in (saved / "chat_template.jinja").read_text()


def test_a_tokenizer_that_pads_with_its_end_token_gets_another(project: Path, model: Path) -> None:
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token": "<|end|>"}))
    outcome = sft(project)
    assert outcome.code == 0, outcome.said
    assert "no pad token of its own" in re.sub(r"\s+", " ", outcome.said)


# ── data ────────────────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = b'{"prompt": "say dear", "response": "dear"}\n'


def imported(project: Path, content: bytes, *arguments: str) -> tuple[Outcome, Path]:
    path = project.parent / "rows.jsonl"
    path.write_bytes(content)
    outcome = preceptor("import", path, "--project", project, *arguments)
    return outcome, project / "data" / "rows"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("rows.jsonl", "the file is empty")),
        (b"\n\n", ("rows.jsonl", "only blank lines")),
        (GOOD + b'{"prompt": "say', ("rows.jsonl:2", "not JSON")),
        (GOOD + '{"prompt": "säy", "response": "dear"}\n'.encode("latin-1"), ("rows.jsonl:2", "not UTF-8", "iconv")),
        (GOOD.decode().encode("utf-16"), ("rows.jsonl", "UTF-16")),
        (GOOD + b'{"prompt": "say dear", "response": 7}\n', ("rows.jsonl:2", "response")),
        (
            b'{"prompt": "p", "responses": ["a", "b"], "groups": [["A"], ["C"]]}\n',
            ("rows.jsonl:1", "groups name a response that does not exist: 'C'"),
        ),
        (
            b'{"prompt": "p", "responses": ["a", "b"], "groups": [["A"]]}\n',
            ("rows.jsonl:1", "groups leave out response 'B'"),
        ),
    ],
    ids=["empty", "blank", "half a line", "latin-1", "utf-16", "a number", "no such response", "a response left out"],
)
def test_bad_rows_are_named_and_nothing_is_written(project: Path, content: bytes, words: tuple[str, ...]) -> None:
    before = digest(project)
    outcome, place = imported(project, content)
    refused(outcome, *words)
    assert not place.exists()
    assert differences(before, digest(project)) == []


def test_bad_rows_are_counted_where_that_is_asked_for(project: Path) -> None:
    latin = '{"prompt": "säy", "response": "dear"}\n'.encode("latin-1")
    outcome, place = imported(project, GOOD + b'{"prompt": "say\n' + latin, "--skip-bad")
    assert outcome.code == 0, outcome.said
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["num_rows"] == 1
    assert manifest["dropped"] == {"not JSON": 1, "not UTF-8": 1}
    assert "dropped 1: not JSON" in outcome.said


def test_data_changed_by_hand_is_found(project: Path) -> None:
    path = project / "data" / "demonstrations" / "rows.jsonl"
    path.write_text(path.read_text().replace("dear", "deer", 1))
    refused(sft(project), "rows.jsonl", "changed after they were written")


def test_a_manifest_cut_short_is_found(project: Path) -> None:
    path = project / "data" / "demonstrations" / "manifest.json"
    path.write_text(path.read_text()[:40])
    refused(sft(project), "manifest.json")


def test_no_data_at_all(model: Path, tmp_path: Path) -> None:
    write_recipe(tmp_path / "empty", recipe(model))
    refused(sft(tmp_path / "empty"), "there are no prompts yet", "preceptor import")


def lengthened(row: Any, words: int = 100) -> Any:
    """The same row with a prompt that no response fits behind."""
    asked = row if isinstance(row, Prompt) else row.prompt
    message = asked.messages[0].model_copy(update={"content": "dear " * words})
    longer = asked.model_copy(update={"id": f"long-{asked.id}", "messages": (message,)})
    return longer if isinstance(row, Prompt) else row.model_copy(update={"id": f"long-{row.id}", "prompt": longer})


def test_prompts_longer_than_the_context_are_left_out_of_every_stage_and_counted(project: Path) -> None:
    long_prompts = [lengthened(row) for row in [*prompts(20), *prompts(3, "test", first=600)]]
    write_artifact(project / "data" / "long-prompts", long_prompts, "prompts")
    long_demonstrations = [lengthened(row) for row in demonstrations(5)]
    write_artifact(project / "data" / "long-demonstrations", long_demonstrations, "demonstrations")
    write_artifact(project / "data" / "long-rankings", [lengthened(row) for row in rankings(4, first=900)], "rankings")
    outcome = preceptor("run", "--project", project, "--force", "a test", "--set", "rl.ppo_ptx.num_steps=1")
    said = re.sub(r"\s+", " ", outcome.said)
    assert outcome.code == 0, outcome.said
    assert "prompts: 23 of 151 left out: prompt leaves no room for a response in the model's context" in said
    assert "demonstrations: 5 of 55 left out" in said
    assert "16 left out: response longer than max_tokens" in said
    manifest = json.loads((project / "artifacts" / "prompts" / "manifest.json").read_text())
    assert manifest["dropped"] == {"prompt leaves no room for a response in the model's context": 23}
    for name in ("prompts-sft", "prompts-reward", "prompts-rl", "prompts-test"):
        rows = read_artifact(project / "artifacts" / name, Prompt).rows
        assert rows
        assert not any(row.id.startswith("long-") for row in rows)
    assert "prompt leaves no room for a response" in (project / "report.html").read_text()


def test_no_prompt_that_fits_is_an_error(project: Path) -> None:
    refused(sft(project, "candidates.max_tokens=55"), "leave a set empty")
    refused(sft(project, "candidates.max_tokens=64"), "leave no room for prompts in a context of 64")


# ── the way ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_training_that_diverges_says_so(project: Path) -> None:
    outcome = sft(project, "sft.optim.learning_rate=1e30", "sft.num_epochs=5")
    refused(outcome, "the training has diverged", "smaller learning rate")
    assert not list((project / "work").glob("*/stage.json"))
    assert not list((project / "work").glob("*/model"))


def half_written(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.name.startswith(".") and path.name != ".lock"]


@pytest.mark.parametrize("max_bytes", [600, 20_000, 200_000], ids=["rows", "metrics", "weights"])
def test_a_full_disk_leaves_nothing_half_written(project: Path, tmp_path: Path, max_bytes: int) -> None:
    assert sft(project).code == 0
    expected = digest(project, TIMES)
    shutil.rmtree(project / "work")
    shutil.rmtree(project / "latest")
    shutil.rmtree(project / "artifacts")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, before[1]))  # no file may grow beyond this
    try:
        outcome = sft(project)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(outcome)
    assert re.search("disk is full|File too large", outcome.said), outcome.said
    assert half_written(project) == []
    assert not list((project / "work").glob("*/model"))
    again = sft(project)
    assert again.code == 0, again.said
    assert differences(expected, digest(project, TIMES)) == []


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own with as much room as the test asks for."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("not allowed to mount; the test above covers the writing by a limit on file sizes")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("small_disk", [250, 700], indirect=True, ids=["artifacts", "checkpoints"])
def test_a_disk_that_is_really_full(project: Path, small_disk: Path) -> None:
    shutil.copytree(project, small_disk / "project")
    outcome = sft(small_disk / "project")
    refused(outcome)
    assert re.search("disk is full|No space left on device", outcome.said), outcome.said
    work = small_disk / "project" / "work"
    is_training = bool(list(work.glob("sft-*/run/metrics.jsonl")))
    assert is_training == (shutil.disk_usage(small_disk).total > 500_000)
    assert half_written(small_disk) == []
    assert not list(work.glob("*/model"))


def test_ctrl_c_says_where_it_goes_on(project: Path) -> None:
    process = start("sft", "--project", project, "--set", "sft.num_epochs=400")
    deadline = time.monotonic() + 240
    while not list((project / "work").glob("sft-*/run/checkpoints/step-000004")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = re.sub(r"\s+", " ", process.communicate(timeout=120)[0])
    assert process.returncode == 130, said
    found = re.search(r"SFT interrupted at step (\d+); the same command goes on from step (\d+)", said)
    assert found, said
    assert "interrupted; the same command goes on where it stopped" in said
    assert "Traceback" not in said
    saved = int(found[2]) - 1
    [checkpoints] = (project / "work").glob("sft-*/run/checkpoints")
    assert 2 <= saved <= int(found[1])
    assert (checkpoints / f"step-{saved:06d}").is_dir(), "that checkpoint is not there"


def test_ctrl_c_outside_a_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("preceptor.pipeline.single.collect", interrupted)
    outcome = sft(project)
    assert outcome.code == 130
    assert outcome.said == "interrupted; the same command goes on where it stopped\n"


def test_another_process_at_work_is_respected(project: Path) -> None:
    process = start("sft", "--project", project, "--set", "sft.num_epochs=400")
    deadline = time.monotonic() + 240
    while not list((project / "work").glob("sft-*/run/metrics.jsonl")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    try:
        refused(sft(project, "sft.num_epochs=400"), "another process is at work in this run's folder")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
