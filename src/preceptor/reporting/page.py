"""Pages of one HTML file that opens anywhere: no network, no script, readable on a phone and on paper."""

import os
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def fill(template: str, **values: Any) -> str:
    """A page out of a template; every text among the values is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(css=css, **values)


def write_whole(path: Path, text: str) -> None:
    """Write the text aside and rename it: whoever opens the path sees a whole file, old or new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
