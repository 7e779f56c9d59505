"""Pages under test: as tags, and open in a real browser."""

from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

CLIPPED = """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
        const place = text.getBoundingClientRect();
        return place.left < box.left - 2 || place.right > box.right + 2 || place.top < box.top - 2
            || place.bottom > box.bottom + 2;
    }).map(text => text.textContent);
})"""
"""Texts of figures that do not lie within their figure, in this machine's fonts."""


class Page(HTMLParser):
    """Tags, attributes and ids of a page; fails on tags that do not nest."""

    VOID: ClassVar[set[str]] = {"meta", "link", "img", "br", "hr", "input"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"


class Watched:
    """A page with the report open, and everything it asked for or complained of."""

    def __init__(self, browser: Browser, path: Path, **context: object) -> None:
        self.context = browser.new_context(offline=True, **context)
        self.page: Tab = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
