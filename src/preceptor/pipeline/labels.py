"""The recipe's section on labels; apart, so that the labelling room can read it without the stages."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from preceptor.config import BaseConfig, load_section

if TYPE_CHECKING:
    from preceptor.labeling.intake import Plan


class LabelsConfig(BaseConfig):
    """Who labels, and how much is enough."""

    num_labelers: int = Field(default=20, ge=1)
    """Simulated labelers of the training group."""
    num_held_out_labelers: int = Field(default=10, ge=1)
    """Simulated labelers of the held-out group; they judge the final evaluation and nothing that trains."""
    through_server: bool = False
    """Simulated labelers: whether they work in a labelling room, over HTTP, and its export is read. The labels are the
    same."""
    responses_per_prompt: int = Field(default=4, ge=2, le=9)
    """K: responses ranked together (4 to 9 in the paper)."""
    held_out_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of the ranked prompts that held-out labelers rank, to measure the reward model."""
    labelers_per_test_prompt: int = Field(default=2, ge=1)
    """Held-out labelers that judge each test prompt."""
    min_demonstrations: int = Field(default=100, ge=2)
    """Human feedback: SFT waits for so many."""
    min_rankings: int = Field(default=300, ge=2)
    """Human feedback: the reward model waits for so many."""
    min_evaluations: int = Field(default=100, ge=2)
    """Human feedback: the report waits for so many rankings of the policies' responses by held-out labelers."""


def plan_of(project: Path) -> "Plan":
    """How much of a project's work goes to whom."""
    from preceptor.labeling.intake import Plan  # the recipe must not load the labelling room

    labels = load_section(LabelsConfig, project / "recipe.yaml", "labels")
    return Plan(labels.held_out_share, labels.labelers_per_test_prompt)
