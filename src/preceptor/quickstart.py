"""The whole story on the bundled model with simulated labelers."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from preceptor.config import load_config
from preceptor.pipeline.project import RECIPE, Project, create_project
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.run import run_pipeline
from preceptor.reporting.data import ReportData


def run_quickstart(directory: Path, seed: int, overrides: Sequence[str]) -> ReportData:
    """Make the project unless it is there, and run its pipeline; run again, it goes on where it stopped."""
    if not (directory / RECIPE).is_file():
        create_project(directory, "quickstart")
    recipe = load_config(Recipe, directory / RECIPE, [f"seed={seed}", *overrides])
    with Project(directory, recipe, Console(stderr=True, highlight=False).print) as project:
        return run_pipeline(project)
