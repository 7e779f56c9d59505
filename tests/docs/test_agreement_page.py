"""docs/agreement.md names each measure and each reason that there is, and nothing else."""

import inspect
import re
from typing import get_args

from preceptor import stats
from preceptor.stats import LabelTable, RankingTable, Reason, agreement, alpha, habits, kappa, labelers, screening
from preceptor.stats.measure import Clusters
from tests.docs.pages import cells, page

PAGE = page("agreement.md")


def measures() -> set[str]:
    """Functions that measure something, and what the tables say of single labels and items."""
    modules = {module.__name__ for module in (agreement, alpha, habits, kappa, labelers, screening)}
    public = [getattr(stats, name) for name in stats.__all__]
    functions = {one.__name__ for one in public if inspect.isfunction(one) and one.__module__ in modules}
    methods = {name for table in (LabelTable, RankingTable) for name in dir(table) if name.startswith("agreement_")}
    return functions | methods


def test_every_measure_is_on_the_page() -> None:
    assert len(measures()) > 18
    assert measures() - set(re.findall(r"`(\w+)`", PAGE)) == set()


def test_every_name_on_the_page_is_there() -> None:
    known = measures() | set(stats.__all__) | {"distance"}
    named = {name for row in cells(PAGE) for name in re.findall(r"`(\w+)`", row[-1])}
    assert named - known == set()


def test_every_reason_is_explained() -> None:
    reasons = [row for row in cells(PAGE) if row[0] in get_args(Reason)]
    assert {row[0] for row in reasons} == set(get_args(Reason))
    assert all(row[1] for row in reasons)


def test_the_settings_of_the_page_are_those_of_the_code() -> None:
    parameters = inspect.signature(stats.fleiss_kappa).parameters
    assert f"{parameters['num_resamples'].default} resamples" in PAGE
    assert f"{parameters['confidence'].default:.0%}".replace("%", " %") in PAGE
    assert all(f'"{one}"' in PAGE for one in get_args(Clusters) if one != parameters["clusters"].default)
