"""What a supervisor asks the database beyond the queue's own verbs."""

from dataclasses import dataclass

from sqlalchemy import func, select

from app.db import ReadSession
from app.models import Experiment, Recipe, Run
from app.runs.words import RunState


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A running run as the database has it."""

    run_id: int
    token: str
    seq: int
    worker_id: str | None
    cancel: bool
    experiment_slug: str
    run_slug: str


def running_runs(session: ReadSession, worker_id: str | None = None) -> list[HeldRun]:
    """Every running run, or those of one worker."""
    query = (
        select(
            Run.id,
            Run.lease_token,
            Run.lease_seq,
            Run.worker_id,
            Run.cancel_requested_at,
            Experiment.slug,
            Run.slug,
        )
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.state == RunState.RUNNING)
    )
    if worker_id is not None:
        query = query.where(Run.worker_id == worker_id)
    return [
        HeldRun(run_id, str(token), seq, holder, cancel_at is not None, experiment, run)
        for run_id, token, seq, holder, cancel_at, experiment, run in session.execute(query)
    ]


def recipe_count(session: ReadSession) -> int:
    """How many recipes are published."""
    return session.scalar(select(func.count()).select_from(Recipe)) or 0
