"""Labels that simulated labelers made in the labelling room are those that they make by function calls."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from preceptor.labeling.server import open_room
from preceptor.pipeline.human import TEST
from preceptor.pipeline.labels import LabelsConfig
from preceptor.pipeline.recipe import PromptsConfig, Recipe
from preceptor.pipeline.served import ServedFeedback
from preceptor.pipeline.simulated import SimulatedFeedback
from preceptor.records import Candidates, Prompt, Response, Sampling
from preceptor.simulation.world import FLAWS, World
from preceptor.store.tables import Answer, Labeler, Stage, Token

RECIPE = Recipe(
    feedback="simulated",
    prompts=PromptsConfig(num_sft=12, num_reward=20, num_rl=2, num_test=4, num_documents=0),
    labels=LabelsConfig(num_labelers=5, num_held_out_labelers=4, held_out_share=0.4),
)


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    return SimulatedFeedback(RECIPE).prompts()[:36]


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
    direct, served = SimulatedFeedback(RECIPE), ServedFeedback(RECIPE, tmp_path)
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
    served, todo = ServedFeedback(RECIPE, tmp_path), tmp_path / "todo"
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
    served, direct, todo = ServedFeedback(RECIPE, tmp_path), SimulatedFeedback(RECIPE), tmp_path / "todo"
    before, after = (candidates(prompts[:6], names) for names in (("a", "b", "c", "d"), ("a", "b", "c")))
    assert served.rankings(before, todo / "rankings") == direct.rankings(before, todo)
    assert served.rankings(after, todo / "rankings") == direct.rankings(after, todo)
