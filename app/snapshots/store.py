"""Snapshots on the disk: `$DANLU_HOME/snapshots/<id>/`, put there in one step, read-only, removed in one step.

A folder whose name begins with a dot is unfinished or on its way out. What a crash leaves is one of these, or a folder
without a row; `mend` removes both at start, when nobody uploads. Power loss is another matter: files are not forced to the
disk one by one, as the database does not force every transaction either.
"""

import logging
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings
from app.files import remove_tree
from danlu.pack import FileFact

log = logging.getLogger(__name__)
_HIDDEN = "."
_changes = threading.Lock()
"""Held while a folder appears or goes: one server per home, so that its threads are all there are."""


def folder_of(settings: Settings, snapshot_id: str) -> Path:
    """The folder of a snapshot."""
    return settings.snapshots_dir / snapshot_id


@contextmanager
def changing() -> Iterator[None]:
    """Around what makes row and folder agree."""
    with _changes:
        yield


def new_scratch(settings: Settings) -> Path:
    """A folder of its own for one upload; `remove_tree` it afterwards, whatever has happened."""
    folder = settings.snapshots_dir / f"{_HIDDEN}upload-{uuid.uuid4().hex}"
    folder.mkdir(parents=True, mode=0o700)
    return folder


def place(settings: Settings, unpacked: Path, snapshot_id: str, files: Iterable[FileFact]) -> None:
    """Put an unpacked folder into its place, read-only. One that is there already has the same content.

    Call it within `changing`.
    """
    target = folder_of(settings, snapshot_id)
    if target.is_dir():
        return
    for file in files:
        (unpacked / file.path).chmod(0o555 if file.executable else 0o444)
    for folder, _, _ in os.walk(unpacked, topdown=False):
        if Path(folder) != unpacked:
            Path(folder).chmod(0o555)
    unpacked.rename(target)
    # Last: a folder that moves to another parent must be writable, and one that a crash leaves so is no worse.
    target.chmod(0o555)


def discard(settings: Settings, snapshot_id: str) -> None:
    """Remove a snapshot's folder: out of sight at once, then file by file."""
    gone = settings.snapshots_dir / f"{_HIDDEN}gone-{uuid.uuid4().hex}"
    target = folder_of(settings, snapshot_id)
    try:
        target.chmod(0o755)
        target.rename(gone)
    except FileNotFoundError:
        return
    remove_tree(gone)


def leftovers(settings: Settings, known: set[str]) -> list[Path]:
    """What lies among the snapshots and is none: unfinished uploads, removals, folders without a row."""
    if not settings.snapshots_dir.is_dir():
        return []
    return sorted(path for path in settings.snapshots_dir.iterdir() if path.name not in known)


def mend(settings: Settings, known: set[str]) -> int:
    """Remove the leftovers; returns how many. Only while nobody can upload: at start."""
    found = leftovers(settings, known)
    for path in found:
        log.warning("removing what an interrupted upload or removal has left: %s", path)
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink(missing_ok=True)
    return len(found)


def listing(folder: Path) -> list[dict[str, object]]:
    """The files of a snapshot: path, size in bytes, executable; by path."""
    found: list[dict[str, object]] = []
    for place_, _, names in os.walk(folder):
        for name in names:
            path = Path(place_) / name
            info = path.stat()
            found.append({
                "path": path.relative_to(folder).as_posix(), "size": info.st_size, "executable": bool(info.st_mode & 0o100),
            })  # fmt: skip
    return sorted(found, key=lambda item: str(item["path"]))
