"""What was read from the data servers, kept as long as the event files stay as they are.

A finished run's series are read once. What a data server says is kept for good only if it has looked at the files as
they are now (`Source.read_until`): in the first seconds it may not have read all of them yet. Until then an answer
serves those who ask in the same moment.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.metrics.wire import Points
    from app.tensorboard.mirror import Stamp

FRESH = 0.25  # seconds for which an answer serves while its files change
MOST_FOLDERS = 20_000
OVERHEAD = 300  # bytes of a series beside its columns

Folder = tuple[str, str]
"""Slug of the experiment and the data server's name of a run in it."""


@dataclass
class _Held:
    """One folder's series as they were read, None for a tag that it does not have."""

    stamp: Stamp
    seen: float
    tags: tuple[list[str], float, bool] | None = None
    series: dict[str, tuple[Points | None, float, bool]] = field(default_factory=dict)


class SeriesCache:
    """Series by folder and tag, the least recently used ones given up beyond `limit` bytes. Thread-safe.

    Args:
        limit: bytes of all series together.
        clock: seconds that only grow.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.size = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._folders: dict[Folder, _Held] = {}
        self._order: OrderedDict[tuple[Folder, str], None] = OrderedDict()
        self._columns: Counter[int] = Counter()  # by identity: series that share a column pay for it once

    def notice(self, experiment: str, stamps: Iterable[tuple[str, Stamp]], seen: float) -> dict[str, float]:
        """Forget what has changed: name → since when (seconds since 1970) its files are known to be as they are.

        Args:
            experiment: its slug.
            stamps: the data server's names with what their files are now.
            seen: when they were looked at.
        """
        since = {}
        with self._lock:
            for name, stamp in stamps:
                held = self._folders.get((experiment, name))
                if held is None or held.stamp != stamp:
                    self._drop((experiment, name))
                    held = self._folders[experiment, name] = _Held(stamp, seen)
                since[name] = held.seen
            if len(self._folders) > MOST_FOLDERS:
                self._folders = {
                    folder: held
                    for folder, held in self._folders.items()
                    if held.series or folder[1] in since
                }
        return since

    def tags(self, experiment: str, name: str, *, settled: bool = False) -> list[str] | None:
        """Names of the scalar tags of a folder; None when they are to be asked for, see `get`."""
        with self._lock:
            held = self._folders.get((experiment, name))
            if held is None or held.tags is None or not self._valid(*held.tags[1:], settled):
                return None
            return held.tags[0]

    def get(
        self, experiment: str, name: str, tag: str, *, settled: bool = False
    ) -> tuple[Points | None] | None:
        """A series (None inside of the tuple: there is none of that tag); None when it is to be asked for.

        Args:
            experiment: its slug.
            name: the data server's.
            tag: as the event files call it.
            settled: an answer now would be for good, so one that is not will not do.
        """
        with self._lock:
            held = self._folders.get((experiment, name))
            entry = held.series.get(tag) if held else None
            if entry is None or not self._valid(*entry[1:], settled):
                return None
            self._order.move_to_end(((experiment, name), tag))
            return (entry[0],)

    def put_tags(self, experiment: str, name: str, tags: list[str], since: float, *, settled: bool) -> None:
        """Keep a folder's tags.

        Args:
            experiment: its slug.
            name: the data server's.
            tags: sorted.
            since: as `notice` told before they were asked for: when the files have changed meanwhile, nothing is kept.
            settled: they can change only with the files.
        """
        with self._lock:
            held = self._folders.get((experiment, name))
            if held and held.seen == since:
                held.tags = (tags, self._clock(), settled)

    def put(
        self, experiment: str, name: str, tag: str, points: Points | None, since: float, *, settled: bool
    ) -> None:
        """Keep a series, or that there is none; see `put_tags`."""
        folder = (experiment, name)
        with self._lock:
            held = self._folders.get(folder)
            if held is None or held.seen != since:
                return
            self._release(folder, tag)
            held.series[tag] = (points, self._clock(), settled)
            self._order[folder, tag] = None
            self._count(points, 1)
            while self.size > self.limit and self._order:
                oldest, its_tag = next(iter(self._order))
                self._release(oldest, its_tag)

    def _valid(self, at: float, for_good: bool, wanted: bool) -> bool:
        return for_good or (not wanted and self._clock() - at < FRESH)

    def _drop(self, folder: Folder) -> None:
        for tag in [*self._folders[folder].series] if folder in self._folders else ():
            self._release(folder, tag)
        self._folders.pop(folder, None)

    def _release(self, folder: Folder, tag: str) -> None:
        entry = self._folders[folder].series.pop(tag, None)
        if entry is not None:
            del self._order[folder, tag]
            self._count(entry[0], -1)

    def _count(self, points: Points | None, by: int) -> None:
        self.size += by * OVERHEAD
        for column in (points.step, points.wall, points.value) if points else ():
            key = id(column)
            before = self._columns[key]
            if before + by:
                self._columns[key] = before + by
            else:
                del self._columns[key]
            if 0 in {before, before + by}:
                self.size += by * column.nbytes
