"""Reads of the queue: positions, what every waiting reason is made of, what a run is to follow. Few queries, whatever the page."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import WriteSession
from app.disk import shortage
from app.errors import Invalid
from app.models import Run, Worker
from app.queue.store import paused
from app.queue.waiting import Busy, Facts, Offer, Waiting, waiting_reason
from app.runs.order import IN_ORDER, IS_QUEUED, IS_RUNNING, Place
from app.runs.words import TERMINAL, RunState

# What every submission asks is built once: composing these costs more than SQLite needs to answer them. States stand
# in the text, so that the partial indexes are used.
_AHEAD = (
    select(func.count())
    .select_from(Run)
    .where(
        IS_QUEUED,
        or_(
            Run.priority > bindparam("priority"),
            and_(
                Run.priority == bindparam("priority"),
                or_(
                    Run.rank < bindparam("rank"),
                    and_(Run.rank == bindparam("rank"), Run.id < bindparam("id")),
                ),
            ),
        ),
    )
)
_LIVE_WORKERS = select(Worker.id, Worker.name, Worker.devices, Worker.state).where(
    Worker.state != "gone", Worker.last_seen_at >= bindparam("heard")
)
_RUNNING = (
    select(Run.id, Run.name, Run.resolved_device, Run.processes, Run.worker_id)
    .where(IS_RUNNING, Run.resolved_device.is_not(None))
    .order_by(Run.id)
)


def waiting(session: Session, settings: Settings, runs: Sequence[Run], now: datetime) -> dict[int, Waiting]:
    """Position and reason of each queued run."""
    if not runs:
        return {}
    places = _positions(session, runs)
    facts = _facts(session, settings, runs, now)
    return {run.id: Waiting(places[run.id], waiting_reason(run, places[run.id], facts)) for run in runs}


def _positions(session: Session, runs: Sequence[Run]) -> dict[int, int]:
    """Places in the queue, 1 first, as claim() takes them."""
    if len(runs) == 1:
        place = Place.of(runs[0])
        return {place.id: 1 + (session.scalar(_AHEAD, place._asdict()) or 0)}
    place_number = func.row_number().over(order_by=IN_ORDER).label("place")
    queue = select(Run.id, place_number).where(IS_QUEUED).subquery()
    rows = session.execute(select(queue.c.id, queue.c.place).where(queue.c.id.in_([run.id for run in runs])))
    return {run.id: 1 for run in runs} | {row[0]: row[1] for row in rows}


def _facts(session: Session, settings: Settings, runs: Sequence[Run], now: datetime) -> Facts:
    pause = paused(session)
    followed = {run.after_id for run in runs if run.after_id is not None}
    unmet: frozenset[int] = frozenset()
    if followed:
        done = select(Run.id).where(Run.id.in_(followed), Run.state == RunState.SUCCEEDED.value)
        unmet = frozenset(followed - set(session.scalars(done)))
    return Facts(
        now=now,
        offers=live_offers(session, settings, now),
        paused_by=None if pause is None else pause.name,
        disk=shortage(settings),
        unmet=unmet,
    )


def live_offers(session: Session, settings: Settings, now: datetime) -> list[Offer]:
    """What the live workers have, and what they run: those heard of within the lease's length."""
    heard = now - timedelta(seconds=settings.lease_seconds)
    workers = session.execute(_LIVE_WORKERS, {"heard": heard}).all()
    if not workers:
        return []
    busy: defaultdict[str | None, list[Busy]] = defaultdict(list)
    for run_id, name, device, processes, worker_id in session.execute(_RUNNING):
        busy[worker_id].append(Busy(run_id, name, str(device), processes))
    return [
        Offer(name, devices, state == "draining", busy[worker_id])
        for worker_id, name, devices, state in workers
    ]


def hold_predecessor(session: WriteSession, run_id: int) -> None:
    """Make sure that a run may still succeed, or has; it cannot end until the transaction does.

    Raises:
        Invalid: there is no such run, or it has ended without success.
    """
    query = select(Run.id, Run.state, Run.reason).where(Run.id == run_id, Run.deleted_at.is_(None))
    row = session.execute(query.with_for_update(read=True)).first()
    if row is None:
        raise Invalid(f"There is no run {run_id}.", fields={"after": f"there is no run {run_id}"})
    state = RunState(row.state)
    if state in TERMINAL and state is not RunState.SUCCEEDED:
        how = f"has {state} already" if state is RunState.FAILED else "was cancelled"
        remedy = f"run {run_id} {how}, so nothing can follow its success; name another run, or retry it first"
        raise Invalid(f"Run {run_id} {how}: nothing can follow its success.", fields={"after": remedy})
