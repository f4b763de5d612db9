"""The snapshot laid out in the run's folder, and taken away again when the run has ended.

Files are copied, not linked: a script finds itself and its neighbours where it runs, even through `Path(__file__).resolve()`,
and may write over what came with it, while the snapshot stays what it is. What the script did not touch is removed
at the end, so that the folder of a run holds what the run has made.
"""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from worker.spec import LaunchSpec

OWN_NAMES = frozenset({".danlu", "run.json", "stdout.log"})
"""Of the run itself, at the top of its folder: what a snapshot has by these names is left out."""
_LAYING = Path(".danlu") / "laying"
_EVENT_MARK = "tfevents"
_CHUNK = 1 << 20
_Stamp = tuple[int, int, int, int]


@dataclass
class Farm:
    """What was laid out: each path with the file's identity as it was then, and the folders that were made for it."""

    files: dict[str, _Stamp] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Remove what is still as it was laid out. To be called when no process of the run is left."""
        for path, stamp in self.files.items():
            with contextlib.suppress(OSError):  # the run has removed it, or a folder above it
                if _stamp(os.lstat(path)) == stamp:
                    os.unlink(path)
        for folder in reversed(self.folders):
            with contextlib.suppress(OSError):  # it holds what the run has made
                os.rmdir(folder)
        self.files.clear()
        self.folders.clear()


def lay_out(spec: LaunchSpec) -> Farm:
    """Copy the snapshot's files into the run's folder, never over what is there: an earlier attempt may have made it.

    Event files that came with the code are linked, because curves of an earlier training are not this run's; the
    readers of event files follow no links.

    Raises:
        OSError: a file cannot be read or written.
    """
    farm = Farm()
    if spec.snapshot_dir is None or not spec.snapshot_dir.is_dir():
        return farm
    laying = spec.run_dir / _LAYING
    # Where it is still there, an earlier attempt was killed in the middle: half a file may have been left.
    again = laying.exists()
    laying.touch()
    try:
        _lay(str(spec.snapshot_dir), str(spec.run_dir), farm, OWN_NAMES, again)
    except OSError:  # a full disk: what was copied so far makes it no better
        farm.clear()
        raise
    laying.unlink()
    return farm


def _lay(source: str, target: str, farm: Farm, taken: frozenset[str], again: bool) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name in taken:
                continue
            place = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if _folder(place, farm):
                    _lay(entry.path, place, farm, frozenset(), again)
            elif entry.is_file(follow_symlinks=False):
                _file(entry, place, farm, again)


def _folder(place: str, farm: Farm) -> bool:
    """Make a folder; whether there is a real one now."""
    try:
        os.mkdir(place)
    except FileExistsError:
        return os.path.isdir(place) and not os.path.islink(place)
    farm.folders.append(place)
    return True


def _file(entry: "os.DirEntry[str]", place: str, farm: Farm, again: bool) -> None:
    if again:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(place)
    with contextlib.suppress(FileExistsError):
        if _EVENT_MARK in entry.name:
            os.symlink(entry.path, place)
            farm.files[place] = _stamp(os.lstat(place))
        else:
            farm.files[place] = _copy(entry.path, place)


def _copy(source: str, target: str) -> _Stamp:
    read = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(read)
        mode = 0o755 if found.st_mode & 0o100 else 0o644
        write = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            while data := os.read(read, _CHUNK):
                while data:
                    data = data[os.write(write, data) :]
            os.utime(write, ns=(found.st_atime_ns, found.st_mtime_ns))  # so that any later change shows
            return _stamp(os.fstat(write))
        finally:
            os.close(write)
    finally:
        os.close(read)


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
