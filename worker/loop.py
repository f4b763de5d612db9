"""The supervisor's loop: `while work_once(): pass`, then wait for something to happen. Never imports torch."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.runs import queue
from app.runs.states import LostLease
from app.runs.words import Reason
from app.workers.queries import MetricSummary, report
from worker.attempt import Attempt, make_ready
from worker.away import Politeness
from worker.claiming import Claimer, Found
from worker.devices import Device
from worker.endings import Ending, Recorder
from worker.judge import Judge
from worker.launch import Exited, Launcher, Lost, Running
from worker.lease import Heart
from worker.news import News
from worker.outcome import Asked, Facts, Fate, Outcome, clean, decide
from worker.publish import Publisher
from worker.queries import running_runs

log = logging.getLogger(__name__)

NEWS_SECONDS = 0.5
NEIGHBOUR_SECONDS = 3.0
_LAST_READS = 20


class Work:
    """Everything a supervisor holds. One thread uses it; the heart has its own."""

    def __init__(
        self, settings: Settings, database: Database, worker_id: str, devices: list[Device], launcher: Launcher,
        heart: Heart,
    ) -> None:  # fmt: skip
        self.settings, self.database, self.worker_id = settings, database, worker_id
        self.launcher, self.heart = launcher, heart
        self.claimer = Claimer(settings, database, worker_id, devices, launcher)
        self.recorder = Recorder(settings, database, heart)
        self.judge = Judge(database, settings, worker_id)
        self.publisher = Publisher(settings, database, worker_id, launcher, devices)
        self.attempts: dict[int, Attempt] = {}
        self.draining = False
        self._due: dict[str, float] = {}
        self._polite = {name: Politeness(name) for name in ("leases", "news", "judge", "recipes")}

    def work_once(self) -> bool:
        """One pass; True when there may be more to do at once.

        1. Hear from the processes.
        2. Stop what is another's by now, what shall be cancelled (looked for twice a second) or has run too long.
        3. Decide the outcome of what has ended, and hand outcomes to the database until it takes them.
        4. Report progress and metrics, twice a second.
        5. Take over from dead neighbours and lost leases.
        6. Publish recipes, and what the pages show of this worker.
        7. Claim a run when a slot is free, the warm process is up and the disk has room; start it.
        """
        self.launcher.tick()
        self._watch()
        ended = self._collect()
        delivered = self.recorder.deliver()
        # The first step of a run is awaited by somebody: until there is one, each pass looks for it.
        if self._is_due("news", NEWS_SECONDS) or any(not one.news.begun for one in self.attempts.values()):
            self._report()
        if self._is_due("neighbours", NEIGHBOUR_SECONDS):
            self._guarded("judge", self.judge.dead_neighbours)
        if self._is_due("leases", self.settings.sweep_seconds):
            self._guarded("judge", self.judge.expired)
        self._guarded("recipes", lambda: self.publisher.refresh(self.claimer.shortage))
        return self._claim() or ended or delivered

    def stop_all(self, grace: float) -> None:
        """Ask every attempt to save and end, because this worker ends; a second call can only shorten the grace."""
        self.draining = True
        for attempt in self.attempts.values():
            self._ask(attempt, Asked.DRAIN, grace)

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits to be recorded."""
        return not self.attempts and not self.recorder.waiting

    def _is_due(self, name: str, period: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(name, 0.0):
            return False
        self._due[name] = now + period
        return True

    def _guarded(self, name: str, action: Callable[[], object]) -> None:
        politeness = self._polite[name]
        if politeness.due:
            with politeness.guard():
                action()

    # -- watching

    def _watch(self) -> None:
        for run_id, token in self.heart.take_lost().items():
            self._lost(run_id, token)
        for attempt in self.attempts.values():
            if attempt.running_since is None and isinstance(attempt.handle.state, Running):
                attempt.running_since = time.monotonic()
                self.claimer.started()
            if attempt.overdue():
                self._ask(attempt, Asked.TIMEOUT, self.settings.cancel_grace_seconds)
        if self._is_due("reconcile", NEWS_SECONDS if self.attempts else NEIGHBOUR_SECONDS):
            self._guarded("leases", self._reconcile)

    def _lost(self, run_id: int, token: str) -> None:
        attempt = self.attempts.get(run_id)
        if attempt is None or attempt.claimed.token != token or attempt.asked is Asked.LOST_LEASE:
            return
        log.warning("run %s: its lease is another's now; its processes are killed", run_id)
        self.heart.drop(run_id)
        attempt.asked = Asked.LOST_LEASE
        self.launcher.cancel(attempt.handle, 0)

    def _reconcile(self) -> None:
        """Compare the leases that the database knows with what is held here."""
        with self.database.read() as session:
            leases = {run.run_id: run for run in running_runs(session, self.worker_id)}
        for run_id, attempt in self.attempts.items():
            run = leases.pop(run_id, None)
            if run is None or run.token != attempt.claimed.token:
                self._lost(run_id, attempt.claimed.token)
            elif run.cancel:
                self._ask(attempt, Asked.CANCEL, self.settings.cancel_grace_seconds)
        for ending in self.recorder.waiting:
            leases.pop(ending.claimed.run_id, None)
        for run in leases.values():  # a claim that went through although its commit seemed to fail
            log.warning("run %s: claimed without knowing it; it goes back to the queue", run.run_id)
            why = "claimed, but the worker never heard of it: the database's answer was lost"
            with suppress(LostLease), self.database.write() as session:  # a judge may have been faster
                queue.release(session, run.run_id, run.token, now=utcnow(), why=why)

    def _ask(self, attempt: Attempt, why: Asked, grace: float) -> None:
        if attempt.asked is None or (attempt.asked is Asked.DRAIN and why is not Asked.DRAIN):
            log.info("run %s: stopping it (%s)", attempt.run_id, why)
            attempt.asked = why
            self.launcher.cancel(attempt.handle, grace)
        elif why is Asked.DRAIN:
            self.launcher.cancel(attempt.handle, grace)  # the worker's own end may be nearer than the grace

    # -- endings

    def _collect(self) -> bool:
        """Take over every attempt that has ended."""
        over = [
            (attempt, state)
            for attempt in self.attempts.values()
            if isinstance(state := self.launcher.poll(attempt.handle), Exited | Lost)
        ]
        for attempt, state in over:
            self._end(attempt, state)
        return bool(over)

    def _end(self, attempt: Attempt, state: Exited | Lost) -> None:
        outcome = decide(attempt.facts(state))
        log.info("run %s: attempt %s ended: %s", attempt.run_id, attempt.claimed.attempt, outcome)
        if isinstance(state, Exited) and (state.left or state.log_trouble):
            log.error("run %s: processes left %s; its log: %s", attempt.run_id, state.left, state.log_trouble)
        if isinstance(state, Lost) and not state.started:
            outcome = replace(outcome, wait_s=self.claimer.pause(state.detail))
        progress, metrics = attempt.news.collect()
        for _ in range(_LAST_READS):
            if not attempt.news.behind:
                break
            progress, metrics = attempt.news.collect()
        kept = {name: value for name, value in progress.items() if name not in {"phase", "eta_s"}}
        self.launcher.forget(attempt.handle)
        del self.attempts[attempt.run_id]
        self.recorder.add(Ending(attempt.claimed, outcome, kept, metrics, attempt.news.replaces))

    # -- news

    def _report(self) -> None:
        for attempt in self.attempts.values():
            progress, metrics = attempt.news.collect()
            if (progress or metrics or attempt.news.replaces) and self._polite["news"].due:
                with self._polite["news"].guard():
                    self._tell(attempt, progress, metrics)

    def _tell(self, attempt: Attempt, progress: dict[str, Any], metrics: list[MetricSummary]) -> None:
        token = attempt.claimed.token
        try:
            with self.database.write() as session:
                report(
                    session, attempt.run_id, token, now=utcnow(), progress=progress, metrics=metrics,
                    replace=attempt.news.replaces,
                )  # fmt: skip
        except LostLease:
            self._lost(attempt.run_id, token)
        else:
            attempt.news.taken()

    # -- claiming

    def _claim(self) -> bool:
        if self.draining:
            return False
        occupied = (device.device for attempt in self.attempts.values() for device in attempt.devices)
        found = self.claimer.next(Counter(occupied))
        if found is None:
            return False
        self.heart.hold(found.claimed.run_id, found.claimed.token, lambda: None)
        if found.devices:
            self._start(found)
        else:
            outcome = Outcome(Fate.FINISH, Reason.BAD_DEVICE, clean(found.why))
            self.recorder.add(Ending(found.claimed, outcome))
        return True

    def _start(self, found: Found) -> None:
        claimed, devices = found.claimed, found.devices
        try:
            spec = make_ready(self.settings, claimed, devices, found.script)
            news = News(spec.run_dir, spec.params)
            handle = self.launcher.submit(spec)
        except OSError as error:
            wait_s = self.claimer.pause(str(error))
            lost = Lost(started=False, detail=str(error), number=error.errno)
            outcome = decide(Facts(lost, claimed.attempt))
            self.recorder.add(Ending(claimed, replace(outcome, wait_s=wait_s)))
            return
        self.attempts[claimed.run_id] = Attempt(claimed, devices, handle, news)
        self.heart.hold(claimed.run_id, claimed.token, lambda: self.launcher.renew(handle))
        names = ", ".join(device.device for device in devices)
        log.info("run %s: attempt %s starts on %s", claimed.run_id, claimed.attempt, names)
