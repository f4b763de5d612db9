"""The heartbeat: a thread of its own with sessions of its own, so that nothing else can delay a renewal.

Each renewal is passed on to the runs' init processes. The fence itself stands there (`worker.fence`): a run whose
renewals stop coming ends itself, even when this whole process hangs.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.clock import utcnow
from app.db import Database
from app.runs import queue
from worker.away import Politeness


@dataclass(frozen=True)
class _Lease:
    token: str
    renewed: Callable[[], None]


class Heart(threading.Thread):
    """Beats every `period` seconds until `stop`.

    Args:
        wake: called after a beat that brought news for the supervisor.
    """

    def __init__(self, database: Database, worker_id: str, period: float, wake: Callable[[], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._database, self._worker_id, self._period, self._wake = database, worker_id, period, wake
        self._politeness = Politeness("heartbeat")
        self._lock = threading.Lock()
        self._leases: dict[int, _Lease] = {}
        self._lost: dict[int, str] = {}
        self._ended = threading.Event()

    def hold(self, run_id: int, token: str, renewed: Callable[[], None]) -> None:
        """Renew this lease from now on; `renewed` is called from the heart's thread each time."""
        with self._lock:
            self._leases[run_id] = _Lease(token, renewed)

    def drop(self, run_id: int) -> None:
        """Renew it no more."""
        with self._lock:
            self._leases.pop(run_id, None)

    def take_lost(self) -> dict[int, str]:
        """Leases (run id → token) that turned out to be somebody else's since the last call."""
        with self._lock:
            lost, self._lost = self._lost, {}
        return lost

    def stop(self) -> None:
        """End the thread; returns when it has ended, or after a database call's longest wait."""
        self._ended.set()
        self.join(10)

    def run(self) -> None:
        """The thread: beat, rest, repeat. After a failed beat it tries again sooner."""
        pause = 0.0
        while not self._ended.wait(pause):
            beaten = self.beat()
            pause = self._period if beaten else min(self._period / 5, 2.0)

    def beat(self) -> bool:
        """One renewal of everything held; whether the database took it."""
        with self._lock:
            leases = dict(self._leases)
        tokens = {run_id: lease.token for run_id, lease in leases.items()}
        lost: frozenset[int] | None = None
        with self._politeness.guard(), self._database.write() as session:
            lost = queue.heartbeat(session, self._worker_id, tokens, utcnow())
        # The block above may have failed at its commit, after `lost` was set.
        if lost is None or self._politeness.failing:
            return False
        for run_id, lease in leases.items():
            if run_id not in lost:
                lease.renewed()
        if lost:
            with self._lock:
                self._lost |= {run_id: tokens[run_id] for run_id in lost}
            self._wake()
        return True
