"""Names of packed files: what a snapshot refuses, wherever it comes from, because some system could not keep it apart."""

from __future__ import annotations

import re
import unicodedata

MAX_PART_BYTES = 255
MAX_PATH_BYTES = 1000
MAX_DEPTH = 32

_DRIVE = re.compile(r"[A-Za-z]:")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_path(path: str) -> None:
    """Refuse a path that could leave its folder, or that another system reads differently.

    Args:
        path: relative, with `/` between its parts, without a trailing one.

    Raises:
        ValueError: what is wrong, as the end of a sentence that begins with the path.
    """
    if path.startswith("/") or _DRIVE.match(path):
        raise ValueError("is an absolute path")
    if "\\" in path:
        raise ValueError("has a backslash; paths are written with /")
    parts = path.split("/")
    if ".." in parts:
        raise ValueError("leads out of the folder")
    if "" in parts or "." in parts:
        raise ValueError("has an empty part")
    if not path.isascii() or not path.isprintable():
        _check_characters(path)
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_DEPTH} folders")
    if len(path) * 4 > MAX_PART_BYTES:
        if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
            raise ValueError(f"has a name of more than {MAX_PART_BYTES} bytes")
        if len(path.encode()) > MAX_PATH_BYTES:
            raise ValueError(f"is longer than {MAX_PATH_BYTES} bytes")


def _check_characters(path: str) -> None:
    for char in path:
        if unicodedata.category(char) in _UNSEEN or char in _DIRECTION:
            raise ValueError(f"has an invisible character (U+{ord(char):04X})")


def shown(path: str) -> str:
    """A path as it may stand in a message: short, and without what a terminal would obey."""
    text = "".join(char if char.isprintable() else "?" for char in path)
    return text if len(text) <= 120 else f"{text[:60]}…{text[-59:]}"


class Names:
    """The paths of one folder, kept apart on every system: no two differ in capitals or in Unicode's forms only."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, *, folder: bool = False) -> None:
        """Take in a file, or a folder, with the folders above it. A folder may come several times.

        Raises:
            ValueError: it clashes with one that is there, as the end of a sentence that begins with the path.
        """
        head, _, _ = path.rpartition("/")
        if head and self._seen.get(_folded(head)) != (head, True):
            self.add(head, folder=True)
        key = _folded(path)
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = (path, folder)
            return
        spelling, is_folder = known
        if spelling != path:
            raise ValueError(f"and {shown(spelling)} are the same name on some systems (capitals, accents)")
        if is_folder != folder:
            raise ValueError("is a file and a folder at once")
        if not folder:
            raise ValueError("is there twice")


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
