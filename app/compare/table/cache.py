"""Answers of the table kept in memory: a reload, the back button and a second reader cost the look whether it still holds."""

import threading
from collections import OrderedDict

MAX_BYTES = 48 * 2**20
"""About ten answers of 5,000 runs."""


class Bodies:
    """Answers by their ETag, the latest used ones; safe between threads.

    Args:
        limit: bytes in all.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, tag: str) -> bytes | None:
        """The answer with this ETag, if it is still held."""
        with self._lock:
            body = self._held.get(tag)
            if body is not None:
                self._held.move_to_end(tag)
            return body

    def put(self, tag: str, body: bytes) -> None:
        """Keep an answer, and let the ones go that were not used for longest."""
        with self._lock:
            self._size += len(body) - len(self._held.pop(tag, b""))
            self._held[tag] = body
            while self._size > self._limit:
                self._size -= len(self._held.popitem(last=False)[1])
