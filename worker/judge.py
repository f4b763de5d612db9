"""The judge of lost leases: on this machine by looking at the processes, elsewhere by what stays unchanged too long."""

import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from app.clock import utcnow
from app.config import Settings, run_dir
from app.db import Database
from app.errors import NotFound
from app.models import Run
from app.runs import queue
from app.runs.words import RunState
from app.workers.queries import live_workers, set_worker_state
from danlu.hparams import write_session_end
from worker import process
from worker.queries import HeldRun, running_runs

log = logging.getLogger(__name__)
Key = TypeVar("Key")


class _Seen(NamedTuple):
    value: object
    since: float
    """Since when, on the judge's clock, it has not changed."""


def _seen(before: dict[Key, _Seen], values: Mapping[Key, object], now: float) -> dict[Key, _Seen]:
    unchanged = {
        key: before[key] for key, value in values.items() if key in before and before[key].value == value
    }
    return {key: unchanged.get(key) or _Seen(value, now) for key, value in values.items()}


@dataclass
class Judge:
    """Remembers what it has seen, and when on its own clock: no wall clocks are compared."""

    database: Database
    settings: Settings
    worker_id: str
    machine: str = field(default_factory=process.machine)
    _leases: dict[int, _Seen] = field(default_factory=dict)
    _workers: dict[str, _Seen] = field(default_factory=dict)

    def dead_neighbours(self) -> int:
        """Take over from workers of this machine whose process is gone, at once; how many there were.

        What they left is killed first: nobody may start a run whose last attempt still writes.
        """
        with self.database.read() as session:
            workers = [
                worker
                for worker in live_workers(session)
                if worker.machine == self.machine and worker.id != self.worker_id
            ]
            dead = [worker for worker in workers if not process.is_alive(worker.pid, worker.pid_started)]
            runs = {worker.id: running_runs(session, worker.id) for worker in dead}
        for worker in dead:
            folders = [run_dir(self.settings, run.experiment_slug, run.run_slug) for run in runs[worker.id]]
            left = process.sweep(folders)
            if left:
                log.error("processes %s of worker %s cannot be killed; its runs wait", left, worker.name)
                continue
            for run in runs[worker.id]:
                self._reclaim(run, f"worker {worker.name} died (pid {worker.pid})")
            self._bury(worker.id)
        return len(dead)

    def expired(self) -> None:
        """Take over leases, and forget workers, that have not changed for `lease_seconds`."""
        now, limit = time.monotonic(), self.settings.lease_seconds
        with self.database.read() as session:
            runs = running_runs(session)
            workers = {worker.id: worker.seq for worker in live_workers(session)}
        leases = {run.run_id: (run.token, run.seq) for run in runs}
        self._leases = _seen(self._leases, leases, now)
        self._workers = _seen(self._workers, workers, now)
        for run in runs:
            if now - self._leases[run.run_id].since >= limit:
                self._reclaim(run, f"its lease was not renewed for {limit:g} s")
        for worker_id, seen in self._workers.items():
            if now - seen.since >= limit and worker_id != self.worker_id:
                self._bury(worker_id)

    def _reclaim(self, held: HeldRun, why: str) -> None:
        run: Run | None = None
        with contextlib.suppress(NotFound), self.database.write() as session:
            run = queue.reclaim(session, held.run_id, held.token, now=utcnow(), why=why)
        if run is None:
            return
        log.warning("run %s: %s; it is %s", held.run_id, why, run.state)
        end_session(self.settings, held.experiment_slug, run)

    def _bury(self, worker_id: str) -> None:
        with self.database.write() as session:
            set_worker_state(session, worker_id, "gone", utcnow())


def end_session(settings: Settings, experiment_slug: str, run: Run) -> None:
    """Tell TensorBoard's HPARAMS tab how a run ended, when it did."""
    state = RunState(run.state)
    folder = run_dir(settings, experiment_slug, run.slug)
    if not state.terminal or not folder.is_dir():
        return
    try:
        write_session_end(folder, state.value)
    except OSError as error:
        log.warning("run %s: its end cannot be written for TensorBoard: %s", run.id, error)
