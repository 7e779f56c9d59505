"""Prompts that people wrote, mixed with those of the closed world: every step counted, and no leak on the artifacts."""

import json
from pathlib import Path

from preceptor.prompts.leak import check_leak
from preceptor.records import read_manifest
from preceptor.simulation.world import World
from tests.commands import preceptor

SETS = ("sft", "reward", "rl", "test")


def test_real_prompts_and_simulated_ones(shared_data: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert preceptor("init", project).code == 0
    world = tmp_path / "world.jsonl"
    rows = [
        {"messages": [message.model_dump() for message in one.messages], "user": one.user, "source": one.source,
         "use_case": one.use_case}
        for one in World().prompts(250, seed=3)
    ]  # fmt: skip
    world.write_text("\n".join(map(json.dumps, rows)))
    questions = sorted((shared_data / "fairytaleqa/data-by-train-split/questions/test").glob("*.csv"))
    for files, options in (
        ([world], ()),
        ([shared_data / "self-instruct/data/seed_tasks.jsonl"], ()),
        ([shared_data / "oasst/model/model_eval/manual/data/en_100_tree.jsonl"], ()),
        ([shared_data / "openai-moderation/data/samples-1680.jsonl.gz"], ("--format", "columns")),
        ([shared_data / "mt-bench/fastchat/llm_judge/data/mt_bench/question.jsonl"],
         ("--format", "columns", "-o", "prompt=turns")),
        (questions, ("-o", "prompt=question", "--skip-bad")),
    ):  # fmt: skip
        outcome = preceptor("prompts", "add", *files, "-p", project, *options)
        assert outcome.code == 0, outcome.said
    outcome = preceptor("prompts", "build", "-p", project)
    assert outcome.code == 0, outcome.said
    pool = read_manifest(project / "data" / "prompts-built")
    read = [step["read"] for step in pool.notes["steps"]]
    assert read[0] > 2500 + 250
    assert pool.num_rows == read[0] - sum(pool.dropped.values())
    assert pool.dropped["long common prefix"] > 100, "the questions of a tree begin alike"
    users = check_leak([project / "artifacts" / f"prompts-{name}" for name in SETS])
    assert sum(users.values()) > 100
    for title in ("Steps", "Sizes by source", "Personal data in", "Languages"):
        assert title in outcome.said
