"""Rendered text is inert, whole, and formatted: judged by what a real browser makes of it."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from preceptor.text.markdown import ATTRIBUTES, TAGS, render_markdown, render_plain
from tests.hostile import HOSTILE

SHOW = """html => {
    // Inserted, serialised and inserted again: what mutates on the way shows itself in the second reading.
    document.body.innerHTML = html;
    document.body.innerHTML = document.body.innerHTML;
    const elements = [...document.body.querySelectorAll('*')];
    return elements.map(e => [e.localName, e.namespaceURI, [...e.attributes].map(a => a.name)]);
}"""


class Shown:
    """An empty page, without any Content-Security-Policy, that tells what became of rendered text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.happened: list[str] = []
        page.on("request", lambda request: self.happened.append(f"asked for {request.url}"))
        page.on("dialog", lambda dialog: self.happened.append(f"opened a dialog: {dialog.message}"))
        page.on("pageerror", lambda error: self.happened.append(f"ran into {error}"))

    def problems(self, html: str) -> list[str]:
        """What is wrong with it; nothing when it is safe."""
        found = []
        for tag, namespace, attributes in self.page.evaluate(SHOW, html):
            if tag not in TAGS or namespace != "http://www.w3.org/1999/xhtml":
                found.append(f"<{tag}> of {namespace}")
            found += [f"{name} on <{tag}>" for name in attributes if name not in ATTRIBUTES.get(tag, ())]
        if self.page.evaluate("window.owned"):
            found.append("a script ran")
        return found + self.happened

    def text(self, html: str) -> str:
        self.page.evaluate(SHOW, html)
        return self.page.locator("body").inner_text()


@pytest.fixture(scope="module")
def shown(browser: Browser) -> Iterator[Shown]:
    page = browser.new_page()
    yield Shown(page)
    page.close()


def test_the_corpus_is_an_attack(browser: Browser) -> None:
    """The control: without the renderer, the same texts do run."""
    page = browser.new_page()
    raw = Shown(page)
    harmful = [text for text in HOSTILE if raw.problems(text.encode("utf-8", "replace").decode())]
    assert len(HOSTILE) >= 100
    assert len(harmful) >= 60
    assert page.evaluate("window.owned")
    page.close()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_inert(shown: Shown, text: str) -> None:
    assert shown.problems(render_markdown(text)) == []
    assert shown.problems(render_plain(text)) == []


def test_hostile_texts_together_are_inert(shown: Shown) -> None:
    assert shown.problems(render_markdown("\n".join(HOSTILE))) == []
    assert shown.problems(render_markdown("\n\n> - ".join(HOSTILE))) == []


pieces = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(HOSTILE),
        st.sampled_from(
            ["*", "**", "`", "```\n", "[", "](", ")", "![", "<", ">", "&", "|", "\n", "\n\n", "- ", "1. ", "> ", "#"]
        ),
        st.sampled_from(["<b ", "</p>", "<!--", "-->", "&lt;", "'", '"', "=", "\\", "\x00", "onerror=", "javascript:"]),
    ),
    max_size=12,
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=pieces)
def test_only_allowed_tags_and_attributes_ever(shown: Shown, text: str) -> None:
    assert shown.problems(render_markdown(text)) == []


@settings(max_examples=300, deadline=None)
@given(text=pieces)
def test_no_letter_is_ever_hidden(text: str) -> None:
    written = sorted(char for char in text if char.isalpha() and char.isascii())
    kept = list(filter(str.isalpha, render_markdown(text).striptags()))
    for char in written:
        kept.remove(char)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "<p>a<br>\nb</p>\n<p>c</p>\n"),
        ("# One\n### Three", "<h4>One</h4>\n<h6>Three</h6>\n"),
        ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>\n"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
        ("```python\nx < 1\n```", "<small>python</small><pre><code>x &lt; 1\n</code></pre>\n"),
        ("```\nx\n```", "<pre><code>x\n</code></pre>\n"),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>\n"),
        ("[x](https://e.org/ü 'T')", '<p>x (https://e.org/ü "T")</p>\n'),
        ("<https://e.org>", "<p>https://e.org</p>\n"),
        ("![a [b](c)](https://e.org/x.png)", "<p>a b (c) (https://e.org/x.png)</p>\n"),
        ("[x]: https://e.org", "<p>[x]: https://e.org</p>\n"),
        ("<b>x</b> &amp; y", "<p>&lt;b&gt;x&lt;/b&gt; &amp;amp; y</p>\n"),
        ("a\u202eb\x00\ud800", "<p>a⟨U+202E⟩b⟨U+0000⟩⟨U+D800⟩</p>\n"),
        ("", ""),
    ],
)
def test_what_markdown_becomes(text: str, html: str) -> None:
    assert render_markdown(text) == html


def test_a_table_is_a_table(shown: Shown) -> None:
    html = render_markdown("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert [tag for tag, *_ in shown.page.evaluate(SHOW, html)].count("td") == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("| a |\n|---|\n| 1 | 42 |", id="a cell too many"),
        pytest.param(">" * 40 + " deep", id="nested without end"),
        pytest.param("[x](<a&auml;>)", id="an entity in an address"),
    ],
)
def test_what_markdown_would_hide_is_shown_as_written(shown: Shown, text: str) -> None:
    assert render_markdown(text) == render_plain(text)
    assert shown.text(render_plain(text)).strip() == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 10_000, id="brackets"),
        pytest.param("![a" * 2_000 + "](x)" * 2_000, id="images in images"),
        pytest.param("*a" * 10_000, id="stars"),
        pytest.param(">" * 10_000 + "x", id="quotes"),
        pytest.param("\n" * 20_000 + " " * 20_000, id="blanks"),
        pytest.param("1. " * 5_000, id="numbers"),
        pytest.param("`" * 10_000 + "a", id="ticks"),
        pytest.param("|a" * 1_000 + "\n" + "|-" * 1_000 + "\n" + "|b" * 1_000, id="a wide table"),
    ],
)
def test_no_text_takes_long(text: str) -> None:
    start = time.perf_counter()
    render_markdown(text)
    assert time.perf_counter() - start < 5
