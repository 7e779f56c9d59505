"""The example report, written once."""

from pathlib import Path

import pytest

from preceptor.reporting.report import write_report
from tests.reporting.example_report import example_report


@pytest.fixture(scope="session")
def report_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HTML file with hostile texts in it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(example_report(), path)
    return path
