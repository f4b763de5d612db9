"""The rows of snapshots."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, select, update
from sqlalchemy.orm import Session

from app.db import WriteSession
from app.models import Run, Snapshot

_HAS_RUN = exists(select(Run.id).where(Run.snapshot_id == Snapshot.id))


def find(session: Session, snapshot_id: str) -> Snapshot | None:
    """The snapshot of that name."""
    return session.get(Snapshot, snapshot_id)


def touch(session: WriteSession, snapshot_id: str, now: datetime) -> bool:
    """Note a use, which keeps it from being removed by whoever has looked before; False when there is none."""
    touched = update(Snapshot).where(Snapshot.id == snapshot_id).values(used_at=now)
    return _changed(session, touched) == 1


def all_ids(session: Session) -> set[str]:
    """The names of all snapshots."""
    return set(session.scalars(select(Snapshot.id)))


def unused(session: Session, before: datetime) -> list[tuple[str, datetime]]:
    """Those that no run has and that were last used before that moment, each with when."""
    query = select(Snapshot.id, Snapshot.used_at).where(Snapshot.used_at < before, ~_HAS_RUN)
    return [(row[0], row[1]) for row in session.execute(query)]


def without_runs(session: Session, snapshot_ids: Iterable[str]) -> list[tuple[str, datetime]]:
    """Those of these that no run has any more, each with its last use."""
    query = select(Snapshot.id, Snapshot.used_at).where(Snapshot.id.in_(list(snapshot_ids)), ~_HAS_RUN)
    return [(row[0], row[1]) for row in session.execute(query)]


def of_runs(session: Session, run_ids: Iterable[int]) -> set[str]:
    """The snapshots of these runs."""
    query = select(Run.snapshot_id).where(Run.id.in_(list(run_ids)), Run.snapshot_id.is_not(None))
    return {str(found) for found in session.scalars(query)}


def of_experiment(session: Session, experiment_id: int) -> set[str]:
    """The snapshots of an experiment's runs."""
    query = select(Run.snapshot_id).where(Run.experiment_id == experiment_id, Run.snapshot_id.is_not(None))
    return {str(found) for found in session.scalars(query)}


def erase(session: WriteSession, snapshot_id: str, used_at: datetime) -> bool:
    """Remove the row, unless it was used since `used_at`; whether it was removed."""
    gone = delete(Snapshot).where(Snapshot.id == snapshot_id, Snapshot.used_at == used_at)
    return _changed(session, gone) == 1


def _changed(session: Session, statement: Any) -> int:
    result = cast(
        "CursorResult[Any]", session.execute(statement.execution_options(synchronize_session=False))
    )
    return result.rowcount
