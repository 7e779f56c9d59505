"""Whether `uncertainty` or `coverage` beats `random` at equal labels: `python -m benchmarks.prompts.selecting FOLDER`.

In the closed world, where all labelers are simulated and the gold judge knows the truth. For each seed one SFT model
and one set of rankings is made; then each way of selecting adds equally many pairs to these, a reward model learns from
both, and its order of pairs of fresh responses to test prompts is compared with the gold judge's. What is done is not
done again.
"""

import argparse
import json
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from preceptor.config import load_config
from preceptor.models.load import load_reward_model
from preceptor.models.scoring import score_responses
from preceptor.pipeline.collecting import choose_feedback, collect, demonstrations
from preceptor.pipeline.feedback import Feedback
from preceptor.pipeline.project import SHIPPED_RECIPES, Project
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.selecting import select_pairs
from preceptor.pipeline.single import latest, made, prepare
from preceptor.pipeline.stages import candidates_stage, reward_model_stage, sft_stage
from preceptor.records import Candidates, Demonstration, Ranking, read_artifact
from preceptor.stats import mean_interval

RESULTS = Path(__file__).parents[1] / "results" / "selecting.json"
ARMS = ("none", "random", "coverage", "uncertainty")
"""'none' adds no labels: what the others have to beat at all."""
NUM_FIRST, NUM_MORE, NUM_TEST, NUM_MEMBERS = 400, 600, 600, 3
SETTINGS = (
    "prompts.num_sft=600", f"prompts.num_reward={NUM_FIRST}", "prompts.num_rl=100", "prompts.num_test=900",
    "prompts.num_documents=0", "labels.held_out_share=1e-9", "labels.responses_per_prompt=4", "num_threads=1",
)  # fmt: skip


def main() -> None:
    """Print each arm's accuracy, and what it gains over `random`, with 95 % intervals over test prompts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    accuracies: dict[str, dict[str, list[float]]] = {arm: defaultdict(list) for arm in ARMS}
    for seed in range(options.seeds):
        start = opened(options.folder / f"seed-{seed}" / "start", seed)
        feedback = begin(start)
        for arm in ARMS:
            for name, value in one_arm(start, feedback, arm).items():
                accuracies[arm][name].append(value)
        RESULTS.write_text(json.dumps(summary(accuracies, seed + 1), indent=2) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


def opened(folder: Path, seed: int) -> Project:
    """A project with the quickstart's recipe, smaller."""
    recipe = load_config(Recipe, SHIPPED_RECIPES / "quickstart.yaml", [*SETTINGS, f"seed={seed}"])
    folder.mkdir(parents=True, exist_ok=True)
    return Project(folder, recipe, print)


def begin(project: Project) -> Feedback:
    """An SFT model, and rankings of pairs of its responses."""
    prepare(project)
    feedback = choose_feedback(project)
    sets, documents = collect(project, feedback)
    train, valid = demonstrations(project, feedback, sets)
    sft = sft_stage(project, train, valid, documents["train"]).path / "model"
    prompts = project.keep("prompts-reward", sets.reward[0], "prompts")
    candidates = candidates_stage(project, {"sft": sft}, prompts, "candidates")
    first = [row.model_copy(update={"responses": row.responses[:2]}) for row in candidates.rows]
    project.keep("rankings", feedback.rankings(first, project.directory), "rankings")
    project.keep("rankings-held-out", list[Ranking](), "rankings")
    test = project.keep("prompts-test", sets.test[:NUM_TEST], "prompts")
    candidates_stage(project, {"sft": sft}, test, "candidates-test")
    return feedback


def one_arm(start: Project, feedback: Feedback, arm: str) -> dict[str, float]:
    """Test prompt → share of its pairs that a reward model with this arm's labels puts in the gold judge's order."""
    project = Project(start.directory.parent / arm, start.recipe, print)
    if not project.directory.exists():
        shutil.copytree(start.directory, project.directory, symlinks=True)
    rankings = list(made(start, "rankings", Ranking).rows)
    if arm != "none":
        selected = project.directory / "artifacts" / "selected-1"
        if not selected.exists():
            print("\n".join(select_pairs(project, arm, NUM_MORE, NUM_MEMBERS)))
        rankings += feedback.rankings(read_artifact(selected, Candidates).rows, project.directory)
    kept = project.keep("rankings-all", rankings, "rankings")
    written = made(start, "demonstrations", Demonstration)
    done = reward_model_stage(project, latest(project, "sft"), kept, written, "reward_model")
    test = latest_candidates(start)
    return by_prompt(feedback, test, done.path / "model") | {"labels": float(len(rankings))}


def latest_candidates(project: Project) -> Sequence[Candidates]:
    """Responses to the test prompts."""
    return read_artifact(project.directory / "latest" / "candidates-test" / "candidates", Candidates).rows


def by_prompt(feedback: Feedback, rows: Sequence[Candidates], model: Path) -> dict[str, float]:
    """Prompt id → accuracy on pairs that differ in gold utility; without prompts that have no such pair."""
    items = [(row.prompt.messages, response) for row in rows for response in row.responses]
    scores = iter(score_responses(load_reward_model(model), items))
    shares = {}
    for row in rows:
        gold = [feedback.gold(row.prompt, response.text)["gold_utility"] for response in row.responses]  # type: ignore[index]
        told = [next(scores) for _ in row.responses]
        pairs = [(i, j) for i, j in combinations(range(len(gold)), 2) if gold[i] != gold[j]]
        if pairs:
            shares[row.prompt.id] = float(np.mean([(gold[i] > gold[j]) == (told[i] > told[j]) for i, j in pairs]))
    return shares


def summary(accuracies: Mapping[str, Mapping[str, Sequence[float]]], num_seeds: int) -> dict[str, object]:
    """Means over test prompts of all seeds, with intervals; gains are paired by prompt."""
    shares = {
        arm: np.array([value for name, values in found.items() if name != "labels" for value in values])
        for arm, found in accuracies.items()
    }
    rows = {}
    for arm, values in shares.items():
        accuracy, gain = mean_interval(values), mean_interval(values - shares["random"])
        rows[arm] = {
            "labels": accuracies[arm]["labels"],
            "accuracy": [accuracy.value, accuracy.low, accuracy.high],
            "gain_over_random": [gain.value, gain.low, gain.high],
        }
    return {"labelers": "simulated", "seeds": num_seeds, "first_pairs": NUM_FIRST, "more_pairs": NUM_MORE, "arms": rows}


if __name__ == "__main__":
    main()
