"""Reads of runs, as JSON; and the writes of a run's labels and of its removal. A fixed number of queries each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    CursorResult,
    Row,
    Select,
    Update,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from app.clock import utcnow
from app.config import Settings
from app.db import WriteSession
from app.errors import Conflict, NotFound
from app.models import Experiment, IdempotencyKey, Metric, Recipe, Run, RunEvent, User, Worker
from app.queue.queries import waiting
from app.runs.endings import cancel_followers
from app.runs.views import Json, RunRow, event_json, run_json
from app.runs.words import TERMINAL_STATES, RunState

# What every submission asks is built once: composing these costs more than SQLite needs to answer them.
_USERNAME = select(User.username).where(User.id == bindparam("user_id"))
_RECIPE = select(Recipe.schema, Recipe.error).where(Recipe.name == bindparam("name"))


class Published(NamedTuple):
    """What a submission needs of a recipe."""

    schema: Json
    error: str | None


def run_rows() -> Select[Run, str, str, str, str]:
    """The runs that are not being deleted, each with the names that its JSON shows; to be narrowed further."""
    return (
        select(Run, Experiment.slug, Experiment.name, Worker.name, User.username)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .outerjoin(Worker, Worker.id == Run.worker_id)
        .outerjoin(User, User.id == Run.owner_id)
        .where(Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
    )


def get_row(session: Session, run_id: int) -> RunRow:
    """One run.

    Raises:
        NotFound: there is none, or it is being deleted.
    """
    found = session.execute(run_rows().where(Run.id == run_id)).first()
    if found is None:
        raise NotFound(f"There is no run {run_id}.")
    return _row(found)


def run_dict(session: Session, settings: Settings, run_id: int, now: datetime | None = None) -> Json:
    """The JSON of `GET /api/v1/runs/{id}` (see `app.runs.views`); `now`, for durations, is the clock's by default.

    Raises:
        NotFound: there is no such run.
    """
    return to_json(session, settings, [get_row(session, run_id)], now or utcnow())[0]


def run_dicts(
    session: Session, settings: Settings, run_ids: Sequence[int], now: datetime | None = None
) -> list[Json]:
    """As `run_dict` for several runs, in the order given; runs that are gone are left out."""
    found = (_row(row) for row in session.execute(run_rows().where(Run.id.in_(run_ids))))
    rows = {row.run.id: row for row in found}
    return to_json(session, settings, [rows[run_id] for run_id in run_ids if run_id in rows], now or utcnow())


def _row(row: Row[Run, str, str, str, str]) -> RunRow:
    return RunRow(row[0], row[1], row[2], row[3], row[4])


def to_json(session: Session, settings: Settings, rows: Sequence[RunRow], now: datetime) -> list[Json]:
    """Rows as JSON: one query for all metrics, and where runs are queued one for positions, one for workers."""
    started = [row.run.id for row in rows if row.run.attempt]
    metrics = metrics_of(session, started)
    waits = waiting(session, settings, [row.run for row in rows if row.run.state == RunState.QUEUED], now)
    return [run_json(row, metrics.get(row.run.id, ()), waits.get(row.run.id), now) for row in rows]


def metrics_of(session: Session, run_ids: Sequence[int]) -> dict[int, list[Metric]]:
    """The metric summaries of these runs, by tag."""
    found: defaultdict[int, list[Metric]] = defaultdict(list)
    if run_ids:
        query = select(Metric).where(Metric.run_id.in_(run_ids)).order_by(Metric.run_id, Metric.tag)
        for metric in session.scalars(query):
            found[metric.run_id].append(metric)
    return found


def timeline(session: Session, run_id: int) -> list[Json]:
    """The events of a run, oldest first.

    Raises:
        NotFound: there is no such run.
    """
    get_row(session, run_id)
    events = session.scalars(select(RunEvent).where(RunEvent.run_id == run_id).order_by(RunEvent.id))
    return [event_json(event) for event in events]


def git_diff(session: Session, run_id: int) -> str | None:
    """What was not committed; None where no repository was named.

    Raises:
        NotFound: there is no such run.
    """
    get_row(session, run_id)
    return session.scalar(select(Run.git_diff).where(Run.id == run_id))


def recipe_named(session: Session, name: str) -> Published | None:
    """Schema and load error of a published recipe; None when there is none of that name."""
    row = session.execute(_RECIPE, {"name": name}).first()
    return None if row is None else Published(row[0], row[1])


def recipe_names(session: Session) -> list[str]:
    """Names of all published recipes that can be run, in order."""
    return list(session.scalars(select(Recipe.name).where(Recipe.error.is_(None)).order_by(Recipe.name)))


def username(session: Session, user_id: int | None) -> str | None:
    """The name of a user, None for what was done on the machine itself."""
    return None if user_id is None else session.scalar(_USERNAME, {"user_id": user_id})


def run_exists(session: Session, run_id: int) -> bool:
    """Whether there is such a run that is not being deleted."""
    return session.scalar(select(Run.id).where(Run.id == run_id, Run.deleted_at.is_(None))) is not None


def sweep_ids(session: Session, sweep: str) -> list[int]:
    """Ids of the runs of a sweep that are not being deleted, in order."""
    mine = select(Run.id).where(Run.sweep == sweep, Run.deleted_at.is_(None))
    return list(session.scalars(mine.order_by(Run.id)))


def change_labels(session: Session, run_id: int, values: dict[str, Any], now: datetime) -> None:
    """Write name, tags or notes.

    Raises:
        NotFound: there is no such run.
    """
    if not _changed(session, _touch(run_id, values, now)):
        raise NotFound(f"There is no run {run_id}.")


def change_priority(session: Session, run_id: int, values: dict[str, Any], now: datetime) -> None:
    """Write `priority` and what else is in `values`, while the run is queued. Its place there is that of its id again.

    Raises:
        NotFound: there is no such run.
        Conflict: it is not queued any more; nothing is written.
    """
    # A rank says something among those of the same priority only.
    rank = case((Run.priority == values["priority"], Run.rank), else_=Run.id)
    statement = _touch(run_id, values | {"rank": rank}, now).where(Run.state == RunState.QUEUED.value)
    if not _changed(session, statement):
        state = get_row(session, run_id).run.state
        raise Conflict(f"Run {run_id} is {state}; its priority can be changed only while it is queued.")


def _touch(run_id: int, values: dict[str, Any], now: datetime) -> Update:
    mine = update(Run).where(Run.id == run_id, Run.deleted_at.is_(None))
    return mine.values(**values, updated_at=now).execution_options(synchronize_session=False)


def _changed(session: Session, statement: Update) -> int:
    """Executes an UPDATE; returns how many rows it changed."""
    result = cast("CursorResult[Any]", session.execute(statement))
    return result.rowcount


def mark_deleted(session: WriteSession, run_id: int, now: datetime) -> None:
    """First half of a removal: the run is not shown any more; its files may go. Runs that were to follow it are cancelled.

    Raises:
        NotFound: there is no such run.
        Conflict: it is queued or running.
    """
    ended = _touch(run_id, {"deleted_at": now}, now).where(Run.state.in_(TERMINAL_STATES))
    if not _changed(session, ended):
        state = get_row(session, run_id).run.state
        raise Conflict(f"Run {run_id} is {state}: cancel it first, then delete it.")
    cancel_followers(session, {run_id: f"run #{run_id}, which was deleted"}, now=now)


def marked_runs(session: Session) -> list[tuple[int, str, str]]:
    """Runs whose removal has begun: id, experiment's slug, own slug."""
    query = select(Run.id, Experiment.slug, Run.slug).join(Experiment).where(Run.deleted_at.is_not(None))
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def erase(session: Session, run_ids: Iterable[int]) -> None:
    """Second half of a removal: the rows, with their events, metrics and idempotency keys."""
    ids = list(run_ids)
    # A sweep's key answers for all of its runs: it is handed on to one that is left.
    gone, left = aliased(Run), aliased(Run)
    heir = (
        select(func.min(left.id))
        .join(gone, gone.sweep == left.sweep)
        .where(gone.id == IdempotencyKey.run_id, left.id.not_in(ids), left.deleted_at.is_(None))
        .scalar_subquery()
    )
    handed_on = update(IdempotencyKey).where(IdempotencyKey.run_id.in_(ids), heir.is_not(None))
    session.execute(handed_on.values(run_id=heir).execution_options(synchronize_session=False))
    # Any other key of a run that is gone must not answer for it; the same request then makes a new run.
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.run_id.in_(ids)))
    session.execute(delete(Run).where(Run.id.in_(ids)).execution_options(synchronize_session=False))
