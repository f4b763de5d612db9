"""What the children see of an experiment: its event files, and nothing else.

A run's folder belongs to the script that runs in it. The data server follows symbolic links, reads whatever is
called `*tfevents*` and walks every folder each second, `./datasets` with its hundred thousand images too; the
projector opens any path that a file in the folder names. So the children are shown a folder of ours with the
same tree, in which there are only hard links to regular event files. (An event file that cannot be linked, on
another file system, is left to a symbolic link, which then is as trustworthy as the script.)

Runs that lie elsewhere (imported ones, and all of a collection's) are shown below names of ours, as
`app.tensorboard.sources` says. What has become a link since is not followed there.
"""

import logging
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.tensorboard.places import Elsewhere

log = logging.getLogger(__name__)

EVENT_MARK = "tfevents"
Events = dict[str, tuple[int, int]]  # file name → device and inode
Stamp = tuple[
    tuple[str, int, int, int], ...
]  # of each event file: name, inode, size, time of the last change
MAX_DEPTH = 16
HELD = (
    2.5  # seconds for which a run is not shown again after all its files went: two looks of the data server
)
LATEST = 2.0  # seconds between two looks of ours at the most, even when one takes long
SETTLED_NS = 2_000_000_000  # a folder changed more recently is read again: its time stamp may be coarse


@dataclass
class _Folder:
    """What a folder held when it was read last."""

    changed_ns: int = -1
    read_ns: int = 0
    path: str = ""
    folders: list[str] = field(default_factory=list)
    events: Events = field(default_factory=dict)


