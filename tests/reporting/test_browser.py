"""The report in a real browser: no network, no errors, no overflow on a phone, hostile text inert, printable."""

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.reporting.pages import CLIPPED, Watched


def test_opens_offline_without_errors_or_requests(browser: Browser, report_path: Path) -> None:
    with Watched(browser, report_path) as watched:
        assert watched.complaints == []
        assert [url for url in watched.requests if url != "data:,"] == [report_path.as_uri()]
        assert watched.page.locator("h1").inner_text() == "PPO and PPO-ptx are better than SFT."
        assert watched.page.locator("figure svg").count() == 15


def test_hostile_text_is_inert(browser: Browser, report_path: Path) -> None:
    with Watched(browser, report_path) as watched:
        assert watched.page.title() == "From base model to assistant: PPO and PPO-ptx are better than SFT."
        assert watched.page.locator("main script, main img").count() == 0
        assert "<script>document.title='owned'</script>" in watched.page.locator("#samples").inner_text()


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_no_width_scrolls_sideways(browser: Browser, report_path: Path, width: int) -> None:
    with Watched(browser, report_path, viewport={"width": width, "height": 800}) as watched:
        widths = watched.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth, window.innerWidth]"
        )
        assert widths[0] <= widths[1] == widths[2] == width


def test_tables_scroll_inside_on_a_phone_and_fit_on_a_desk(browser: Browser, report_path: Path) -> None:
    measure = "node => [node.scrollWidth, node.clientWidth]"
    with Watched(browser, report_path, viewport={"width": 375, "height": 800}) as watched:
        inner, outer = watched.page.locator("#policies .scroll").evaluate(measure)
        assert inner > outer
    with Watched(browser, report_path, viewport={"width": 1280, "height": 800}) as watched:
        for scroll in watched.page.locator(".scroll").all():
            inner, outer = scroll.evaluate(measure)
            assert inner <= outer


def test_no_label_of_a_figure_is_clipped(browser: Browser, report_path: Path) -> None:
    """Every text of every figure lies within its figure's width, in this machine's fonts."""
    with Watched(browser, report_path, viewport={"width": 375, "height": 800}) as watched:
        outside = watched.page.evaluate(CLIPPED)
        assert outside == []


def test_dark_mode_turns_page_and_figures(browser: Browser, report_path: Path) -> None:
    colours = """() => [getComputedStyle(document.body).backgroundColor,
                        getComputedStyle(document.querySelector('figure svg text')).fill]"""
    with (
        Watched(browser, report_path, color_scheme="light") as light,
        Watched(browser, report_path, color_scheme="dark") as dark,
    ):
        assert light.page.evaluate(colours) == ["rgb(253, 253, 251)", "rgb(98, 102, 107)"]
        assert dark.page.evaluate(colours) == ["rgb(22, 24, 26)", "rgb(157, 161, 166)"]


def test_every_table_and_figure_is_named(browser: Browser, report_path: Path) -> None:
    with Watched(browser, report_path) as watched:
        page = watched.page
        assert page.locator("table").count() == page.locator("table > caption").count() == 5
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.locator("html").get_attribute("lang") == "en"


def test_prints_to_pdf_on_paper_colours_with_the_configuration(browser: Browser, report_path: Path) -> None:
    with Watched(browser, report_path, color_scheme="dark", viewport={"width": 688, "height": 970}) as watched:
        watched.page.emulate_media(media="print")
        assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 688  # A4 between its margins
        assert watched.page.locator("details pre").evaluate("node => node.getBoundingClientRect().height") > 0
        pdf = watched.page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        assert 3 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 12
