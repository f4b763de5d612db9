"""A run's traceback, with the lines of the run's own code around each frame.

The paths are what a log says, and a script may print any: files are opened only below the run's snapshot or its own
folder, one path component at a time and never through a link.
"""

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from app.errors import NotFound
from app.runs.files import open_file
from app.runs.logfile import tail_log
from app.runs.traceback import Frame, find

Json = dict[str, Any]

CONTEXT = 3
"""Lines shown before and after the failing one."""
MAX_SOURCE = 1 << 20
_LOG_BYTES = 1 << 18
_NOT_OWN = frozenset({"site-packages", "dist-packages", ".venv"})


def traceback_of(folder: Path, snapshot: Path | None) -> Json | None:
    """What a run died of; None where its log's end holds no traceback.

    Args:
        folder: the run's.
        snapshot: that of its snapshot, which its code is read from before the run's folder; None for a recipe.

    Returns:
        {type, message, frames: [{file, line, function, snapshot_path, context: [{line, text}]}], text}; the
        `snapshot_path` of a library's frame is null.
    """
    log = tail_log(folder, 100_000, _LOG_BYTES).data.decode("utf-8", "replace")
    found = find(log)
    if found is None:
        return None
    places = [place for place in (snapshot, folder) if place is not None]
    source = lru_cache(maxsize=32)(lambda path: [_source(place, path) for place in places])
    frames = []
    for frame in found.frames:
        path = own_path(frame.file, folder, snapshot)
        texts = source(path) if path is not None else []
        read = [text for text in texts if text is not None]
        shown = {key: value for key, value in asdict(frame).items() if key != "code"}
        own = path if read else None
        frames.append({**shown, "snapshot_path": own, "context": _context(frame, read)})
    return {"type": found.type, "message": found.message, "frames": frames, "text": found.text}


def own_path(file: str, folder: Path, snapshot: Path | None) -> str | None:
    """Where a frame's file lies in the run's code, relative and without `..`; None for a library's.

    The worker may see the home folder under another name, so the end of the folder's path is looked for.
    """
    if file.startswith("<"):
        return None
    marks = [f"/{folder.parent.name}/{folder.name}/"]
    if snapshot is not None:
        marks.append(f"/{snapshot.parent.name}/{snapshot.name}/")
    inside = file if not file.startswith("/") else ""
    for mark in marks:
        if not inside and mark in file:
            inside = file.partition(mark)[2]
    path = PurePosixPath(inside)
    if not inside or path.is_absolute() or ".." in path.parts or _NOT_OWN.intersection(path.parts):
        return None
    return str(path)


def _source(place: Path, path: str) -> list[str] | None:
    """The lines of a file below a folder; None where there is none, or too large a one."""
    try:
        opened = open_file(place, path)
    except NotFound:
        return None
    with opened.file as file:
        if opened.size > MAX_SOURCE:
            return None
        return file.read(MAX_SOURCE).decode("utf-8", "replace").splitlines()


def _context(frame: Frame, sources: list[list[str]]) -> list[Json]:
    """The lines around the failing one, from the first source in which it says what the traceback says."""
    for lines in sources:
        if 0 < frame.line <= len(lines) and (not frame.code or lines[frame.line - 1].strip() == frame.code):
            first = max(frame.line - CONTEXT, 1)
            around = lines[first - 1 : frame.line + CONTEXT]
            return [{"line": number, "text": text} for number, text in enumerate(around, first)]
    return [{"line": frame.line, "text": frame.code}] if frame.code else []
