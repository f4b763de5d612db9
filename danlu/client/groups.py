"""Several runs at once: a sweep, the queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from danlu.client.records import Json, Of, Record
from danlu.client.run import Run
from danlu.errors import RunFailed

if TYPE_CHECKING:
    from danlu.rest import Connection


class Sweep(Record):
    """Runs that were submitted together."""

    __slots__ = ("runs",)
    _shown = ("id", "runs")
    id = Of[str](key="sweep")

    def __init__(self, server: Connection, data: Json) -> None:
        super().__init__(data)
        self.runs = [Run(server, item) for item in data["items"]]

    def wait(self, timeout: float | None = None, *, check: bool = False) -> list[Run]:
        """Return the runs once all have ended; see `Run.wait`."""
        end = None if timeout is None else time.monotonic() + timeout
        for run in self.runs:
            run.wait(None if end is None else max(end - time.monotonic(), 0.0))
        failed = [run for run in self.runs if run.state != "succeeded"]
        if check and failed:
            raise RunFailed(failed[0])
        return self.runs


class Queue(Record):
    """What waits to be run, in order."""

    __slots__ = ("runs",)
    _shown = ("paused", "runs")
    paused = Of[Json | None]()
    """Who paused it and when (`by`, `at`); None: it is not paused."""

    def __init__(self, server: Connection, data: Json) -> None:
        super().__init__(data)
        self.runs = [Run(server, item) for item in data["items"]]
