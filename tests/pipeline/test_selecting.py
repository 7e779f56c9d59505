"""`preceptor prompts select` on a finished project: pairs to rank, of prompts that nobody has, with a record of why."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from preceptor.labeling.intake import Plan, stages_of
from preceptor.models.load import load_reward_model
from preceptor.models.scoring import score_responses
from preceptor.pipeline.ensemble import resampled
from preceptor.pipeline.memory import Memory
from preceptor.prompts.selecting import by_random, most_disputed
from preceptor.records import (
    USE_CASES,
    Candidates,
    Demonstration,
    Prompt,
    Ranking,
    read_artifact,
    read_manifest,
    write_artifact,
)
from tests.commands import preceptor
from tests.pipeline.test_lineage import all_of
from tests.planted import TRAINING, rankings


def select(project: Path, by: str, num: int, *more: str) -> str:
    outcome = preceptor("prompts", "select", "--by", by, "--num", str(num), "-p", project, *more)
    assert outcome.code == 0, outcome.said
    return outcome.said


def chosen(project: Path, number: int = 1) -> list[Candidates]:
    return list(read_artifact(project / "artifacts" / f"selected-{number}", Candidates).rows)


def facts(project: Path, number: int = 1) -> dict:
    return read_manifest(project / "artifacts" / f"selected-{number}").notes["selection"]


def in_sets(project: Path) -> set[str]:
    names = ("prompts-sft", "prompts-reward", "prompts-rl")
    return {row.id for name in names for row in read_artifact(project / "artifacts" / name, Prompt).rows}


def test_random_takes_unlabeled_prompts_and_never_the_same_twice(project: Path) -> None:
    said = select(project, "random", 6)
    assert "artifacts/selected-1: 6 pairs by random, seed 0" in said
    assert "in a set already" in said
    select(project, "random", 6)
    first, second = chosen(project), chosen(project, 2)
    known = in_sets(project) | {row.prompt.id for row in read_artifact(project / "data" / "rankings", Ranking).rows}
    ids = [row.prompt.id for row in first + second]
    assert len(set(ids)) == 12
    assert not known & set(ids)
    assert {row.prompt.split for row in first} == {"train"}
    assert all(len(row.responses) == 2 and row.responses[0].text != row.responses[1].text for row in first)
    assert [row.id for row in first] == [f"selected-1-{row.prompt.id}" for row in first]
    manifest = read_manifest(project / "artifacts" / "selected-1")
    rows = read_artifact(project / "data" / "prompts", Prompt).rows
    assert manifest.num_rows + sum(manifest.dropped.values()) == len(rows), "every prompt is chosen or counted"
    assert read_manifest(project / "artifacts" / "selected-2").dropped["chosen before"] == 6


def test_the_choice_waits_in_todo_for_labelers_who_train(project: Path) -> None:
    select(project, "random", 3)
    todo = project / "todo" / "rankings-selected-1"
    assert read_artifact(todo, Candidates).rows == tuple(chosen(project))
    stages = stages_of(todo.name, Plan(held_out_share=0.5, labelers_per_test_prompt=2))
    assert [(stage.kind, stage.group) for stage in stages] == [("ranking", "training")]


def test_uncertainty_finds_the_pairs_that_its_members_disagree_about(project: Path) -> None:
    said = select(project, "uncertainty", 4, "--members", "2")
    assert "disagreement of 2 reward models" in said
    told = facts(project)
    values = list(told["disagreement"].values())
    assert values == sorted(values, reverse=True)
    assert min(values) > told["median_disagreement"] > 0
    rows = chosen(project)
    items = [(row.prompt.messages, response) for row in rows for response in row.responses]
    models = [(project / "latest" / f"reward_member_{number}" / "model").resolve() for number in (1, 2)]
    scores = np.array([score_responses(load_reward_model(path), items) for path in models]).reshape(2, len(rows), 2)
    for place, row in enumerate(rows):
        assert most_disputed(scores[:, place]).disagreement == pytest.approx(told["disagreement"][row.id], abs=1e-5)
    everything = read_artifact(project / "latest" / "candidates-selected-1" / "candidates", Candidates).rows
    known = {row.prompt.id: {one.text for one in row.responses} for row in everything}
    assert all({one.text for one in row.responses} <= known[row.prompt.id] for row in rows)
    assert len(known) > len(rows)


def test_members_that_are_one_and_the_same_leave_it_to_chance(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: no disagreement, so what is chosen is what `random` chooses, and that is said."""
    same = [(project / "latest" / "reward_model" / "model").resolve()] * 3
    monkeypatch.setattr("preceptor.pipeline.selecting.ensemble", lambda *_: same)
    said = select(project, "uncertainty", 3)
    assert "the 3 members of the ensemble agree on everything: this choice is one at random" in said
    told = facts(project)
    assert set(told["disagreement"].values()) == {0.0} == {told["median_disagreement"]}
    (project / "artifacts" / "selected-1").rename(project / "elsewhere")
    select(project, "random", 3)
    control = {row.prompt.id for row in chosen(project)}
    assert control == {row.prompt.id for row in read_artifact(project / "elsewhere", Candidates).rows}


def test_a_model_that_always_says_the_same_gives_nothing_to_rank(project: Path) -> None:
    outcome = preceptor(
        "prompts", "select", "--by", "random", "--num", "2", "-p", project, "--set", "candidates.temperature=0"
    )
    assert outcome.code == 2
    assert "the same response each time" in outcome.said


