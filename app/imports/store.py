"""Rows of imported runs: which are known, and writing new and grown ones. SQL of this room."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db import WriteSession
from app.errors import Conflict
from app.experiments.queries import by_slug, lock_names
from app.experiments.slugs import slugify
from app.models import Experiment, Metric, Run, RunEvent
from app.runs import states
from app.runs.words import Reason, RunState
from app.workers.queries import MetricSummary, write_metrics
from danlu.tagnames import clean_tag
from danlu.wholeruns import RunRead

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """An imported run that is there: its id, and what it was made of."""

    id: int
    slug: str
    logdir: str | None
    imported: Json


@dataclass(slots=True)
class Draft:
    """A run that is to be stored, and what becomes of it."""

    run: Run
    metrics: Sequence[MetricSummary]
    detail: str
    """For its timeline."""
    history: Sequence[RunEvent] = ()
    """What its timeline had before."""


def known_runs(session: Session, experiment_id: int, *, after: int = 0) -> list[Known]:
    """The imported runs of an experiment whose ids are greater than `after`."""
    query = select(Run.id, Run.slug, Run.logdir, Run.imported).where(
        Run.experiment_id == experiment_id,
        Run.deleted_at.is_(None),
        Run.imported.is_not(None),
        Run.id > after,
    )
    return [Known(row[0], row[1], row[2], row[3]) for row in session.execute(query) if row[3]]


def hold(session: WriteSession, experiment: Experiment, *, after: int) -> list[Known]:
    """The runs that were imported meanwhile; nobody else adds any, or removes the experiment, until the transaction ends.

    Args:
        after: id of the last one that is known.

    Raises:
        Conflict: it was deleted meanwhile.
    """
    lock_names(session)
    there = by_slug(session, experiment.slug, lock=True)
    if there is None or there.id != experiment.id:
        raise Conflict(
            f"The experiment {experiment.slug} was deleted during the import, and what was imported with it."
        )
    return known_runs(session, experiment.id, after=after)


def last(known: Iterable[Known]) -> int:
    """Id of the newest, 0 of none."""
    return max((run.id for run in known), default=0)


def add(session: WriteSession, drafts: Sequence[Draft], *, actor: str, now: datetime) -> None:
    """Store new runs with their summaries; ids and slugs are known afterwards."""
    for number, draft in enumerate(drafts):
        draft.run.slug = f"import-{number}-{now.timestamp()}"  # until the ids are known
    states.imported(
        session,
        [draft.run for draft in drafts],
        actor=actor,
        now=now,
        detail=[draft.detail for draft in drafts],
        history=[draft.history for draft in drafts],
    )
    for draft in drafts:
        draft.run.slug = f"{slugify(draft.run.name, 'run')}-{draft.run.id}"
        draft.run.rank = float(draft.run.id)
        write_metrics(session, draft.run.id, draft.metrics, now)
    session.flush()


def grow(session: WriteSession, run_id: int, read: RunRead, imported: Json, now: datetime) -> bool:
    """Write what a grown run has now: times, step, summaries. Name, tags, notes and params stay as they are.

    Returns:
        False when the run was deleted meanwhile; nothing is written then.
    """
    values: Json = {"imported": imported, "updated_at": now, "step": read.step}
    if read.finished is not None and read.started is not None:
        values |= {"started_at": moment(read.started), "finished_at": moment(read.finished)}
    mine = update(Run).where(Run.id == run_id, Run.deleted_at.is_(None)).values(**values)
    if session.scalar(mine.returning(Run.id)) is None:
        return False
    session.execute(delete(Metric).where(Metric.run_id == run_id))
    write_metrics(session, run_id, metrics_of(read), now)
    return True


def succeeded(
    experiment_id: int,
    name: str,
    read: RunRead,
    params: Json,
    *,
    tags: Sequence[str],
    owner_id: int | None,
    now: datetime,
) -> Run:
    """A run as its event files tell of it."""
    started = moment(read.started) if read.started is not None else now
    seed = params.get("seed")
    known = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**32
    return Run(
        experiment_id=experiment_id, name=name, params=params, tags=list(tags), owner_id=owner_id,
        seed=seed if known else 0, attempt=1, step=read.step, state=RunState.SUCCEEDED, reason=Reason.COMPLETED,
        created_at=started, started_at=started,
        finished_at=moment(read.finished) if read.finished is not None else now,
    )  # fmt: skip


def metrics_of(read: RunRead) -> list[MetricSummary]:
    """The summaries, one a tag as the database can name it."""
    found = {
        clean_tag(tag)[:500]: MetricSummary(
            clean_tag(tag), item.step, item.last, item.min, item.max, item.min_step, item.max_step, item.count
        )
        for tag, item in read.summaries.items()
    }
    return list(found.values())


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a moment."""
    return datetime.fromtimestamp(seconds, UTC)


def by_logdir(known: Iterable[Known]) -> Mapping[str, Known]:
    """Those that lie outside of the home, by their folder."""
    return {run.logdir: run for run in known if run.logdir}


def by_first_file(known: Iterable[Known]) -> Mapping[tuple[str, str], Known]:
    """Those that were uploaded, by their path in the upload and the name of their first event file."""
    return {
        (run.imported["path"], run.imported["first"]): run
        for run in known
        if not run.logdir and "first" in run.imported
    }


def by_origin(known: Iterable[Known]) -> Mapping[str, Known]:
    """Those that came out of an export, by what they were there."""
    return {run.imported["origin"]: run for run in known if "origin" in run.imported}
