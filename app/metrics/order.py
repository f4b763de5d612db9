"""The order in which pages show tags, so that the first ones can be sent before the page asks for them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

FLAT = 8
"""So few tags are shown without sections."""
_NUMBER = re.compile(r"(\d+)")


def in_order(tags: Iterable[str]) -> list[str]:
    """Tags by section, the ones without a section first, numbers in names by their size.

    >>> in_order(["val/loss", "val/acc", "layer10", "layer9", "train/loss"])
    ['layer9', 'layer10', 'train/loss', 'val/acc', 'val/loss']
    """
    every = sorted(set(tags), key=_natural)
    if len(every) <= FLAT:
        return every
    sections = Counter(_section(tag) for tag in every)
    return sorted(every, key=lambda tag: _natural(_section(tag) if sections[_section(tag)] > 1 else ""))


def _section(tag: str) -> str:
    head, slash, rest = tag.partition("/")
    return head if slash and head and rest else ""


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts = _NUMBER.split(text)
    return [_size(part) if part.isdecimal() else (1, 0, part.casefold()) for part in parts if part]


def _size(digits: str) -> tuple[int, int, str]:
    """Numbers by how many digits they have, then by these: int() refuses very long ones."""
    plain = "".join(str(unicodedata.decimal(digit)) for digit in digits).lstrip("0")
    return (0, len(plain), plain)
