"""Attempts that are over, on their way into the database: nothing that ended is lost while it is away."""

import logging
from dataclasses import dataclass, field
from typing import Any

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.models import Run
from app.runs import queue
from app.runs.queue import Claimed
from app.runs.states import LostLease
from app.runs.words import Reason
from app.workers.queries import MetricSummary, report
from worker.away import Politeness
from worker.judge import end_session
from worker.lease import Heart
from worker.outcome import Fate, Outcome

log = logging.getLogger(__name__)


@dataclass
class Ending:
    """How an attempt ended, with its last news."""

    claimed: Claimed
    outcome: Outcome
    progress: dict[str, Any] = field(default_factory=dict)
    metrics: list[MetricSummary] = field(default_factory=list)
    replaces: bool = False
    """Whether `metrics` are all that the run has, and those stored before are to go."""


class Recorder:
    """Keeps endings until the database has taken them; their leases are renewed until then."""

    def __init__(self, settings: Settings, database: Database, heart: Heart) -> None:
        self._settings, self._database, self._heart = settings, database, heart
        self._politeness = Politeness("outcomes")
        self.waiting: list[Ending] = []

    def add(self, ending: Ending) -> None:
        """Take over an ending; one whose run is another's by now is dropped."""
        if ending.outcome.fate is Fate.DROP:
            self._heart.drop(ending.claimed.run_id)
        else:
            self.waiting.append(ending)

    def deliver(self) -> bool:
        """Hand them to the database in order, until it refuses; whether one was taken."""
        delivered = False
        while self.waiting and self._politeness.due:
            ending, run = self.waiting[0], None
            with self._politeness.guard():
                run = self._record(ending)
            if self._politeness.failing:
                break
            self.waiting.pop(0)
            self._heart.drop(ending.claimed.run_id)
            delivered = True
            if run is not None:
                end_session(self._settings, ending.claimed.experiment_slug, run)
        return delivered

    def _record(self, ending: Ending) -> Run | None:
        """One transaction; None where the lease was lost before it."""
        claimed, outcome, now = ending.claimed, ending.outcome, utcnow()
        run_id, token = claimed.run_id, claimed.token
        try:
            with self._database.write() as session:
                report(
                    session, run_id, token, now=now, progress=ending.progress, metrics=ending.metrics,
                    replace=ending.replaces,
                )  # fmt: skip
                if outcome.fate is Fate.RELEASE:
                    why, wait_s = outcome.detail, outcome.wait_s
                    return queue.release(session, run_id, token, now=now, why=why, wait_s=wait_s)
                if outcome.fate is Fate.RECLAIM:
                    why = outcome.detail or "its process was lost"
                    return queue.reclaim(session, run_id, token, now=now, why=why)
                reason = outcome.reason or Reason.EXCEPTION
                return queue.finish(
                    session,
                    run_id,
                    token,
                    reason,
                    now=now,
                    detail=outcome.detail,
                    exit_code=outcome.exit_code,
                )
        except LostLease as lost:
            log.warning("run %s: its outcome came too late: %s", run_id, lost)
            return None
