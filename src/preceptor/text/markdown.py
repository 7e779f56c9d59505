"""The one safe renderer: Markdown that people and models wrote, as HTML that can do nothing but be read."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

TAGS = {
    "p", "br", "hr", "h4", "h5", "h6", "em", "strong", "s", "small", "code", "pre", "blockquote", "ul", "ol", "li",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
"""Every tag that rendered text may hold."""

ATTRIBUTES = {"ol": {"start"}}
"""Every attribute that they may have, by tag."""

# Nobody sees these, or they turn the letters after them around. Tab, newline and what joins emoji are none of them.
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LIST_NUMBERS = re.compile(r"^(?:[ \t>*+-]*[0-9]{1,9}[.)](?=\s|$))+", re.MULTILINE)


@lru_cache(maxsize=1024)  # the same response is shown to several labelers, and again after each reload
def render_markdown(text: str) -> Markup:
    """Text as safe HTML: formatted, nothing fetched, nothing to click, nothing hidden.

    Links and images become their words with the address behind them. Raw HTML shows as it was written. Headings begin
    at `h4`, below those of a page. Where Markdown would leave out letters or digits (a cell too many in a table,
    nesting without end), the whole text shows as it was written.
    """
    seen = visible(text)
    html = nh3.clean(_PARSER.render(seen), tags=TAGS, attributes=ATTRIBUTES, url_schemes=set(), link_rel=None)
    kept = _letters(Markup(html).striptags())
    return Markup(html) if _letters(LIST_NUMBERS.sub("", seen)) <= kept else render_plain(text)


def render_plain(text: str) -> Markup:
    """Text as it was written, in one `pre`."""
    return Markup("<pre>{}</pre>\n").format(visible(text))


def visible(text: str) -> str:
    """Text with control characters, turners of direction and halves of characters spelled out: `⟨U+202E⟩`."""
    return UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def _letters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, text))


def _render_code(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A block of code under the name of its language."""
    name = tokens[index].info.strip()
    return Markup("{}<pre><code>{}</code></pre>\n").format(
        Markup("<small>{}</small>").format(name) if name else "", tokens[index].content
    )


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 3, 6)}"


def _spell_addresses(state: StateCore) -> None:
    for token in state.tokens:
        if token.children is not None:
            token.children = list(_without_links(token.children))


def _without_links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Inline tokens with ` (address "title")` behind what was a link, and words for what was an image."""
    link = None
    for token in tokens:
        if token.type == "link_open":
            link = token
        elif token.type == "link_close":
            if link is not None and link.info != "auto":  # `<https://…>` says its address already
                yield _text(_address(link, "href"))
        elif token.type == "image":
            yield from _without_links(token.children or ())
            yield _text(_address(token, "src"))
        else:
            yield token


def _address(token: Token, attribute: str) -> str:
    title = token.attrGet("title")
    return f" ({token.attrGet(attribute)}" + (f' "{title}")' if title else ")")


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.disable(["reference", "entity"])  # both would show something else than what was written
    parser.normalizeLink = parser.normalizeLinkText = str  # an address is text here, and shows as it was written
    parser.core.ruler.push("lower_headings", _lower_headings)
    parser.core.ruler.push("spell_addresses", _spell_addresses)
    parser.add_render_rule("fence", _render_code)
    return parser


_PARSER = _parser()
