"""Markdown of a report: read once into tokens, from which the page, the HTML file and the PDF are made.

HTML in the text is text, links lead where no script runs, and pictures from elsewhere become links: a report makes no
request that its reader does not ask for.
"""

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from app.reports.blocks import KINDS, Kind

Figure = Callable[[Kind, str], str]
"""Makes the HTML of a block from its kind and its text."""


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables and strikethrough, without HTML."""
    return MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])


def tokens(body: str) -> list[Token]:
    """The document, with headings one level lower: the title of the page is the first."""
    found = parser().parse(body)
    for token in found:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return found


def block_of(token: Token) -> Kind | None:
    """Which of our blocks a fence is."""
    name = token.info.strip().split()[0] if token.type == "fence" and token.info.strip() else ""
    return next((kind for kind in KINDS if kind == name), None)


def blocks_of(body: str) -> list[tuple[Kind, str]]:
    """The blocks of a report, in order: kind and text."""
    return [(kind, token.content) for token in tokens(body) if (kind := block_of(token))]


def to_html(body: str, figure: Figure, *, origin: str = "") -> str:
    """HTML of a report. `figure` makes what stands for a block; `origin` goes before links within Danlu."""
    found = tokens(body)
    for token in found:
        for child in token.children or ():
            _tame(child, origin)
    return _Renderer(figure).render(found, parser().options, {})


def _tame(token: Token, origin: str) -> None:
    if token.type != "link_open":
        return
    href = str(token.attrGet("href") or "")
    if href.startswith("/") and not href.startswith("//"):
        token.attrSet("href", origin + href)
    elif not href.startswith("#"):
        token.attrSet("rel", "noopener noreferrer")


class _Renderer(RendererHTML):
    """As markdown-it's, but for our blocks, pictures and wide tables."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self.figure = figure

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002
        """One of our blocks, or code."""
        token = tokens[idx]
        kind = block_of(token)
        if kind is not None:
            return self.figure(kind, token.content)
        return f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002
        """Indented code."""
        return f'<pre tabindex="0"><code>{escape(tokens[idx].content)}</code></pre>\n'

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A picture that stands in the text itself; one from elsewhere is a link."""
        token = tokens[idx]
        words = self.renderInlineAsText(token.children or [], options, env)
        source = str(token.attrGet("src") or "")
        if source.startswith("data:image/"):
            return f'<img src="{escape(source)}" alt="{escape(words)}">'
        inside = sum(token.nesting for token in tokens[:idx] if token.type.startswith("link_"))
        if inside:  # of a link already, as a badge is
            return escape(words or source)
        return f'<a href="{escape(source)}" rel="noopener noreferrer">{escape(words or source)}</a>'

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002
        """A table in a frame of its own, which is scrolled instead of the page."""
        return '<div class="table-wrap" tabindex="0" role="region" aria-label="Table"><table class="table">\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002
        """Its end."""
        return "</table></div>\n"

    def td_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002
        """A cell; its alignment as a class, for a style attribute would be refused."""
        return _cell(tokens[idx], "td")

    def th_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002
        """A cell of the head."""
        return _cell(tokens[idx], 'th scope="col"')


def _cell(token: Token, tag: str) -> str:
    style = str(token.attrGet("style") or "")
    return f'<{tag} class="num">' if style.endswith("right") else f"<{tag}>"
