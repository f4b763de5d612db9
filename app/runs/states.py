"""The state machine: the only module that writes a run's state, and the run_event row of each edge with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.db import WriteSession
from app.errors import Conflict, NotFound
from app.models import Run, RunEvent
from app.runs.words import TERMINAL, TRANSITIONS, Reason, RunState


class LostLease(Exception):
    """The run is no longer this worker's: another token holds it, or nobody does. Nothing was written."""


def new_runs(session: WriteSession, runs: Sequence[Run], *, actor: str, now: datetime) -> None:
    """Store new runs as queued, in their order, each with its first event. Their ids are known afterwards."""
    for run in runs:
        run.state = RunState.QUEUED
        run.created_at = run.updated_at = now
    session.add_all(runs)
    session.flush()
    for run in runs:
        _record(session, run.id, now, actor, None, RunState.QUEUED)


def imported(
    session: WriteSession,
    runs: Sequence[Run],
    *,
    actor: str,
    now: datetime,
    detail: Sequence[str],
    history: Sequence[Sequence[RunEvent]],
) -> None:
    """Store runs that ended elsewhere, in their order, each with the event that says where it came from.

    Each brings its terminal state, reason and times; `updated_at` is now. Their ids are known afterwards.

    Args:
        detail: of each run's event.
        history: what each run's timeline had where it comes from; it stands before that event.

    Raises:
        ValueError: a run that has not ended.
    """
    for run in runs:
        if RunState(run.state) not in TERMINAL:
            raise ValueError(f"a run that is {run.state} cannot be imported")
        run.updated_at = now
    session.add_all(runs)
    session.flush()
    for run, events in zip(runs, history, strict=True):
        for event in events:
            event.run_id = run.id
            session.add(event)
    session.flush()
    for run, text in zip(runs, detail, strict=True):
        reason = None if run.reason is None else Reason(run.reason)
        _record(session, run.id, now, actor, None, RunState(run.state), reason, text, run.attempt)


def transition(
    session: WriteSession,
    run: Run,
    to: RunState,
    *,
    actor: str,
    now: datetime,
    reason: Reason | None = None,
    detail: str | None = None,
    token: str | None = None,
    values: dict[InstrumentedAttribute[Any], Any] | None = None,
) -> None:
    """Take one edge: compare-and-set on the state (and on the lease token), plus its event, in one transaction.

    Args:
        run: the run as it was read; it is refreshed when the edge was taken.
        to: the new state; the edge must stand in `TRANSITIONS`.
        actor: who did it, as in `RunEvent.actor`.
        reason: needed for a terminal state, kept for the others.
        token: the worker's lease; None where the caller is not a worker.
        values: further columns written with the edge.

    Raises:
        Conflict: the edge does not exist, or somebody else was faster.
        LostLease: a token was given and the run is held with another one.
    """
    before = RunState(run.state)
    if to not in TRANSITIONS[before]:
        if token is not None:
            raise LostLease(f"run {run.id} is {before}")
        raise Conflict(f"run {run.id} is {before}; it cannot become {to}")
    columns: dict[InstrumentedAttribute[Any], Any] = {
        Run.state: to,
        Run.reason: reason,
        Run.detail: detail,
        Run.updated_at: now,
        Run.finished_at: now if to in TERMINAL else None,
        **(values or {}),
    }
    if to is not RunState.RUNNING:
        columns |= {Run.lease_token: None, Run.lease_expires_at: None, Run.phase: None, Run.eta_s: None}
    statement = update(Run).where(Run.id == run.id, Run.state == before)
    if token is not None:
        statement = statement.where(Run.lease_token == token)
    statement = statement.values({column.key: value for column, value in columns.items()}).returning(Run.id)
    if session.scalar(statement.execution_options(synchronize_session=False)) is None:
        if token is not None:
            raise LostLease(f"run {run.id} is held by somebody else")
        raise Conflict(f"run {run.id} is no longer {before}; look again")
    session.refresh(run)
    _record(session, run.id, now, actor, before, to, reason, detail, run.attempt)


def cancel_all(
    session: WriteSession, why: Mapping[int, str], *, reason: Reason, actor: str, now: datetime
) -> None:
    """Take the edge from queued to cancelled for many runs at once, with their events.

    Args:
        why: run id → detail; the caller has locked them and found them queued.
    """
    cancelled = (
        update(Run)
        .where(Run.id == bindparam("run"), Run.state == RunState.QUEUED)
        .values(
            state=RunState.CANCELLED, reason=reason, detail=bindparam("why"), updated_at=now, finished_at=now
        )
    )
    session.connection().execute(cancelled, [{"run": run_id, "why": text} for run_id, text in why.items()])
    rows = session.execute(select(Run.id, Run.attempt).where(Run.id.in_(why)))
    attempts = {row[0]: row[1] for row in rows}
    for run_id, text in why.items():
        _record(
            session, run_id, now, actor, RunState.QUEUED, RunState.CANCELLED, reason, text, attempts[run_id]
        )


def note(session: WriteSession, run: Run, *, actor: str, now: datetime, detail: str) -> None:
    """Write an event that takes no edge, such as a cancel request of a running run."""
    _record(session, run.id, now, actor, RunState(run.state), RunState(run.state), None, detail, run.attempt)


def get(session: WriteSession, run_id: int) -> Run:
    """The run, locked for the rest of the transaction where the database has row locks.

    Raises:
        NotFound: there is none, or it is being deleted.
    """
    run = session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if run is None or run.deleted_at is not None:
        raise NotFound(f"there is no run {run_id}")
    return run


def _record(
    session: WriteSession,
    run_id: int,
    at: datetime,
    actor: str,
    before: RunState | None,
    after: RunState,
    reason: Reason | None = None,
    detail: str | None = None,
    attempt: int = 0,
) -> None:
    session.add(
        RunEvent(
            run_id=run_id, at=at, actor=actor, from_state=before, to_state=after, reason=reason, detail=detail,
            attempt=attempt,
        )
    )  # fmt: skip
