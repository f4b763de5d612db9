"""The files of two snapshots that differ, as text."""

from pathlib import Path

from app.config import Settings
from app.snapshots import store
from danlu.scriptform import ScriptError, decode

MAX_READ = 2 * 2**20
"""Bytes of a file that are read for a form or a comparison."""
Texts = dict[str, str | None]
"""Path → text; None for what is no text."""


def read_text(place: Path) -> str | None:
    """A file's text as Python reads it; None when it is no text, or longer than 2 MiB."""
    if place.stat().st_size > MAX_READ:
        return None
    data = place.read_bytes()
    try:
        return None if b"\0" in data else decode(data)
    except ScriptError:
        return None


def places(settings: Settings, snapshot: str | None) -> dict[str, Path]:
    """Where the files of a snapshot lie, by path; nothing for none."""
    if not snapshot:
        return {}
    root = store.folder_of(settings, snapshot)
    return {str(item["path"]): root / str(item["path"]) for item in store.listing(root)}


def same(one: Path, other: Path) -> bool:
    """Whether two files have the same content."""
    if one == other:
        return True
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def differing(settings: Settings, old: str | None, new: str | None) -> tuple[Texts, Texts]:
    """The files that differ between two snapshots: what the one has, and what the other has."""
    before, after = places(settings, old), places(settings, new)
    changed = [
        path for path in before.keys() | after.keys()
        if path not in before or path not in after or not same(before[path], after[path])
    ]  # fmt: skip
    return (
        {path: read_text(before[path]) for path in changed if path in before},
        {path: read_text(after[path]) for path in changed if path in after},
    )
