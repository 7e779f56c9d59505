"""The example report, written once."""

from pathlib import Path

import pytest

from preceptor.reporting.prompt_report import write_prompt_report
from preceptor.reporting.report import write_report
from tests.reporting.example_prompts import example_prompts
from tests.reporting.example_report import example_report


@pytest.fixture(scope="session")
def report_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HTML file with hostile texts in it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(example_report(), path)
    return path


@pytest.fixture(scope="session")
def prompts_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the prompts, with hostile texts in it."""
    path = tmp_path_factory.mktemp("prompts") / "prompts.html"
    write_prompt_report(example_prompts(), path)
    return path
