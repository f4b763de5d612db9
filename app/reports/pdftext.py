"""Inline Markdown as the markup of ReportLab's paragraphs."""

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from markdown_it.token import Token

from app.reports import fonts
from app.reports.style import LINK

_OPEN = {"strong_open": "<b>", "em_open": "<i>", "s_open": "<strike>"}
_CLOSE = {"strong_close": "</b>", "em_close": "</i>", "s_close": "</strike>"}
_OUTSIDE = re.compile(r"(?!data:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def inline(tokens: Iterable[Token], origin: str) -> str:
    """The markup of one paragraph; `origin` goes before links within Danlu."""
    out: list[str] = []
    closing: list[str] = []  # of the links that are open: one that leads nowhere outside of its page is none
    for token in tokens:
        if token.type == "text":
            out.append(plain(token.content))
        elif token.type == "code_inline":
            out.append(plain(token.content, fonts.MONO))
        elif token.type == "softbreak":
            out.append(" ")
        elif token.type == "hardbreak":
            out.append("<br/>")
        elif token.type == "link_open":
            link = _link(str(token.attrGet("href") or ""), origin)
            closing.append("</a>" if link else "")
            out.append(link)
        elif token.type == "link_close":
            out.append(closing.pop())
        elif token.type == "image":
            words = token.content or "picture"
            source = str(token.attrGet("src") or "")
            link = "" if any(closing) else _link(source, origin)
            out.append(f"{link}{plain(words)}</a>" if link else plain(f"[{words}]"))
        else:
            out.append(_OPEN.get(token.type) or _CLOSE.get(token.type) or "")
    return "".join(out)


def plain(text: str, font: str = fonts.SANS) -> str:
    """A text whose every sign stands in a font that has it."""
    marked = []
    for name, piece in fonts.pieces(text, font):
        words = escape(piece)
        marked.append(words if name == fonts.SANS else f'<font name="{name}">{words}</font>')
    return "".join(marked)


def mostly_eastern(text: str) -> bool:
    """Whether lines may end between any two signs, as in Chinese."""
    return sum(map(fonts.is_eastern, text)) * 4 > len(text)


def _link(href: str, origin: str) -> str:
    """The begin of a link; "" where a file of its own has nothing that the address means."""
    if href.startswith("/") and not href.startswith("//"):
        href = origin + href
    if not _OUTSIDE.match(href):
        return ""
    return f"<a href={quoteattr(href)} color={quoteattr(LINK)}>"
