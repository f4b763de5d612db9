"""Reading event files back through TensorBoard's own loader."""

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader


def event_files(folder: Path) -> list[Path]:
    """The event files of a folder in the order in which readers take them."""
    return sorted(folder.glob("*tfevents*"))


def events(folder: Path) -> list[Any]:
    """Every event in a folder, as TensorBoard reads it, file by file."""
    return [event for path in event_files(folder) for event in LegacyEventFileLoader(str(path)).Load()]


def values(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """Every summary value by tag, with its step."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value))
    return found


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    """A scalar curve as written, before TensorBoard's rules on repeated steps."""
    return [(step, value.simple_value) for step, value in values(folder)[tag]]
