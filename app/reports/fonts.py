"""Fonts of the PDF. What DejaVu Sans can write, it writes, and the file carries the letters that it uses.

Chinese, Japanese and Korean stand in the standard fonts of PDF for them (STSong, HeiseiMin, HYSMyeongJo), which every
reader replaces by one of its own: nothing has to be installed on the server, and text can be searched and copied.
A sign that none of them has, such as an emoji, becomes U+FFFD.
"""

from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from threading import Lock

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

SANS, BOLD, ITALIC, BOTH, MONO = "Danlu", "Danlu-Bold", "Danlu-Italic", "Danlu-BoldItalic", "Danlu-Mono"
FILES = {
    SANS: "DejaVuSans", BOLD: "DejaVuSans-Bold", ITALIC: "DejaVuSans-Oblique", BOTH: "DejaVuSans-BoldOblique",
    MONO: "DejaVuSansMono",
}  # fmt: skip
CHINESE, JAPANESE, KOREAN = "STSong-Light", "HeiseiMin-W3", "HYSMyeongJo-Medium"
_lock = Lock()


def register() -> None:
    """Make the fonts known; repeating it is harmless."""
    with _lock:
        if SANS in pdfmetrics.getRegisteredFontNames():
            return
        for name in (CHINESE, JAPANESE, KOREAN):
            pdfmetrics.registerFont(UnicodeCIDFont(name))
        for name, file in FILES.items():
            pdfmetrics.registerFont(TTFont(name, str(folder() / f"{file}.ttf")))
        pdfmetrics.registerFontFamily(SANS, normal=SANS, bold=BOLD, italic=ITALIC, boldItalic=BOTH)


@cache
def folder() -> Path:
    """Where DejaVu lies: matplotlib, which the recipes draw with, brings it along."""
    found = find_spec("matplotlib")
    assert found is not None  # noqa: S101 - one of Danlu's own dependencies
    assert found.origin is not None  # noqa: S101 - a package with files
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


def pieces(text: str, font: str = SANS) -> list[tuple[str, str]]:
    """The text in pieces of (font, text), each of which that font can write."""
    have = pdfmetrics.getFont(font).face.charToGlyph
    eastern = _eastern(text)
    parts: list[tuple[str, str]] = []
    for name, chars in groupby(text, lambda char: font if ord(char) in have else eastern):
        piece = "".join(chars)
        parts.append((name, piece if name == font else "".join(map(_known, piece))))
    return [
        (font, text) if name == eastern and set(text) <= {"\ufffd"} else (name, text) for name, text in parts
    ]


def is_eastern(char: str) -> bool:
    """Whether one of the fonts for Chinese, Japanese and Korean has it."""
    code = ord(char)
    return (
        0x1100 <= code <= 0x11FF
        or 0x2E80 <= code <= 0xD7A3
        or 0xF900 <= code <= 0xFAFF
        or 0xFE30 <= code <= 0xFE4F
        or 0xFF00 <= code <= 0xFFEF
    )


def width(text: str, size: float, font: str = SANS) -> float:
    """Width of a text in points."""
    return float(sum(pdfmetrics.stringWidth(piece, name, size) for name, piece in pieces(text, font)))


def _eastern(text: str) -> str:
    if any("\uac00" <= char <= "\ud7a3" for char in text):
        return KOREAN
    return JAPANESE if any("\u3040" <= char <= "\u30ff" for char in text) else CHINESE


def _known(char: str) -> str:
    return char if is_eastern(char) else "\ufffd"
