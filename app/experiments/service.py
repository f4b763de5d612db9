"""Making, renaming and removing experiments. Flushes, never commits."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.config import Settings
from app.db import WriteSession
from app.errors import Conflict
from app.experiments import queries
from app.experiments.slugs import slugify, unique_slug
from app.models import Experiment


def create(
    session: WriteSession,
    settings: Settings,
    *,
    name: str,
    description: str,
    owner_id: int | None,
    now: datetime,
) -> Experiment:
    """A new experiment.

    Raises:
        Conflict: there is one with this name; case does not count.
    """
    queries.lock_names(session)
    _refuse_double(session, name)
    return _add(session, settings.experiments_dir, name, description, owner_id, now)


def ensure(
    session: WriteSession, settings: Settings, wanted: str, *, owner_id: int | None, now: datetime
) -> Experiment:
    """The experiment that somebody means by a slug or a name; made when there is none.

    It is held against deletion until the transaction ends.
    """
    found = queries.by_slug(session, wanted, lock=True)
    if found is not None:
        return found
    queries.lock_names(session)
    folded = wanted.casefold()
    for slug, name in queries.names(session):
        if folded in {slug, name.casefold()}:
            found = queries.by_slug(session, slug, lock=True)
            if found is not None:
                return found
    return _add(session, settings.experiments_dir, wanted, "", owner_id, now)


def meant(session: Session, wanted: str) -> Experiment | None:
    """The experiment that somebody means by a slug or a name, as `ensure` finds it; None when there is none."""
    folded = wanted.casefold()
    slugs = [slug for slug, name in queries.names(session) if folded in {slug, name.casefold()}]
    return queries.by_slug(session, wanted) or (queries.by_slug(session, slugs[0]) if slugs else None)


def change(
    session: WriteSession, slug: str, *, name: str | None, description: str | None, now: datetime
) -> Experiment:
    """Write a new name or description.

    Raises:
        NotFound: there is no such experiment.
        Conflict: another one has this name.
    """
    queries.lock_names(session)
    experiment = queries.get(session, slug)
    if name is not None and name.casefold() != experiment.name.casefold():
        _refuse_double(session, name)
    experiment.name = experiment.name if name is None else name
    experiment.description = experiment.description if description is None else description
    experiment.updated_at = now
    session.flush()
    return experiment


def mark_deleted(session: WriteSession, slug: str, now: datetime) -> int:
    """First half of a removal: neither it nor its runs are shown any more; its files may go. Returns its id.

    Raises:
        NotFound: there is no such experiment.
        Conflict: some of its runs are queued or running.
    """
    experiment = queries.lock_for_removal(session, slug)
    live = queries.live_runs(session, experiment.id)
    if live:
        runs = "1 run is" if live == 1 else f"{live} runs are"
        raise Conflict(f"{runs} queued or running in {slug}: cancel first, then delete the experiment.")
    experiment.deleted_at = experiment.updated_at = now
    queries.mark_runs(session, experiment.id, now)
    session.flush()
    return experiment.id


def _refuse_double(session: WriteSession, name: str) -> None:
    folded = name.casefold()
    for slug, other in queries.names(session):
        if other.casefold() == folded:
            raise Conflict(f"There is an experiment named {other!r} already: {slug}.")


def _add(
    session: WriteSession, folder: Path, name: str, description: str, owner_id: int | None, now: datetime
) -> Experiment:
    # A folder without a row has old curves in it, which would show up in the new experiment.
    slug = unique_slug(
        slugify(name), lambda slug: queries.slug_taken(session, slug) or (folder / slug).exists()
    )
    experiment = Experiment(
        slug=slug, name=name, description=description, owner_id=owner_id, created_at=now, updated_at=now
    )
    session.add(experiment)
    session.flush()
    return experiment
