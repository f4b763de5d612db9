"""Reads of experiments, as JSON, and the two halves of a removal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from app import cursors
from app.clock import rfc3339
from app.db import WriteSession
from app.errors import NotFound
from app.models import Experiment, IdempotencyKey, Run, User
from app.runs.endings import cancel_followers
from app.runs.order import IS_QUEUED
from app.runs.words import STATES, RunState
from app.sqltext import contains

Json = dict[str, Any]
# Any constant of our own; PostgreSQL's advisory locks are numbers.
_NAMES_LOCK = 0x64616E6C75_02
LIVE = (RunState.QUEUED.value, RunState.RUNNING.value)


# Asked by every submission, so built once.
_BY_SLUG = select(Experiment).where(Experiment.slug == bindparam("slug"), Experiment.deleted_at.is_(None))
_BY_SLUG_LOCKED = _BY_SLUG.with_for_update(read=True)


def get(session: Session, slug: str) -> Experiment:
    """The experiment with this slug.

    Raises:
        NotFound: there is none, or it is being deleted.
    """
    found = by_slug(session, slug)
    if found is None:
        raise NotFound(f"There is no experiment {slug!r}.")
    return found


def by_slug(session: Session, slug: str, *, lock: bool = False) -> Experiment | None:
    """The experiment with this slug, or None.

    With `lock` it is held against deletion until the transaction ends (PostgreSQL; on SQLite a writer is alone).
    """
    return session.scalars(_BY_SLUG_LOCKED if lock else _BY_SLUG, {"slug": slug}).first()


def lock_names(session: WriteSession) -> None:
    """Let nobody else make or rename an experiment until the transaction ends.

    On SQLite a writer is alone anyway. On PostgreSQL two requests that look for the same new name at once would
    both find nothing, and the second would make it again under another slug.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_NAMES_LOCK)))


def names(session: Session) -> list[tuple[str, str]]:
    """Slug and name of every experiment, oldest first."""
    query = (
        select(Experiment.slug, Experiment.name)
        .where(Experiment.deleted_at.is_(None))
        .order_by(Experiment.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def slug_taken(session: Session, slug: str) -> bool:
    """Whether a row has this slug, one that is being deleted included."""
    return session.scalar(select(Experiment.id).where(Experiment.slug == slug)) is not None


def experiment_dict(session: Session, slug: str) -> Json:
    """The JSON of `GET /api/v1/experiments/{slug}`.

    Raises:
        NotFound: there is no such experiment.
    """
    rows = session.execute(_rows().where(Experiment.slug == slug)).all()
    if not rows:
        raise NotFound(f"There is no experiment {slug!r}.")
    return _to_json(session, rows)[0]


def list_experiments(
    session: Session, *, limit: int = 50, cursor: str | None = None, q: str | None = None
) -> tuple[list[Json], str | None]:
    """One page of experiments, newest first, and the cursor of the next page.

    `q` is found in the name as it is written; the case of letters is ignored.

    Raises:
        Invalid: a cursor that is not of this list.
    """
    query = _rows().order_by(Experiment.id.desc()).limit(limit + 1)
    if q:
        sqlite = session.get_bind().dialect.name == "sqlite"
        query = query.where(contains(Experiment.name, q, sqlite=sqlite))
    if cursor is not None:
        query = query.where(Experiment.id < cursors.decode_id(cursor, "experiments"))
    rows = session.execute(query).all()
    more = cursors.encode("experiments", [rows[limit - 1][0].id]) if len(rows) > limit else None
    return _to_json(session, rows[:limit]), more


def _rows() -> Select[Experiment, str]:
    return (
        select(Experiment, User.username)
        .outerjoin(User, User.id == Experiment.owner_id)
        .where(Experiment.deleted_at.is_(None))
    )


def _to_json(session: Session, rows: Sequence[Any]) -> list[Json]:
    """Experiments as JSON, with one query for the counts of all of them."""
    counts: dict[int, dict[str, int]] = {row[0].id: dict.fromkeys(STATES, 0) for row in rows}
    active: dict[int, datetime] = {row[0].id: row[0].updated_at for row in rows}
    grouped = (
        select(Run.experiment_id, Run.state, func.count(), func.max(Run.updated_at))
        .where(Run.experiment_id.in_(list(counts)), Run.deleted_at.is_(None))
        .group_by(Run.experiment_id, Run.state)
    )
    for experiment_id, state, count, latest in session.execute(grouped) if counts else ():
        counts[experiment_id][state] = count
        active[experiment_id] = max(active[experiment_id], latest)
    return [
        {
            "slug": experiment.slug,
            "name": experiment.name,
            "description": experiment.description,
            "owner": owner,
            "runs": sum(counts[experiment.id].values()),
            "states": counts[experiment.id],
            "created_at": rfc3339(experiment.created_at),
            "updated_at": rfc3339(experiment.updated_at),
            "last_activity_at": rfc3339(active[experiment.id]),
            "links": links(experiment.slug),
        }
        for experiment, owner in rows
    ]


def links(slug: str) -> Json:
    """Paths of what belongs to an experiment."""
    return {
        "self": f"/api/v1/experiments/{slug}",
        "page": f"/experiments/{slug}",
        "runs": f"/api/v1/runs?experiment={slug}",
        "tensorboard": f"/experiments/{slug}/tensorboard/",
    }


def lock_for_removal(session: WriteSession, slug: str) -> Experiment:
    """The experiment, locked against new runs until the transaction ends.

    Raises:
        NotFound: there is no such experiment.
    """
    query = (
        select(Experiment).where(Experiment.slug == slug, Experiment.deleted_at.is_(None)).with_for_update()
    )
    found = session.scalars(query).first()
    if found is None:
        raise NotFound(f"There is no experiment {slug!r}.")
    return found


def live_runs(session: Session, experiment_id: int) -> int:
    """How many of its runs are queued or running."""
    query = select(func.count()).select_from(Run)
    return session.scalar(query.where(Run.experiment_id == experiment_id, Run.state.in_(LIVE))) or 0


def marked(session: Session) -> list[tuple[int, str]]:
    """Experiments whose removal has begun: id and slug."""
    query = select(Experiment.id, Experiment.slug).where(Experiment.deleted_at.is_not(None))
    return [(row[0], row[1]) for row in session.execute(query)]


def mark_runs(session: WriteSession, experiment_id: int, now: datetime) -> None:
    """Let no run of an experiment be shown any more; runs of other ones that were to follow them are cancelled."""
    followed = select(Run.id).where(
        Run.experiment_id == experiment_id, Run.id.in_(select(Run.after_id).where(IS_QUEUED))
    )
    gone = {run_id: f"run #{run_id}, which was deleted" for run_id in session.scalars(followed)}
    mine = update(Run).where(Run.experiment_id == experiment_id, Run.deleted_at.is_(None))
    session.execute(mine.values(deleted_at=now, updated_at=now).execution_options(synchronize_session=False))
    cancel_followers(session, gone, now=now)


def erase(session: WriteSession, experiment_id: int) -> None:
    """Second half of a removal: the rows of the experiment and of all its runs."""
    mine = select(Run.id).where(Run.experiment_id == experiment_id)
    for statement in (
        delete(IdempotencyKey).where(IdempotencyKey.run_id.in_(mine)),
        delete(Run).where(Run.experiment_id == experiment_id),
        delete(Experiment).where(Experiment.id == experiment_id),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