class Mirror:
    """Keeps `target` the same as the event files below `source`. Thread-safe.

    Args:
        source: the experiment's folder; may be missing, and may come back. None: there is none.
        target: ours; what stands there is removed at the first `sync`.
        elsewhere: gives what else is shown: name in the target → where it lies.
    """

    def __init__(
        self,
        source: Path | None,
        target: Path,
        elsewhere: Callable[[], Mapping[str, Elsewhere]] = dict,
    ) -> None:
        self.source = source
        self.target = target
        self._elsewhere = elsewhere
        self._lock = threading.Lock()
        self._known: dict[str, _Folder] = {}
        self._linked: dict[str, Events] = {}
        self._held: dict[str, float] = {}
        self._fresh = True
        self._synced = 0.0
        self._cost = 0.0

    def sync(self, *, older_than: float = 0.0) -> None:
        """Bring the target up to date, unless that was done less than `older_than` seconds ago, or takes too long.

        Raises:
            OSError: the target cannot be written.
        """
        with self._lock:
            began = time.monotonic()
            # A twentieth of the time at most, however many folders there are; but never more than 2 s late.
            pause = max(older_than, min(20 * self._cost, LATEST))
            if self._synced and began - self._synced < pause:
                return
            if self._fresh:
                shutil.rmtree(self.target, ignore_errors=True)
                self.target.mkdir(parents=True)
                self._fresh = False
            seen: dict[str, _Folder] = {}
            if self.source is not None:
                self._read("", str(self.source), 0, seen)
            for name, place in self._elsewhere().items():
                self._read_elsewhere(name, place, seen)
            self._known = seen
            self._apply({name: folder.events for name, folder in seen.items() if folder.events})
            self._synced = time.monotonic()
            self._cost = self._synced - began

    def stamps(self, run_slugs: Iterable[str]) -> dict[str, dict[str, Stamp]]:
        """What each run has at or below its folder, and what that is now.

        Returns:
            run slug → name, as the data server has it, of each folder with event files → the files' stamp. Another
            stamp means other content.
        """
        with self._lock:
            linked: dict[str, dict[str, list[str]]] = {slug: {} for slug in run_slugs}
            for name, events in self._linked.items():
                members = linked.get(name.partition("/")[0])
                if members is not None:
                    members[name] = sorted(events)
        return {
            slug: {name: self._stamp(name, members[name]) for name in sorted(members)}
            for slug, members in linked.items()
        }

    def _stamp(self, name: str, events: list[str]) -> Stamp:
        found = []
        for event in events:
            try:
                info = os.stat(f"{self.target}/{name}/{event}")  # noqa: PTH116 - for each file, see _read
            except OSError:
                continue  # removed meanwhile: another stamp
            found.append((event, info.st_ino, info.st_size, info.st_mtime_ns))
        return tuple(found)

    def remove(self) -> None:
        """Take the target away, so that deleted event files give their space back."""
        with self._lock:
            shutil.rmtree(self.target, ignore_errors=True)
            self._known, self._linked, self._held = {}, {}, {}
            self._fresh, self._synced, self._cost = True, 0.0, 0.0

    def _read(self, name: str, path: str, depth: int, seen: dict[str, _Folder]) -> None:
        # Plain strings: this runs for every folder twice a second, and Path would take three times as long.
        folder = self._look(name, path)
        if folder is None:
            return
        seen[name] = folder
        if depth < MAX_DEPTH:
            for child in folder.folders:
                self._read(f"{name}/{child}" if name else child, f"{path}/{child}", depth + 1, seen)

    def _read_elsewhere(self, name: str, place: Elsewhere, seen: dict[str, _Folder]) -> None:
        root = str(place.path)
        if os.path.realpath(root) != root:
            return  # a folder on the way has become a link
        if place.folders is None:
            self._read(name, root, 0, seen)
            return
        for below in place.folders:
            path = f"{root}/{below}" if below else root
            own = f"{name}/{below}" if below else name
            folder = self._look(own, path) if not below or os.path.realpath(path) == path else None
            if folder is not None:
                seen[own] = folder

    def _look(self, name: str, path: str) -> _Folder | None:
        """What a folder holds, read again only when it changed; None when there is none."""
        try:
            info = os.lstat(path)
            if not stat.S_ISDIR(info.st_mode):
                return None
            folder = self._known.get(name)
            known = folder is not None and folder.path == path and folder.changed_ns == info.st_mtime_ns
            if folder is None or not known or _unsettled(folder):
                folder = _scan(path, info.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None  # removed meanwhile, or closed to us: not there
        return folder

    def _apply(self, found: dict[str, Events]) -> None:
        wanted = self._without_held(found)
        for name, events in self._linked.items():
            gone = [event for event, ident in events.items() if wanted.get(name, {}).get(event) != ident]
            for event in gone:
                (self.target / name / event).unlink(missing_ok=True)
        for name in sorted(self._linked.keys() - wanted.keys(), reverse=True):
            _remove_empty(self.target / name, self.target)
        linked: dict[str, Events] = {}
        for name, events in wanted.items():
            before = self._linked.get(name, {})
            new = [event for event, ident in events.items() if before.get(event) != ident]
            if new:
                (self.target / name).mkdir(parents=True, exist_ok=True)
            origin = Path(self._known[name].path)
            failed = {event for event in new if not _link(origin / event, self.target / name / event)}
            linked[name] = {event: ident for event, ident in events.items() if event not in failed}
        self._linked = {name: events for name, events in linked.items() if events}

    def _without_held(self, found: dict[str, Events]) -> dict[str, Events]:
        """Leave out runs whose files were all exchanged, until the data server has forgotten the old ones.

        It forgets a run only when it looks and finds nothing; seeing other files of the same run, it would keep
        the curves of those that are gone.
        """
        now = time.monotonic()
        for name, events in self._linked.items():
            if not events.items() & found.get(name, {}).items():
                self._held[name] = now + HELD
        self._held = {name: until for name, until in self._held.items() if until > now}
        return {name: events for name, events in found.items() if name not in self._held}


def _unsettled(folder: _Folder) -> bool:
    return folder.read_ns - folder.changed_ns < SETTLED_NS


def _scan(path: str, changed_ns: int) -> _Folder:
    folder = _Folder(changed_ns, time.time_ns(), path)
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                entry.name.encode("utf-8")
            except UnicodeEncodeError:
                continue  # TensorBoard's run names are UTF-8
            if entry.is_dir(follow_symlinks=False):
                folder.folders.append(entry.name)
            elif EVENT_MARK in entry.name and entry.is_file(follow_symlinks=False):
                info = entry.stat(follow_symlinks=False)
                folder.events[entry.name] = (info.st_dev, info.st_ino)
    return folder


def _link(source: Path, target: Path) -> bool:
    try:
        target.unlink(missing_ok=True)
        target.hardlink_to(source)
        # Between the look and the link the file may have been exchanged for a symbolic link or a FIFO.
        if stat.S_ISREG(target.lstat().st_mode):
            return True
        target.unlink()
        return False
    except FileNotFoundError:
        return False
    except OSError as error:
        log.debug("%s cannot be hard-linked (%s)", source, error)
    try:
        target.symlink_to(source)
    except FileExistsError:
        return False
    return True


def _remove_empty(path: Path, stop: Path) -> None:
    while path != stop:
        try:
            path.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return  # still holds another run's folder
        path = path.parent
