"""The files of a run: listed and opened without following any link that the run has made."""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from app.clock import rfc3339
from app.errors import NotFound

MAX_FILES = 10_000
"""Files and folders looked at for one list."""
ALL_FILES = 5_000_000
"""For an export, which is to have all of them."""
MAX_DEPTH = 16
PRIVATE = ".danlu"
"""Folder of what the worker and the run process tell each other; not shown."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A regular file of a run, open for reading; whoever got it closes it."""

    file: BinaryIO
    size: int
    modified_ns: int


def list_files(
    folder: Path, *, after: str | None = None, limit: int = 50, only: Collection[str] | None = None
) -> tuple[list[Json], str | None]:
    """Files below a run's folder by path, and the path after which the next page begins.

    With `only`, those in these folders ("" is the run's own) and not in others, without names that begin with a dot.
    Links, sockets and the private folder are left out; of more than 10,000 files the first ones are listed.
    """
    found: list[Json] = []
    walked = _walk(folder) if only is None else _in_folders(folder, only)
    paths = sorted(walked, key=lambda item: item[0])
    for path, info in paths:
        if after is not None and path <= after:
            continue
        if len(found) == limit:
            return found, str(found[-1]["path"])
        modified = datetime.fromtimestamp(info.st_mtime, UTC)
        found.append({"path": path, "size": info.st_size, "modified_at": rfc3339(modified)})
    return found, None


def every_path(folder: Path, *, only: Collection[str] | None = None) -> list[str]:
    """Paths of all files that `list_files` would list if it had no limit."""
    walked = _walk(folder, ALL_FILES) if only is None else _in_folders(folder, only, ALL_FILES)
    return sorted(path for path, _ in walked)


def _walk(folder: Path, most: int = MAX_FILES) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of regular files; at most so many files and folders are looked at."""
    todo: list[tuple[Path, str, int]] = [(folder, "", 0)]
    seen = 0
    while todo:
        place, prefix, depth = todo.pop()
        for name, info in _entries(place):
            path = f"{prefix}{name}"
            seen += 1
            if seen > most:
                return
            if stat.S_ISDIR(info.st_mode):
                if depth < MAX_DEPTH and path != PRIVATE:
                    todo.append((place / name, f"{path}/", depth + 1))
            elif stat.S_ISREG(info.st_mode) and _shown(name):
                yield path, info


def _in_folders(
    folder: Path, only: Collection[str], most: int = MAX_FILES
) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of the regular files in these folders; at most so many are looked at."""
    seen = 0
    for below in sorted(only):
        for name, info in _entries(folder / below):
            seen += 1
            if seen > most:
                return
            path = f"{below}/{name}" if below else name
            if stat.S_ISREG(info.st_mode) and _shown(name) and is_in(path, only):
                yield path, info


def is_in(path: str, only: Collection[str] | None) -> bool:
    """Whether a file is among those that `list_files` lists with `only`."""
    if only is None:
        return True
    folder, _, name = path.rpartition("/")
    return folder in only and not name.startswith(".")


def _entries(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Name and status of what is in a folder, by name; the run may be writing, renaming and removing it all."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # Gone between the two looks: a checkpoint is written under another name and renamed.
                with suppress(FileNotFoundError):
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
    except OSError:  # gone, closed by its script, or nested too deep to be named
        return []
    return sorted(found, key=lambda item: item[0])


def _shown(name: str) -> bool:
    """Whether a file's name can stand in JSON and in a URL: a script may use any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def open_file(folder: Path, path: str) -> Opened:
    """Open a file below a run's folder, one path component at a time and never through a link.

    Raises:
        NotFound: no regular file is there, whatever the path tries to say.
    """
    parts = path.split("/")
    missing = NotFound(f"The run has no file {path[:200]!r}.")
    if parts[0] == PRIVATE or any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise missing
    try:
        return _opened(folder, parts)
    except (OSError, ValueError) as error:
        raise missing from error


def _opened(folder: Path, parts: list[str]) -> Opened:
    walk = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    place = os.open(folder, walk | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, walk | os.O_DIRECTORY, dir_fd=place)
            os.close(place)
            place = below
        # A FIFO would wait for its writer without O_NONBLOCK.
        file = os.open(parts[-1], walk | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    info = os.fstat(file)
    if not stat.S_ISREG(info.st_mode):
        os.close(file)
        raise FileNotFoundError(parts[-1])
    return Opened(os.fdopen(file, "rb"), info.st_size, info.st_mtime_ns)
