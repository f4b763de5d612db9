"""The runs that are grouped, with what they reached in one metric."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.compare.seeds.configuration import Defined
from app.compare.seeds.request import SeedsQuery
from app.errors import NotFound
from app.models import Experiment, Metric, Run, User
from app.runs.listing.queries import narrowed

MAX_RUNS = 20_000


class Outcome(NamedTuple):
    """One run and its summary of the metric; all None where it has none."""

    run: Defined
    state: str
    last: float | None
    nonfinite: str | None
    min: float | None
    max: float | None


def tags(session: Session, query: SeedsQuery, now: datetime) -> dict[str, int]:
    """How many of the chosen runs have each metric, by tag.

    Raises:
        NotFound: there is no such experiment.
        Invalid: the filter cannot be read.
    """
    chosen = _chosen(session, select(Run.id), query, now)
    counted = select(Metric.tag, func.count()).where(Metric.run_id.in_(chosen)).group_by(Metric.tag)
    found = {row[0]: row[1] for row in session.execute(counted.order_by(Metric.tag))}
    if not found and query.experiment is not None:
        there = select(Experiment.id).where(Experiment.slug == query.experiment)
        if session.scalar(there.where(Experiment.deleted_at.is_(None))) is None:
            raise NotFound(f"There is no experiment {query.experiment!r}.")
    return found


def outcomes(session: Session, query: SeedsQuery, metric: str, now: datetime) -> list[Outcome]:
    """The chosen runs, newest first, at most 20,000."""
    statement = select(
        Run.id, Run.name, Run.recipe, Run.snapshot_id, Run.entrypoint, Run.args, Run.params, Run.seed,
        Run.state, Metric.last, Metric.last_nonfinite, Metric.min, Metric.max,
    )  # fmt: skip
    joined = _chosen(session, statement, query, now).outerjoin(
        Metric, and_(Metric.run_id == Run.id, Metric.tag == metric)
    )
    rows = session.execute(joined.order_by(Run.id.desc()).limit(MAX_RUNS))
    return [Outcome(Defined(*row[:8]), *row[8:]) for row in rows]


def _chosen(session: Session, statement: Any, query: SeedsQuery, now: datetime) -> Any:
    """The statement on the runs that are asked for."""
    statement = (
        statement.select_from(Run)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .outerjoin(User, User.id == Run.owner_id)
        .where(Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
    )
    if query.experiment is not None:
        statement = statement.where(Experiment.slug == query.experiment)
    if query.run:
        statement = statement.where(Run.id.in_(query.run))
    sqlite = session.get_bind().dialect.name == "sqlite"
    archived = query.archived or bool(query.run)
    return narrowed(statement, query.q, now, archived=archived, sqlite=sqlite)
