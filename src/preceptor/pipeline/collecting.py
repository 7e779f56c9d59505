"""What a project starts from: prompts shared out to the stages, pretraining text, demonstrations."""

from pathlib import Path

from preceptor.pipeline.feedback import Feedback
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.project import Project
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.sets import PromptSets, share_out
from preceptor.records import Artifact, Demonstration, Document


def choose_feedback(recipe: Recipe, data: Path) -> Feedback:
    """The kind of feedback that the recipe asks for."""
    if recipe.feedback == "human":
        return HumanFeedback(data, recipe)
    from preceptor.pipeline.simulated import SimulatedFeedback  # the closed world takes a moment to build

    return SimulatedFeedback(recipe)


def collect(project: Project, feedback: Feedback) -> tuple[PromptSets, dict[str, Artifact[Document]]]:
    """All prompts, shared out by user; and pretraining text, a part kept apart to measure the alignment tax."""
    recipe = project.recipe
    sets = share_out(feedback.prompts(), recipe.prompts, recipe.seed, recipe.rounds)
    texts = feedback.documents()
    cut = len(texts) - len(texts) // 11
    documents = {
        "train": project.keep("documents", texts[:cut], "documents"),
        "held_out": project.keep("documents-held-out", texts[cut:], "documents"),
    }
    return sets, documents


def demonstrations(
    project: Project, feedback: Feedback, sets: PromptSets
) -> tuple[Artifact[Demonstration], Artifact[Demonstration]]:
    """What labelers wrote, train and valid apart by user."""
    prompts = project.keep("prompts-sft", sets.sft, "prompts")
    rows = feedback.demonstrations(sets.sft, project.directory / "todo" / "demonstrations")
    parents = [prompts.manifest.content_hash]
    train = [row for row in rows if row.prompt.split == "train"]
    valid = [row for row in rows if row.prompt.split == "valid"]
    return (
        project.keep("demonstrations", train, "demonstrations", parents),
        project.keep("demonstrations-valid", valid, "demonstrations", parents),
    )
