"""Valid rows through the real services."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.db import WriteSession
from app.models import Experiment, Run, Worker
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(seconds=seconds)


def make_experiment(session: WriteSession, slug: str = "rings", **values: Any) -> Experiment:
    experiment = Experiment(
        slug=slug, name=values.pop("name", slug.title()), created_at=NOW, updated_at=NOW, **values
    )
    session.add(experiment)
    session.flush()
    return experiment


def make_worker(session: WriteSession, worker_id: str = "w1", devices: tuple[str, ...] = ("cpu",)) -> Worker:
    worker = Worker(
        id=worker_id, name=worker_id, host="box", machine="boot", pid=1, pid_started=0.0, state="up",
        devices=[{"device": device, "name": device, "slots": 1} for device in devices], version="0", info={},
        started_at=NOW, last_seen_at=NOW,
    )  # fmt: skip
    workers.register_worker(session, worker)
    return worker


def make_run(session: WriteSession, experiment: Experiment, **values: Any) -> Run:
    spec = queue.RunSpec(
        experiment_id=experiment.id,
        name=values.pop("name", "rings"),
        recipe=values.pop("recipe", "rings"),
        **values,
    )
    return queue.submit(session, spec, actor="user:ann", now=NOW)


def bring_to(session: WriteSession, run: Run, state: RunState, worker_id: str = "w1") -> str | None:
    """Take a queued run to a state over legal edges; returns the lease token where it has one."""
    if state is RunState.QUEUED:
        return None
    if state is RunState.CANCELLED:
        queue.request_cancel(session, run.id, actor="user:ann", now=NOW)
        return None
    claimed = queue.claim(session, worker_id, ["cpu"], NOW)
    assert claimed is not None
    assert claimed.run_id == run.id
    if state is not RunState.RUNNING:
        reason = Reason.COMPLETED if state is RunState.SUCCEEDED else Reason.EXCEPTION
        queue.finish(session, run.id, claimed.token, reason, now=NOW)
        return None
    return claimed.token
