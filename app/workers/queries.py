"""What a worker writes about itself and its live runs: registration, recipes, progress, summaries of metrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.db import ReadSession, WriteSession
from app.models import Metric, Recipe, Run, Worker
from app.runs.states import LostLease


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """Where one scalar series of a run stands. `last` may be NaN or infinite; min and max are finite or None."""

    tag: str
    step: int
    last: float
    min: float | None
    max: float | None
    min_step: int | None
    max_step: int | None
    count: int


@dataclass(frozen=True, slots=True)
class PublishedRecipe:
    """A recipe as its file offers it; with `error`, one that could not be loaded."""

    name: str
    summary: str
    schema: dict[str, Any]
    source: str
    error: str | None = None


def register_worker(session: WriteSession, worker: Worker) -> None:
    """Store a worker that has just started."""
    session.add(worker)
    session.flush()


def set_worker_state(session: WriteSession, worker_id: str, state: str, now: datetime) -> None:
    """`up`, `draining` or `gone`."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(state=state, last_seen_at=now))


def set_worker_info(
    session: WriteSession, worker_id: str, *, devices: list[Any], info: dict[str, Any]
) -> None:
    """Write what was found out after the registration: devices, versions, free disk."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(devices=devices, info=info))


def live_workers(session: ReadSession) -> list[Worker]:
    """Every worker that has not said, and of which nobody has found, that it is gone."""
    return list(session.scalars(select(Worker).where(Worker.state != "gone")))


def publish_recipes(
    session: WriteSession, worker_id: str, recipes: Iterable[PublishedRecipe], now: datetime
) -> None:
    """Replace what is offered by what this worker has just loaded."""
    rows = [
        {
            "name": recipe.name, "summary": recipe.summary, "schema": recipe.schema, "source": recipe.source,
            "error": recipe.error, "worker_id": worker_id, "updated_at": now,
        }
        for recipe in recipes
    ]  # fmt: skip
    session.execute(delete(Recipe).where(Recipe.name.not_in([row["name"] for row in rows])))
    if rows:
        statement = _insert(session, Recipe)
        columns = {name: statement.excluded[name] for name in rows[0] if name != "name"}
        session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=columns), rows)


def report(
    session: WriteSession,
    run_id: int,
    token: str,
    *,
    now: datetime,
    progress: dict[str, Any] | None = None,
    metrics: Iterable[MetricSummary] = (),
    replace: bool = False,
) -> None:
    """Write a live run's progress and the summaries that changed, under its lease.

    A run that gets further than before is not what its workers died of: their deaths are no longer in a row.

    Args:
        progress: any of phase, step, total, epoch, epochs, eta_s, resolved_device.
        metrics: summaries that changed.
        replace: `metrics` are all that the run has: those stored before are removed in the same transaction.

    Raises:
        LostLease: the run is no longer the caller's; nothing was written.
    """
    held = update(Run).where(Run.id == run_id, Run.lease_token == token)
    told = progress or {}
    further = [
        or_(column.is_(None), column < told[column.key])
        for column in (Run.step, Run.epoch)
        if told.get(column.key) is not None
    ]
    deaths = {"worker_deaths": case((or_(*further), 0), else_=Run.worker_deaths)} if further else {}
    changed = session.scalar(held.values(updated_at=now, **told, **deaths).returning(Run.id))
    if changed is None:
        raise LostLease(f"run {run_id} is no longer held with this lease")
    if replace:
        session.execute(delete(Metric).where(Metric.run_id == run_id))
    write_metrics(session, run_id, metrics, now)


def write_metrics(
    session: WriteSession, run_id: int, metrics: Iterable[MetricSummary], now: datetime
) -> None:
    """Insert or replace summaries; the caller has made sure that the run is its own."""
    rows = [_metric_row(run_id, metric, now) for metric in metrics]
    if rows:
        statement = _insert(session, Metric)
        columns = {name: statement.excluded[name] for name in rows[0] if name not in {"run_id", "tag"}}
        session.execute(statement.on_conflict_do_update(index_elements=["run_id", "tag"], set_=columns), rows)


def _metric_row(run_id: int, metric: MetricSummary, now: datetime) -> dict[str, Any]:
    # A database column holds no NaN that both SQLite and PostgreSQL agree on.
    finite = metric.last - metric.last == 0
    return {
        "run_id": run_id,
        "tag": metric.tag[:500],
        "step": metric.step,
        "last": metric.last if finite else None,
        "last_nonfinite": None if finite else str(metric.last),
        "min": metric.min,
        "max": metric.max,
        "min_step": metric.min_step,
        "max_step": metric.max_step,
        "count": metric.count,
        "updated_at": now,
    }


def _insert(session: WriteSession, table: type[Recipe | Metric]) -> Any:
    """INSERT with ON CONFLICT; both databases have it, with the same words."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table)
