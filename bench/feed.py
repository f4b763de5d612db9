"""Running runs that grow, as a worker would have it: new points in their event files, and their summaries in the database."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from app.clock import utcnow
from app.config import Settings, run_dir
from app.db import Database
from app.models import Run
from app.workers import queries as workers
from bench.compare import curves, home
from danlu.events import EventWriter

SECONDS = 1.0
"""Between two points of a run."""


@dataclass
class Feed:
    """Gives every running run a point of each of its tags, once a second.

    Attributes:
        step: of the last points.
        late: seconds by which a round took longer than it should have; a machine that is too slow shows here.
        failed: what ended it, if anything has.
    """

    settings: Settings
    database: Database
    step: int
    late: float = 0.0
    failed: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until it is stopped."""
        try:
            self._feed()
        except BaseException as error:
            self.failed = error
            raise

    def stop(self) -> None:
        """End after the present round."""
        self._stop.set()

    def _feed(self) -> None:
        with self.database.read() as session:
            rows = session.execute(select(Run.id, Run.slug, Run.lease_token).where(Run.state == "running"))
            runs = [(run, slug, token) for run, slug, token in rows if token is not None]
        writers = {run: EventWriter(run_dir(self.settings, home.SLUG, slug)) for run, slug, _ in runs}
        due = time.monotonic()
        try:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                self.late = max(self.late, time.monotonic() - due)
                due += SECONDS
                self.step += 1
                self._round(runs, writers)
        finally:
            for writer in writers.values():
                writer.close()

    def _round(self, runs: list[tuple[int, str, str]], writers: dict[int, EventWriter]) -> None:
        values = {run: 0.5 + 0.4 * ((run * 37 + self.step * 11) % 100) / 100 for run, _, _ in runs}
        for run, writer in writers.items():
            for tag in curves.TAGS:
                writer.scalar(tag, values[run], self.step)
            writer.flush()
        now = utcnow()
        with self.database.write() as session:
            for run, _, token in runs:
                told = [
                    workers.MetricSummary(tag, self.step, values[run], 0.0, 1, 2.0, 1, self.step + 1)
                    for tag in curves.TAGS
                ]
                workers.report(session, run, token, now=now, progress={"step": self.step}, metrics=told)


@contextmanager
def feeding(folder: Path, points: int) -> Iterator[Feed]:
    """Feed the runs of a home that have `points` points already."""
    with home.database(folder) as (settings, database):
        feed = Feed(settings, database, step=points - 1)
        thread = threading.Thread(target=feed.run, name="feed")
        thread.start()
        try:
            yield feed
        finally:
            feed.stop()
            thread.join()