def test_the_lineage_says_how_it_was_chosen_and_the_judge_has_no_part_in_it(project: Path) -> None:
    select(project, "uncertainty", 3, "--members", "2")
    memory = Memory.of(project)
    above = all_of(memory, "artifacts/selected-1", "parents")
    assert {"sft", "reward_member_1", "reward_member_2", "artifacts/rankings", "data/prompts"} <= above
    assert not above & {"artifacts/rankings-held-out", "artifacts/rankings-judge", "reward_model_held_out", "ppo"}
    said = preceptor("lineage", "artifacts/selected-1", "-p", project).said
    assert "chosen by uncertainty, seed 0" in " ".join(said.split())
    assert preceptor("verify", "-p", project).code == 0


def test_members_learn_from_prompts_drawn_with_replacement(project: Path) -> None:
    rows = [*rankings(30), *rankings(30, labeler=TRAINING.model_copy(update={"id": "carl"}))]
    drawn = resampled(rows, np.random.default_rng(0))
    assert len(drawn) == len(rows)
    assert len({(row.id, row.labeler.id) for row in drawn}) == len(rows), "copies have names of their own"
    counts = Counter(row.prompt.id for row in drawn)
    assert all(count % 2 == 0 for count in counts.values()), "a prompt comes with all of its rankings"
    assert 15 <= len(counts) < 30  # of 30 prompts 30 (1 − 1/e) ≈ 19 are expected
    assert resampled(rows, np.random.default_rng(1)) != drawn


def test_coverage_evens_out_what_was_labeled(project: Path) -> None:
    """Two thirds of the prompts are generation, of which six are labeled already; others are given or predicted."""
    data, case = project / "data" / "prompts", {}
    rows = []
    for place, row in enumerate(read_artifact(data, Prompt).rows):
        case[row.id] = USE_CASES[0] if place % 3 else USE_CASES[1 + place // 3 % 2]
        predicted = {"predicted": {"use_case": case[row.id]}}
        update = {"use_case": case[row.id]} if place % 5 else {"metadata": predicted}
        rows.append(row.model_copy(update=update))
    write_artifact(data, rows, "prompts")
    labels = [row.model_copy(update={"prompt": of_generation(row.prompt)}) for row in rankings(6, first=800)]
    write_artifact(project / "data" / "rankings-more", labels, "rankings")
    said = select(project, "coverage", 6)
    told = facts(project)
    assert told["labeled"] == {"generation": 6}
    assert told["chosen"] == {"open_qa": 3, "brainstorming": 3}
    assert Counter(case[row.prompt.id] for row in chosen(project)) == told["chosen"]
    assert "generation: 0 chosen, 6 labeled before" in said
    memory = Memory.of(project)
    parents = {thing.place for thing in memory.parents(memory.find("artifacts/selected-1"))}
    assert {"data/rankings", "data/rankings-more"} < parents, "what was labeled had a part in it"
    select(project, "random", 6)
    assert facts(project, 2)["chosen"].get("generation", 0) > 2, "the control"


def of_generation(asked: Prompt) -> Prompt:
    return asked.model_copy(update={"use_case": "generation"})


def test_what_is_labeled_trains_and_is_not_chosen_again(project: Path) -> None:
    select(project, "random", 5)
    labels = [
        Ranking(id=row.id, prompt=row.prompt, responses=row.responses, labeler=TRAINING,
                groups=tuple((response.id,) for response in row.responses))
        for row in chosen(project)
    ]  # fmt: skip
    write_artifact(project / "data" / "rankings-selected-1", labels, "rankings")
    assert preceptor("reward", "-p", project).code == 0
    trained = {row.id for row in read_artifact(project / "artifacts" / "rankings", Ranking).rows}
    assert {row.id for row in labels} <= trained
    select(project, "random", 5)
    dropped = read_manifest(project / "artifacts" / "selected-2").dropped
    assert dropped["labeled already"] >= 5
    assert "chosen before" not in dropped


def test_one_that_was_cut_off_before_it_was_kept_is_made_again(project: Path) -> None:
    select(project, "random", 4)
    first = chosen(project)
    (project / "artifacts" / "selected-1").rename(project / "lost")
    select(project, "random", 4)
    assert chosen(project) == first


def test_more_than_there_are_is_said(project: Path) -> None:
    said = select(project, "random", 500)
    assert "500 were asked for, and no more were found" in said


def test_nothing_to_choose_from(project: Path, tmp_path: Path) -> None:
    outcome = preceptor(
        "prompts", "select", "--by", "random", "--num", "3", "-p", project, "--set", "prompts.num_rl=4000"
    )
    assert outcome.code == 2
    assert "none of 128 prompts is left to choose from" in outcome.said
    assert "in a set already" in outcome.said
    preceptor("init", tmp_path / "new")
    outcome = preceptor("prompts", "select", "--by", "random", "--num", "3", "-p", tmp_path / "new")
    assert outcome.code == 2
    assert "there is no sft model yet" in outcome.said
    for wrong in (("--by", "chance", "--num", "3"), ("--by", "uncertainty", "--num", "3", "--members", "1")):
        assert preceptor("prompts", "select", *wrong, "-p", project).code == 2


def test_hash_order_is_what_random_means(project: Path) -> None:
    select(project, "random", 7)
    written = read_artifact(project / "data" / "demonstrations", Demonstration).rows
    taken = in_sets(project) | {row.prompt.id for row in written}
    rows = [
        row
        for row in read_artifact(project / "data" / "prompts", Prompt).rows
        if row.split == "train" and row.id not in taken
    ]
    assert [row.prompt.id for row in chosen(project)] == [row.id for row in by_random(rows, 7, 0)]
