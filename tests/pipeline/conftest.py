"""A project whose pipeline ran to its end, in the planted language."""

import shutil
from pathlib import Path

import pytest

from preceptor.pipeline.run import run_pipeline
from tests.planted import write_planted_model
from tests.planted_project import open_planted, recipe, write_data, write_recipe


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished project, not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    write_recipe(folder / "project", recipe(write_planted_model(folder / "model")))
    write_data(folder / "project")
    run_pipeline(open_planted(folder / "project"), force="a test")
    return folder / "project"


@pytest.fixture
def project(finished_project: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return Path(shutil.copytree(finished_project, tmp_path / "project", symlinks=True))
