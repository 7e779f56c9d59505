"""Labels that simulated labelers made in the labelling room are those that they make by function calls."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from preceptor.errors import UserError
from preceptor.labeling.server import open_room
from preceptor.pipeline.asking import ask, world_prompts
from preceptor.pipeline.building import POOL
from preceptor.pipeline.human import TEST
from preceptor.pipeline.imported import Imported
from preceptor.pipeline.labels import LabelsConfig
from preceptor.pipeline.project import Project
from preceptor.pipeline.recipe import PromptsConfig, Recipe
from preceptor.pipeline.served import ServedFeedback
from preceptor.pipeline.simulated import SimulatedFeedback
from preceptor.pipeline.withdrawing import withdraw
from preceptor.records import (
    Candidates,
    Demonstration,
    Message,
    Prompt,
    Ranking,
    Response,
    Sampling,
    read_manifest,
    write_artifact,
)
from preceptor.records.withdrawn import LABELER, USER
from preceptor.simulation.world import FLAWS, World
from preceptor.store.tables import Answer, Labeler, Stage, Token

RECIPE = Recipe(
    feedback="simulated",
    prompts=PromptsConfig(num_sft=12, num_reward=20, num_rl=2, num_test=4, num_documents=0),
    labels=LabelsConfig(num_labelers=5, num_held_out_labelers=4, held_out_share=0.4),
)


def direct_feedback(project: Path, say: Callable[[str], None] = print) -> SimulatedFeedback:
    return SimulatedFeedback(RECIPE, Imported(project / "data", RECIPE, say))


def served_feedback(project: Path, say: Callable[[str], None] = print) -> ServedFeedback:
    return ServedFeedback(RECIPE, Imported(project / "data", RECIPE, say), project)


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    return world_prompts(RECIPE)[:36]


def candidates(prompts: list[Prompt], names: tuple[str, ...], prefix: str = "") -> list[Candidates]:
    """Responses with and without flaws, two of them the same."""
    world, rows = World(), []
    for place, prompt in enumerate(prompts):
        texts = [
            world.answer(prompt, np.random.default_rng((place, number)), frozenset(FLAWS[number : number + 1]))
            for number in range(len(names) - 1)
        ]
        sampling = Sampling(max_tokens=40)
        responses = tuple(
            Response(id=f"{prompt.id}-{name}", text=text, model=name, sampling=sampling, tokens=(1, 2))
            for name, text in zip(names, [*texts, texts[0]], strict=True)
        )
        rows.append(Candidates(id=f"{prefix}{prompt.id}", prompt=prompt, responses=responses))
    return rows


def test_the_labels_are_the_same(prompts: list[Prompt], tmp_path: Path) -> None:
    direct, served = direct_feedback(tmp_path), served_feedback(tmp_path)
    todo, shown = tmp_path / "todo", candidates(prompts[12:32], ("a", "b", "c", "d"))
    assert served.demonstrations(prompts[:12], todo / "demonstrations") == direct.demonstrations(prompts[:12], todo)
    ranked = served.rankings(shown, todo / "rankings")
    assert ranked == direct.rankings(shown, todo)
    assert {row.labeler.group for row in ranked} == {"training", "held_out"}
    assert any(len(group) > 1 for row in ranked for group in row.groups)
    final = candidates(prompts[32:], ("base", "sft", "ppo"), TEST)
    assert served.evidence(final, todo / "evaluation") == direct.evidence(final, todo)


def test_they_work_as_anybody_does(prompts: list[Prompt], tmp_path: Path) -> None:
    """Under accounts that say 'simulated', each in the stages of its own group; asked again they have done it all."""
    served, todo = served_feedback(tmp_path), tmp_path / "todo"
    first = served.rankings(candidates(prompts, ("a", "b", "c", "d")), todo / "rankings")
    again = served.rankings(candidates(prompts, ("a", "b", "c", "d")), todo / "rankings")
    assert again == first
    room = open_room(tmp_path, None)
    with room.database.read() as session:
        assert set(session.scalars(select(Labeler.origin))) == {"simulated"}
        stages = {stage.name: stage for stage in session.scalars(select(Stage))}
        assert {name: (one.group, one.overlap) for name, one in stages.items()} == {
            "rankings": ("training", 1), "rankings-held-out": ("held_out", 2),
        }  # fmt: skip
        answers = session.execute(select(Answer.status, func.count()).group_by(Answer.status)).all()
        assert dict(answers) == {"counted": len(first)}  # type: ignore[arg-type]
        live = session.scalars(select(Token).where(Token.revoked_at.is_(None))).all()
        assert live == []
    room.database.close()
    assert {path.parent.name for path in tmp_path.glob("data/*/manifest.json")} == {
        f"labels-{kind}{group}-simulated" for kind in ("rankings", "ratings") for group in ("", "-held-out")
    }


def test_what_changed_is_done_anew(prompts: list[Prompt], tmp_path: Path) -> None:
    served, direct, todo = served_feedback(tmp_path), direct_feedback(tmp_path), tmp_path / "todo"
    before, after = (candidates(prompts[:6], names) for names in (("a", "b", "c", "d"), ("a", "b", "c")))
    assert served.rankings(before, todo / "rankings") == direct.rankings(before, todo)
    assert served.rankings(after, todo / "rankings") == direct.rankings(after, todo)


def theirs(rows: Sequence[Demonstration | Ranking], name: str) -> list[str]:
    return [row.id for row in rows if row.labeler.id == name]


@pytest.mark.parametrize("way", ["id", "number"])
def test_a_simulated_labeler_withdraws_as_people_do(prompts: list[Prompt], tmp_path: Path, way: str) -> None:
    """What they did before stays out of later exports, nobody does it in their place, and the others do the same."""
    todo, shown = tmp_path / "todo", candidates(prompts[12:32], ("a", "b", "c", "d"))
    before = served_feedback(tmp_path)
    written = before.demonstrations(prompts[:12], todo / "demonstrations")
    ranked = before.rankings(shown, todo / "rankings")
    held_out = next(row.labeler.id for row in ranked if row.labeler.group == "held_out")
    gone = {"writer": written[0].labeler.id, "held out": held_out}
    project = Project(tmp_path, RECIPE, print)
    kept = project.keep("demonstrations", written, "demonstrations")
    for name in gone.values():
        done = withdraw(tmp_path, None, labeler=name if way == "id" else str(account_of(tmp_path, name)))
        assert done.person.account == account_of(tmp_path, name)
        assert done.rows.get("artifacts/demonstrations", (0, 12))[0] == len(theirs(kept.rows, name))
        assert sum(num for place, (num, _) in done.rows.items() if place.startswith("data/labels-")) > 0
    said: list[str] = []
    after, direct = served_feedback(tmp_path, said.append), direct_feedback(tmp_path)
    assert after.demonstrations(prompts[:12], todo / "demonstrations") == [
        row for row in written if row.labeler.id != gone["writer"]
    ] == direct.demonstrations(prompts[:12], todo)  # fmt: skip
    again = after.rankings(shown, todo / "rankings")
    assert again == [row for row in ranked if row.labeler.id not in gone.values()] == direct.rankings(shown, todo)
    assert 0 < len(again) < len(ranked)
    num = len(theirs(written, gone["writer"]))
    assert said[0] == f"simulated demonstrations: {num} rows are left out: {LABELER}"
    assert said[1] == f"simulated rankings: {len(ranked) - len(again)} rows are left out: {LABELER}"
    final = after.evidence(candidates(prompts[32:], ("base", "sft", "ppo"), TEST), todo / "evaluation")
    assert not theirs(final.rankings, gone["held out"])
    for name in gone.values():
        assert not [place for place in withdraw(tmp_path, None, labeler=name).rows if place.startswith("data/")]


def account_of(project: Path, name: str) -> int:
    room = open_room(project, None)
    with room.database.read() as session:
        found = session.scalars(select(Labeler.id).where(Labeler.name == name)).one()
    room.database.close()
    return found


def test_prompts_of_a_user_of_the_closed_world_who_withdrew_are_left_out_and_counted(tmp_path: Path) -> None:
    ask(Project(tmp_path, RECIPE, print))
    everything = direct_feedback(tmp_path).prompts()
    user = str(everything[0].user)
    withdraw(tmp_path, None, user=user)
    said: list[str] = []
    left = direct_feedback(tmp_path, said.append).prompts()
    assert left == [row for row in everything if row.user != user]
    assert said == [f"data/prompts-built: {len(everything) - len(left)} rows are left out: {USER}"]


def test_the_closed_world_asks_again_only_when_the_recipe_asks_for_other_prompts(tmp_path: Path) -> None:
    said: list[str] = []

    def asked(**changes: Any) -> tuple[str, set[str]]:
        project = Project(tmp_path, RECIPE.model_copy(update=changes), said.append)
        said.clear()
        ask(project)
        manifest = read_manifest(tmp_path / "data" / POOL)
        return manifest.content_hash, {prompt.text for prompt in direct_feedback(tmp_path).prompts()}

    first, texts = asked()
    assert any("new prompts" in line for line in said)
    assert asked() == (first, texts)
    assert not any("new prompts" in line for line in said)
    _, fresh = asked(seed=1)
    assert not texts & fresh, "what seed 0 asked is not in it"
    assert asked() == (first, texts)


def test_prompts_of_others_are_refused_by_simulated_labelers(tmp_path: Path) -> None:
    ask(Project(tmp_path, RECIPE, print))
    write_artifact(
        tmp_path / "data" / "mine", [Prompt(id="x", messages=(Message(role="user", content="Hi"),))], "prompts"
    )
    with pytest.raises(UserError, match="prompt 'x' is not of the closed world"):
        direct_feedback(tmp_path).prompts()
