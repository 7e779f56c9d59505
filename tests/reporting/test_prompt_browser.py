"""The report of the prompts in a real browser: no network, no errors, no overflow, hostile text inert, printable."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.reporting.pages import CLIPPED, Watched


def test_opens_offline_with_hostile_text_inert(browser: Browser, prompts_path: Path) -> None:
    with Watched(browser, prompts_path) as watched:
        assert watched.complaints == []
        assert [url for url in watched.requests if url != "data:,"] == [prompts_path.as_uri()]
        headline = "8,490 prompts in 4 sets, out of 20,000 raw ones."
        assert watched.page.title() == f"Prompts: {headline}"
        assert watched.page.locator("h1").inner_text() == headline
        assert watched.page.locator("main script, main img").count() == 0
        assert "<script>document.title='owned'</script>" in watched.page.locator("#private").inner_text()
        assert watched.page.locator("table").count() == watched.page.locator("table > caption").count() == 2


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_no_width_scrolls_sideways(browser: Browser, prompts_path: Path, width: int) -> None:
    with Watched(browser, prompts_path, viewport={"width": width, "height": 800}) as watched:
        widths = watched.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1] == width


@pytest.mark.parametrize("width", [375, 1280])
def test_no_label_of_a_figure_is_clipped(browser: Browser, prompts_path: Path, width: int) -> None:
    with Watched(browser, prompts_path, viewport={"width": width, "height": 800}) as watched:
        assert watched.page.evaluate(CLIPPED) == []


def test_dark_mode_turns_page_and_figures(browser: Browser, prompts_path: Path) -> None:
    colours = """() => [getComputedStyle(document.body).backgroundColor,
                        getComputedStyle(document.querySelector('figure svg path[style*="--accent"]')).fill]"""
    with (
        Watched(browser, prompts_path, color_scheme="light") as light,
        Watched(browser, prompts_path, color_scheme="dark") as dark,
    ):
        assert light.page.evaluate(colours) == ["rgb(253, 253, 251)", "rgb(11, 107, 93)"]
        assert dark.page.evaluate(colours) == ["rgb(22, 24, 26)", "rgb(92, 201, 181)"]


def test_prints_to_paper_with_the_configuration(browser: Browser, prompts_path: Path) -> None:
    with Watched(browser, prompts_path, color_scheme="dark", viewport={"width": 688, "height": 970}) as watched:
        watched.page.emulate_media(media="print")
        assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 688  # A4 between its margins
        assert watched.page.locator("details pre").evaluate("node => node.getBoundingClientRect().height") > 0
        assert watched.page.pdf(format="A4").startswith(b"%PDF")
