"""Answers of the table kept in memory: a reload, the back button and a second reader cost the look whether it still holds,
and the first reader after a change costs what has changed.
"""

import threading
from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

MAX_BYTES = 48 * 2**20
"""About ten answers of 5,000 runs."""


class Held(NamedTuple):
    """An answer: what was asked, and the newest change that is in it (None: there was no run)."""

    asked: str
    newest: datetime | None
    body: bytes


class Bodies:
    """Answers by their ETag, the latest used ones; safe between threads.

    Args:
        limit: bytes in all.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._latest: dict[str, str] = {}
        self._size = 0
        self._lock = threading.Lock()

    def get(self, tag: str) -> bytes | None:
        """The answer with this ETag, if it is still held."""
        with self._lock:
            held = self._held.get(tag)
            if held is None:
                return None
            self._held.move_to_end(tag)
            return held.body

    def latest(self, asked: str) -> Held | None:
        """The last answer to this question, whatever has changed since, if it is still held."""
        with self._lock:
            return self._held.get(self._latest.get(asked, ""))

    def put(self, tag: str, held: Held) -> None:
        """Keep an answer; the one to the same question before goes, and those that were not used for longest."""
        with self._lock:
            for old in (tag, self._latest.get(held.asked, "")):
                if old in self._held:
                    self._drop(old)
            self._size += len(held.body)
            self._held[tag] = held
            self._latest[held.asked] = tag
            while self._size > self._limit:
                self._drop(next(iter(self._held)))

    def _drop(self, tag: str) -> None:
        gone = self._held.pop(tag)
        self._size -= len(gone.body)
        if self._latest.get(gone.asked) == tag:
            del self._latest[gone.asked]
