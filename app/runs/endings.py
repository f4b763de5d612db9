"""How attempts end: recorded by the worker that holds the lease, or by a judge when that worker is gone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from app.db import WriteSession
from app.models import Run, Worker
from app.runs import states
from app.runs.order import IS_QUEUED
from app.runs.states import LostLease
from app.runs.words import Reason, RunState

MAX_LOSSES = 3
BACKOFF_S = (10, 40, 160)
POISONED_AFTER = 2
_BATCH = 500
"""Runs that are cancelled by one statement."""


def finish(
    session: WriteSession,
    run_id: int,
    token: str,
    reason: Reason,
    *,
    now: datetime,
    detail: str | None = None,
    exit_code: int | None = None,
) -> Run:
    """Record how an attempt ended. A failure of the script's own goes back to the queue while retries are left.

    Raises:
        LostLease: the run is no longer the caller's.
    """
    run = _held(session, run_id, token)
    actor = _worker_actor(session, run)
    own_failure = reason in {Reason.EXCEPTION, Reason.EXIT_CODE, Reason.SIGNAL}
    if own_failure and run.retries < run.max_retries and run.cancel_requested_at is None:
        values = {Run.retries: run.retries + 1, Run.worker_deaths: 0, Run.exit_code: exit_code}
        states.transition(
            session, run, RunState.QUEUED, actor=actor, now=now, reason=reason, detail=detail, token=token,
            values=values,
        )  # fmt: skip
        return run
    values = {Run.exit_code: exit_code, Run.worker_deaths: 0}
    end(session, run, reason, actor=actor, now=now, detail=detail, token=token, values=values)
    return run


def release(
    session: WriteSession,
    run_id: int,
    token: str,
    *,
    now: datetime,
    why: str | None = None,
    wait_s: float = 0.0,
) -> Run:
    """Give a run back to the queue; the attempt does not count.

    A run whose cancellation was asked for ends as cancelled instead: its processes are gone.

    Args:
        why: what went wrong, for the timeline; None: nothing did, the worker is being stopped.
        wait_s: nobody claims it for so long, so that a run that cannot be started lets others go first.

    Raises:
        LostLease: the run is no longer the caller's.
    """
    run = _held(session, run_id, token)
    actor = _worker_actor(session, run)
    if run.cancel_requested_at is not None:
        end(session, run, Reason.CANCELLED_BY_USER, actor=actor, now=now, token=token)
        return run
    values: dict[InstrumentedAttribute[Any], Any] = {}
    if why is None:
        values[Run.worker_deaths] = 0
    if wait_s:
        values[Run.not_before] = now + timedelta(seconds=wait_s)
    states.transition(
        session, run, RunState.QUEUED, actor=actor, now=now, token=token, detail=why, values=values,
        reason=Reason.WORKER_DRAINED if why is None else Reason.WORKER_LOST,
    )  # fmt: skip
    return run


def reclaim(session: WriteSession, run_id: int, token: str, *, now: datetime, why: str) -> Run | None:
    """Take a run from a worker that is gone: back to the queue after 10, 40, 160 s, or to its end.

    Args:
        token: the lease that was judged lost; when another one holds the run by now, nothing happens.
        why: what the judge saw, for the timeline.

    Returns:
        The run, or None when it had moved on.
    """
    run = states.get(session, run_id)
    if run.lease_token != token:
        return None
    deaths, losses = run.worker_deaths + 1, run.losses + 1
    values = {Run.worker_deaths: deaths, Run.losses: losses}
    if run.cancel_requested_at is not None:
        end(session, run, Reason.CANCELLED_BY_USER, actor="system", now=now, detail=why, values=values)
    elif deaths >= POISONED_AFTER:
        detail = f"{deaths} workers in a row died while they ran it; last: {why}"
        end(session, run, Reason.POISONED, actor="system", now=now, detail=detail, values=values)
    elif losses > MAX_LOSSES:
        detail = f"lost {losses} times; last: {why}"
        end(session, run, Reason.WORKER_LOST, actor="system", now=now, detail=detail, values=values)
    else:
        wait = timedelta(seconds=BACKOFF_S[losses - 1])
        states.transition(
            session, run, RunState.QUEUED, actor="system", now=now, reason=Reason.WORKER_LOST, detail=why,
            values={**values, Run.not_before: now + wait},
        )  # fmt: skip
    return run


def _held(session: WriteSession, run_id: int, token: str) -> Run:
    run = session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if run is None or run.lease_token != token:
        raise LostLease(f"run {run_id} is no longer held with this lease")
    return run


def end(
    session: WriteSession,
    run: Run,
    reason: Reason,
    *,
    actor: str,
    now: datetime,
    detail: str | None = None,
    token: str | None = None,
    values: dict[Any, Any] | None = None,
) -> None:
    """Take the edge to the terminal state that belongs to the reason; runs that were to follow a success are cancelled."""
    states.transition(
        session,
        run,
        reason.state,
        actor=actor,
        now=now,
        reason=reason,
        detail=detail,
        token=token,
        values=values,
    )
    if reason.state is not RunState.SUCCEEDED:
        how = "failed" if reason.state is RunState.FAILED else "was cancelled"
        cancel_followers(session, {run.id: f"run #{run.id} {run.name}, which {how}"}, now=now)


def cancel_followers(session: WriteSession, ended: Mapping[int, str], *, now: datetime) -> None:
    """Cancel the queued runs that were to follow these ones, and those that were to follow them, and so on.

    Args:
        ended: run id → what became of it, as the object of "was to follow …".
    """
    # The edge of the run that ended has been taken by now. So a submission that names it, and holds it meanwhile
    # (`app.queue.queries.hold_predecessor`), is either seen here or has seen the end.
    todo = dict(ended)
    while todo:
        batch = list(todo)[:_BATCH]
        waiting = select(Run.id, Run.name, Run.after_id).where(Run.after_id.in_(batch), IS_QUEUED)
        rows = session.execute(waiting.order_by(Run.id).limit(_BATCH).with_for_update()).all()
        if not rows:
            todo = {run_id: todo[run_id] for run_id in list(todo)[_BATCH:]}
            continue
        why = {row.id: f"was to follow {todo[row.after_id]}" for row in rows}
        states.cancel_all(session, why, reason=Reason.DEPENDENCY_FAILED, actor="system", now=now)
        todo |= {row.id: f"run #{row.id} {row.name}, which was cancelled" for row in rows}


def _worker_actor(session: WriteSession, run: Run) -> str:
    worker = session.get(Worker, run.worker_id) if run.worker_id else None
    return f"worker:{worker.name}" if worker else "worker"
