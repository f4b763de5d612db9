"""The order of the queue: highest priority first, inside one priority by rank, and by id where ranks are equal.

A rank is the run's id until somebody moves it (`app.queue.store`). Everything that has to do with the order takes it
from here, in the words of the index `ix_run_queue`.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, literal_column, or_
from sqlalchemy.orm import aliased

from app.models import Run
from app.runs.words import RunState

IN_ORDER = (Run.priority.desc(), Run.rank, Run.id)
IN_REVERSE = (Run.priority, Run.rank.desc(), Run.id.desc())
IS_QUEUED = Run.state == literal_column("'queued'")
"""The state stands in the text, so that SQLite uses the partial index of the queue."""
IS_RUNNING = Run.state == literal_column("'running'")


class Place(NamedTuple):
    """Where a run stands in the queue."""

    priority: int
    rank: float
    id: int

    @classmethod
    def of(cls, run: Run) -> "Place":
        """The place of a run that has been read."""
        return cls(run.priority, run.rank, run.id)

    def before(self, other: "Place") -> bool:
        """Whether it comes first."""
        return (-self.priority, self.rank, self.id) < (-other.priority, other.rank, other.id)


def stands_before(place: Place) -> ColumnElement[bool]:
    """Whether a run is claimed before the one at that place."""
    earlier = or_(Run.rank < place.rank, and_(Run.rank == place.rank, Run.id < place.id))
    return or_(Run.priority > place.priority, and_(Run.priority == place.priority, earlier))


def stands_behind(place: Place) -> ColumnElement[bool]:
    """Whether a run is claimed after the one at that place."""
    later = or_(Run.rank > place.rank, and_(Run.rank == place.rank, Run.id > place.id))
    return or_(Run.priority < place.priority, and_(Run.priority == place.priority, later))


def is_due(now: datetime) -> ColumnElement[bool]:
    """Whether a run could be claimed: queued, its pause between two attempts over, what it follows done."""
    first = aliased(Run)
    followed = exists().where(first.id == Run.after_id, first.state == RunState.SUCCEEDED.value)
    soon_enough = or_(Run.not_before.is_(None), Run.not_before <= now)
    free = or_(Run.after_id.is_(None), followed)
    return and_(IS_QUEUED, soon_enough, free, Run.deleted_at.is_(None))
