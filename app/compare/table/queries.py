"""The table's SQL: core columns, never an object per row; what can be JSON text is made by the database."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Numeric,
    Select,
    Text,
    case,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from app.clock import rfc3339
from app.compare.table.request import TableQuery
from app.errors import Invalid, NotFound
from app.models import Experiment, Metric, Run, User
from app.runs.listing.queries import narrowed, ordered

MAX_ROWS = 20_000
"""The newest of more runs are shown."""
SNAPSHOT_SHOWN = 12
"""Characters of a snapshot's id that tell one from another."""
OVERLAP = timedelta(seconds=10)
"""Changes are looked for so far back: a transaction may be committed well after the time that it wrote down."""

Column = ColumnElement[Any]


class Mark(NamedTuple):
    """By what one state of the chosen runs is told from another."""

    runs: int
    newest: datetime | None
    total_ms: int
    """Sum of the times of change: an older change that is committed late moves it, too."""

    @property
    def version(self) -> str | None:
        """What `since` takes."""
        return rfc3339(self.newest)


class Summaries(NamedTuple):
    """Metrics of one tag, each field a JSON array in the order of `run`."""

    tag: str
    run: str
    last: str
    min: str
    max: str
    step: str
    nonfinite: str | None


def mark(session: Session, query: TableQuery, now: datetime) -> Mark:
    """What the answer depends on, by one cheap statement.

    Raises:
        NotFound: there is no such experiment.
        BadQuery: the query cannot be read.
    """
    sqlite = _sqlite(session)
    changed = cast(func.round(_unix(Run.updated_at, sqlite=sqlite) * 1000), Numeric(20, 0))
    statement = select(func.count(), func.max(Run.updated_at), func.coalesce(func.sum(changed), 0))
    row = session.execute(_chosen(statement, query, now, sqlite=sqlite)).one()
    if not row[0]:
        _known_experiment(session, query)
    return Mark(row[0], row[1], int(row[2]))


def _known_experiment(session: Session, query: TableQuery) -> None:
    if query.experiment is None:
        return
    there = select(Experiment.id).where(Experiment.slug == query.experiment)
    if session.scalar(there.where(Experiment.deleted_at.is_(None))) is None:
        raise NotFound(f"There is no experiment {query.experiment!r}.")


def ids(session: Session, query: TableQuery, now: datetime) -> list[int]:
    """Ids of the chosen runs, in order.

    Raises:
        NotFound: there is no such experiment.
        BadQuery: the query cannot be read.
    """
    sqlite = _sqlite(session)
    statement = ordered(_chosen(select(Run.id), query, now, sqlite=sqlite), query.sort, now, sqlite=sqlite)
    found = list(session.scalars(statement.limit(MAX_ROWS)))
    if not found:
        _known_experiment(session, query)
    return found


def core_rows(session: Session, query: TableQuery, now: datetime) -> tuple[list[str], list[Any]]:
    """Names of the columns, and the rows; `tags` and `params` are JSON text."""
    sqlite = _sqlite(session)
    columns = _columns(sqlite=sqlite)
    statement = _chosen(
        select(*(column.label(name) for name, column in columns.items())), query, now, sqlite=sqlite
    )
    statement = _changed(statement, query).limit(MAX_ROWS)
    return list(columns), list(session.execute(ordered(statement, query.sort, now, sqlite=sqlite)))


def summaries(session: Session, query: TableQuery, now: datetime) -> list[Summaries]:
    """The metric summaries of the chosen runs, by tag."""
    sqlite = _sqlite(session)
    chosen = _changed(_chosen(select(Run.id), query, now, sqlite=sqlite), query)
    if sqlite:
        chosen = ordered(chosen, "-created", now, sqlite=sqlite).limit(MAX_ROWS)
    array = func.json_group_array if sqlite else func.json_agg
    fields = [
        cast(array(column), Text)
        for column in (Metric.run_id, Metric.last, Metric.min, Metric.max, Metric.step)
    ]
    # hardly ever needed, and then for a few
    odd = case((func.count(Metric.last_nonfinite) > 0, cast(array(Metric.last_nonfinite), Text)))
    statement = select(Metric.tag, *fields, odd).where(Metric.run_id.in_(chosen)).group_by(Metric.tag)
    return [Summaries._make(row) for row in session.execute(statement.order_by(Metric.tag))]


def _chosen(
    statement: Select[*tuple[Any, ...]], query: TableQuery, now: datetime, *, sqlite: bool
) -> Select[*tuple[Any, ...]]:
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
    archived = query.archived or bool(query.run)
    return narrowed(statement, query.q, now, archived=archived, sqlite=sqlite)


def _changed(statement: Select[*tuple[Any, ...]], query: TableQuery) -> Select[*tuple[Any, ...]]:
    if query.since is None:
        return statement
    remedy = "use the `version` of an earlier answer"
    if query.since.tzinfo is None:
        raise Invalid(f"since has no time zone: {remedy}.", fields={"since": remedy})
    try:
        since = query.since.astimezone(UTC) - OVERLAP
    except OverflowError as error:
        raise Invalid(f"since is out of range: {remedy}.", fields={"since": remedy}) from error
    return statement.where(Run.updated_at >= since)


def _columns(*, sqlite: bool) -> dict[str, Column]:
    """What the answer has of each run, by name."""
    times = {
        name: _unix(column, sqlite=sqlite)
        for name, column in (
            ("created_at", Run.created_at), ("started_at", Run.started_at), ("finished_at", Run.finished_at), ("updated_at", Run.updated_at),
        )
    }  # fmt: skip
    plain: dict[str, Any] = {
        "id": Run.id, "name": Run.name, "experiment": Experiment.slug, "state": Run.state, "reason": Run.reason,
        "phase": Run.phase, "stopping": _flag(Run.cancel_requested_at), "owner": User.username,
        "recipe": Run.recipe, "entrypoint": Run.entrypoint,
        "snapshot": func.substr(Run.snapshot_id, 1, SNAPSHOT_SHOWN),
        "device": func.coalesce(Run.resolved_device, Run.device), "seed": Run.seed, "priority": Run.priority,
        "step": Run.step, "total": Run.total, "epoch": Run.epoch, "epochs": Run.epochs, "eta_s": Run.eta_s,
        "colour": Run.colour, "archived": _flag(Run.archived_at), "sweep": Run.sweep,
    }  # fmt: skip
    # a command line tells configurations apart whose params nobody knows; of a recipe it is always empty
    args = case((Run.snapshot_id.is_(None), "[]"), else_=cast(Run.args, Text))
    return plain | times | {"tags": cast(Run.tags, Text), "params": cast(Run.params, Text), "args": args}


def _flag(column: Any) -> Column:
    return cast(column.is_not(None), Integer)


def _unix(column: Any, *, sqlite: bool) -> Column:
    """Seconds since 1970, to the millisecond."""
    if sqlite:
        return func.round((func.julianday(column) - literal_column("2440587.5")) * 86_400.0, 3)
    return cast(func.round(cast(func.extract("epoch", column), Numeric), 3), Float)


def _sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
