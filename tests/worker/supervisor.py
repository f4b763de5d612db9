"""A real worker process on a real database, and what a test asks about its runs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_for

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.experiments.slugs import slugify
from app.models import Experiment, Run, RunEvent, Worker
from app.runs import queue
from app.runs.words import RunState

mostly_sqlite = pytest.mark.parametrize(
    "settings", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True
)
"""For what another test shows on PostgreSQL, too: the queue's own tests, and a run from claim to finish, run on both."""


@dataclass
class Supervisor:
    """One `python -m worker`, its settings in the environment."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def stop(self, timeout: float = 30) -> int:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(timeout)


StartWorker = Callable[..., Supervisor]


def start(settings: Settings, log: Path, **changes: Any) -> Supervisor:
    environment = {
        **os.environ,
        "DANLU_HOME": str(settings.home),
        "DANLU_DATABASE_URL": settings.db_url,
        "DANLU_DEVICES": "cpu",
        "DANLU_DISK_FLOOR_GIB": "0",
        "DANLU_DISK_FLOOR_PERCENT": "0",
        **{f"DANLU_{name.upper()}": str(value) for name, value in changes.items()},
    }
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], env=environment, stdout=file, stderr=file
        )
    return Supervisor(settings, process, log)


def submit(database: Database, recipe: str | None, **values: Any) -> int:
    with database.write() as session:
        experiment = session.query(Experiment).filter_by(slug="tests").one_or_none()
        if experiment is None:
            now = utcnow()
            experiment = Experiment(slug=slugify("tests", "x"), name="Tests", created_at=now, updated_at=now)
            session.add(experiment)
            session.flush()
        spec = queue.RunSpec(experiment_id=experiment.id, name=recipe or "script", recipe=recipe, **values)
        return queue.submit(session, spec, actor="user:ann", now=utcnow()).id


def run_of(database: Database, run_id: int) -> Run:
    with database.read() as session:
        return session.get_one(Run, run_id)


def events_of(database: Database, run_id: int) -> list[tuple[str | None, str, str | None]]:
    with database.read() as session:
        rows = session.query(RunEvent).filter_by(run_id=run_id).order_by(RunEvent.id).all()
    return [(row.from_state, row.to_state, row.reason) for row in rows]


def workers_of(database: Database) -> list[Worker]:
    with database.read() as session:
        return session.query(Worker).order_by(Worker.started_at).all()


def folder_of(settings: Settings, database: Database, run_id: int) -> Path:
    return settings.experiments_dir / "tests" / run_of(database, run_id).slug


def finished(database: Database, run_id: int, timeout: float = 40) -> Run:
    def probe() -> Run | None:
        run = run_of(database, run_id)
        return run if RunState(run.state).terminal else None

    run = wait_for(probe, timeout, f"the end of run {run_id}")
    assert run is not None
    return run


def in_state(database: Database, run_id: int, state: RunState, timeout: float = 40) -> Run:
    def probe() -> Run | None:
        run = run_of(database, run_id)
        return run if run.state == state else None

    run = wait_for(probe, timeout, f"run {run_id} to be {state}")
    assert run is not None
    return run


def cancel(database: Database, run_id: int) -> None:
    with database.write() as session:
        queue.request_cancel(session, run_id, actor="user:ann", now=utcnow())


def check_invariants(database: Database, settings: Settings) -> None:
    """What must hold after every test: one end per ended run, no lease and no process left of it."""
    with database.read() as session:
        runs = session.query(Run).all()
        events = session.query(RunEvent).order_by(RunEvent.id).all()
    for run in runs:
        edges = [
            (e.from_state, e.to_state) for e in events if e.run_id == run.id and e.from_state != e.to_state
        ]
        assert edges[0] == (None, "queued")
        assert all(after[0] == before[1] for before, after in pairwise(edges))
        if RunState(run.state).terminal:
            assert run.finished_at is not None
            assert run.lease_token is None
            assert [RunState(to).terminal for _, to in edges].count(True) == 1
            assert processes_of(settings, run) == []


def processes_of(settings: Settings, run: Run) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DANLU_RUN_DIR") == str(settings.experiments_dir / "tests" / run.slug):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
