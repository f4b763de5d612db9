"""The poller's reads. Each is one statement, whatever the number of subscribers."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import Experiment, Metric, Run, Worker
from app.runs.order import IN_ORDER, IS_QUEUED, IS_RUNNING

Mark = tuple[Any, ...]
Point = list[Any]
QUEUE_LOOK = 100
"""So many runs of the queue are looked at for a change of their order."""


def run_marks(session: Session, run_ids: Collection[int]) -> dict[int, Mark]:
    """State and time of the last change of these runs; those that are gone are left out."""
    query = (
        select(Run.id, Run.state, Run.updated_at)
        .join(Experiment)
        .where(Run.id.in_(run_ids), Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
    )
    return {row.id: (row.state, row.updated_at) for row in session.execute(query)}


def run_places(session: Session, run_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Slugs of experiment and run, the parts of the run's folder; those that are gone are left out."""
    query = (
        select(Run.id, Experiment.slug, Run.slug)
        .join(Experiment)
        .where(Run.id.in_(run_ids), Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
    )
    return {run_id: (experiment, run) for run_id, experiment, run in session.execute(query)}


def last_points(session: Session, run_ids: Collection[int]) -> dict[int, dict[str, Point]]:
    """The last point of every tag of these runs: `[step, value]`, or `[step, None, "nan"]` and the like."""
    query = select(Metric.run_id, Metric.tag, Metric.step, Metric.last, Metric.last_nonfinite).where(
        Metric.run_id.in_(run_ids)
    )
    points: defaultdict[int, dict[str, Point]] = defaultdict(dict)
    for run_id, tag, step, last, nonfinite in session.execute(query):
        points[run_id][tag] = [step, None, nonfinite] if nonfinite else [step, last]
    return points


def changed_runs(session: Session, since: datetime) -> list[tuple[int, str, datetime]]:
    """Runs that changed since then, deleted ones included: id, slug of the experiment, time of the change."""
    query = select(Run.id, Experiment.slug, Run.updated_at).join(Experiment).where(Run.updated_at >= since)
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def changed_experiments(session: Session, since: datetime) -> list[tuple[str, datetime]]:
    """Experiments whose own row changed since then, deleted ones included."""
    changed = or_(Experiment.updated_at >= since, Experiment.deleted_at >= since)
    query = select(Experiment.slug, func.coalesce(Experiment.deleted_at, Experiment.updated_at)).where(
        changed
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def run_counts(session: Session, slugs: Collection[str]) -> dict[str, dict[str, int]]:
    """Number of runs by state of these experiments; those that are gone are left out."""
    query = (
        select(Experiment.slug, Run.state, func.count(Run.id))
        .outerjoin(Run, (Run.experiment_id == Experiment.id) & Run.deleted_at.is_(None))
        .where(Experiment.slug.in_(slugs), Experiment.deleted_at.is_(None))
        .group_by(Experiment.slug, Run.state)
    )
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for slug, state, count in session.execute(query):
        counts[slug].update({state: count} if state else {})
    return counts


def run_totals(session: Session, slugs: Collection[str]) -> dict[str, int]:
    """Number of rows of these experiments, from the index alone: it falls when a run was deleted."""
    query = (
        select(Experiment.slug, func.count(Run.id))
        .join(Run, Run.experiment_id == Experiment.id)
        .where(Experiment.slug.in_(slugs))
        .group_by(Experiment.slug)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def table_totals(session: Session) -> tuple[int, int]:
    """Number of rows of runs and of experiments."""
    runs, experiments = (
        select(func.count()).select_from(table).scalar_subquery() for table in (Run, Experiment)
    )
    row = session.execute(select(runs, experiments)).one()
    return row[0], row[1]


def experiment_total(session: Session) -> int:
    """Number of experiments."""
    return (
        session.scalar(select(func.count()).select_from(Experiment).where(Experiment.deleted_at.is_(None)))
        or 0
    )


def queue_mark(session: Session) -> tuple[Mark, int, int]:
    """What the queue's page shows changes with this; and how many runs wait and run."""
    first = select(Run.id, Run.updated_at).where(IS_QUEUED).order_by(*IN_ORDER).limit(QUEUE_LOOK)
    waiting = tuple(tuple(row) for row in session.execute(first))
    total = session.scalar(select(func.count()).select_from(Run).where(IS_QUEUED)) or 0
    running = tuple(session.scalars(select(Run.id).where(IS_RUNNING).order_by(Run.id)))
    return (waiting, total, running), total, len(running)


def worker_rows(session: Session) -> list[Any]:
    """Every worker that is not gone, oldest first."""
    query = (
        select(Worker.id, Worker.name, Worker.host, Worker.state, Worker.devices, Worker.last_seen_at)
        .where(Worker.state != "gone")
        .order_by(Worker.started_at, Worker.id)
    )
    return list(session.execute(query))
