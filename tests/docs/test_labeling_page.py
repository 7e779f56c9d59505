"""The page on the labelling room shows pictures that are there, and all of them are small enough to be kept."""

import re
from pathlib import Path

from preceptor.labeling.tasks import kinds

DOCS = Path(__file__).parents[2] / "docs"
MOST_BYTES = 1_500_000


def test_every_picture_is_there_and_every_kind_has_one() -> None:
    page = (DOCS / "labeling.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\((screenshots/[^)]+)\)", page)
    assert [name for name in shown if not (DOCS / name).is_file()] == []
    assert [kind for kind in kinds() if not any(kind.replace("_", "-") in name for name in shown)] == []


def test_the_pictures_are_few_and_small() -> None:
    assert sum(path.stat().st_size for path in (DOCS / "screenshots").iterdir()) < MOST_BYTES
