"""The pure scripts, each run as it is in a real Chromium."""

import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

import preceptor.labeling

STATIC = Path(preceptor.labeling.__file__).parent / "static"
ORIGIN = "http://room.test"


def serve(route: Route) -> None:
    """The scripts, and an empty page around them."""
    path = STATIC / route.request.url.removeprefix(f"{ORIGIN}/")
    if path.suffix == ".js":
        route.fulfill(path=path, content_type=mimetypes.guess_type(path.name)[0])
    else:
        route.fulfill(body="<!DOCTYPE html><title>Scripts</title>", content_type="text/html")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.route(f"{ORIGIN}/**", serve)
    page.goto(f"{ORIGIN}/")
    yield page
    page.close()


@pytest.fixture(scope="module")
def run(page: Page) -> Callable[..., Any]:
    """Runs a piece of script that sees a module's functions under `m` and one argument, and gives its result."""

    def run(module: str, script: str, argument: object = None) -> Any:
        return page.evaluate(
            f"async ([module, argument]) => {{ const m = await import(module); {script} }}", [f"/{module}", argument]
        )

    return run
