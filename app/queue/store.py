"""Writes to the queue as a whole: pausing it, and putting a run somewhere else in its order."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.clock import rfc3339
from app.db import WriteSession
from app.errors import Conflict, Invalid, NotFound
from app.models import Run, Setting
from app.queue.spread import between, spread
from app.runs import states
from app.runs.order import IN_ORDER, IN_REVERSE, IS_QUEUED, Place
from app.runs.words import RunState

PAUSED = "queue_paused"
_PAUSED = select(Setting.value).where(Setting.key == PAUSED)
_PLACE = select(Run.priority, Run.rank, Run.id).where(IS_QUEUED, Run.id != bindparam("me"))
_WINDOW = 16
"""Runs on each side of a gap that has become too narrow which are first tried to be moved apart."""
# Any constant of our own; PostgreSQL's advisory locks are numbers.
_MOVES_LOCK = 0x64616E6C75_03


class Pause(NamedTuple):
    """That nothing is claimed, since when and by whom."""

    by: str
    """`user:NAME` or `token:NAME`."""
    at: str
    """RFC 3339."""

    @property
    def name(self) -> str:
        """Who it was, without the kind."""
        return self.by.partition(":")[2] or self.by

    def to_json(self) -> dict[str, str]:
        """As REST shows it."""
        return {"by": self.by, "at": self.at}


def paused(session: Session) -> Pause | None:
    """The pause of the queue, None while runs are claimed."""
    value = session.scalar(_PAUSED)
    return None if value is None else Pause(value["by"], value["at"])


def pause(session: WriteSession, *, actor: str, now: datetime) -> Pause:
    """Let nothing be claimed any more; what runs goes on. Asked again, the first pause stands."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    value = Pause(actor, str(rfc3339(now))).to_json()
    row: Any = dialect.insert(Setting).values(key=PAUSED, value=value, updated_at=now, updated_by=actor)
    session.execute(row.on_conflict_do_nothing(index_elements=["key"]))
    found = paused(session)
    assert found is not None  # noqa: S101 - written above, if it was not there
    return found


def resume(session: WriteSession) -> None:
    """Let runs be claimed again, in the order of the queue. Without a pause nothing happens."""
    session.execute(delete(Setting).where(Setting.key == PAUSED))


# Moving.


def move_beside(
    session: WriteSession, run_id: int, other_id: int, *, behind: bool, actor: str, now: datetime
) -> Run:
    """Put a queued run right before another one, or right behind it; it takes over that one's priority.

    Raises:
        NotFound: there is no such run.
        Invalid: the other one is the run itself, or does not exist.
        Conflict: one of them is not queued any more.
    """
    side = "after" if behind else "before"
    if other_id == run_id:
        raise Invalid(
            f"Run {run_id} cannot be moved {side} itself.",
            fields={side: "is the run itself; name another one"},
        )
    run = _queued(session, run_id)
    other = session.get(Run, other_id)
    if other is None or other.deleted_at is not None:
        raise Invalid(f"There is no run {other_id}.", fields={side: f"there is no run {other_id}"})
    if other.state != RunState.QUEUED:
        raise Conflict(f"Run {other_id} is {other.state}; it has no place in the queue any more.")
    here, there = Place.of(run), Place.of(other)
    beyond = next(iter(_stretch(session, run, there, 1, behind=behind)), None)
    lower, upper = (there, beyond) if behind else (beyond, there)
    apart = lower is None or lower.before(here)
    if here.priority == there.priority and apart and (upper is None or here.before(upper)):
        return run  # it stands there already
    return _put(session, run, lower, upper, f"{side} #{other.id} {other.name}", actor, now)


def move_to_end(session: WriteSession, run_id: int, *, top: bool, actor: str, now: datetime) -> Run:
    """Put a queued run before all others, or behind them; it takes over the priority of the one that was there.

    Raises:
        NotFound: there is no such run.
        Conflict: it is not queued any more.
    """
    run = _queued(session, run_id)
    order = IN_ORDER if top else IN_REVERSE
    row = session.execute(_PLACE.order_by(*order).limit(1), {"me": run.id}).first()
    here, end = Place.of(run), None if row is None else Place(*row)
    if end is None or (here.before(end) if top else end.before(here)):
        return run
    where = "to the top" if top else "to the bottom"
    return _put(session, run, None if top else end, end if top else None, where, actor, now)


def _queued(session: WriteSession, run_id: int) -> Run:
    """The run, locked; and on PostgreSQL nobody else moves one meanwhile, or two could get one place."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_MOVES_LOCK)))
    run = session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if run is None or run.deleted_at is not None:
        raise NotFound(f"There is no run {run_id}.")
    if run.state != RunState.QUEUED:
        raise Conflict(f"Run {run_id} is {run.state}; only a queued run has a place in the queue.")
    return run


def _stretch(session: WriteSession, run: Run, edge: Place, limit: int, *, behind: bool) -> list[Place]:
    """The runs next to that place within its priority, nearest first, the moved one left out."""
    if behind:
        beyond = or_(Run.rank > edge.rank, and_(Run.rank == edge.rank, Run.id > edge.id))
    else:
        beyond = or_(Run.rank < edge.rank, and_(Run.rank == edge.rank, Run.id < edge.id))
    query = _PLACE.where(Run.priority == edge.priority, beyond)
    rows = session.execute(query.order_by(*(IN_ORDER if behind else IN_REVERSE)).limit(limit), {"me": run.id})
    return [Place(*row) for row in rows]


def _put(
    session: WriteSession,
    run: Run,
    lower: Place | None,
    upper: Place | None,
    where: str,
    actor: str,
    now: datetime,
) -> Run:
    """Give the run a rank between its new neighbours, and their priority; the timeline says where it went."""
    beside = lower or upper
    assert beside is not None  # noqa: S101 - both callers have one
    # What is submitted later gets a rank from here on, and so its place behind what is moved now.
    end = float(1 + (session.scalar(select(func.max(Run.id))) or 0))
    rank = between(lower and lower.rank, upper and upper.rank, end)
    if rank is None:
        rank = _make_room(session, run, lower, upper, end)
    changed = f" (priority {run.priority} → {beside.priority})" if run.priority != beside.priority else ""
    run.priority, run.rank, run.updated_at = beside.priority, rank, now
    session.flush()
    states.note(session, run, actor=actor, now=now, detail=f"moved {where}{changed}")
    return run


def _make_room(
    session: WriteSession, run: Run, lower: Place | None, upper: Place | None, end: float
) -> float:
    """Move the runs around a gap apart, as few as it takes, without changing their order; returns the gap's rank."""
    width = _WINDOW
    while True:
        before = [lower, *_stretch(session, run, lower, width, behind=False)] if lower else []
        behind = [upper, *_stretch(session, run, upper, width, behind=True)] if upper else []
        # One more than is moved was read: the first that keeps its rank.
        low = before.pop().rank if len(before) > width else None
        high = behind.pop().rank if len(behind) > width else max([end, *(place.rank + 1 for place in behind)])
        line = [*(place.id for place in reversed(before)), None, *(place.id for place in behind)]
        ranks = spread(low, high, len(line))
        if ranks is not None:
            break
        width *= 8
    moved = [{"run": one, "new": rank} for one, rank in zip(line, ranks, strict=True) if one is not None]
    statement = update(Run).where(Run.id == bindparam("run")).values(rank=bindparam("new"))
    session.connection().execute(statement, moved)
    return ranks[line.index(None)]
