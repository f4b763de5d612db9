"""The page of the queue: queued runs as they are claimed, cut by place."""

from typing import cast

from sqlalchemy.orm import Session

from app import cursors
from app.clock import utcnow
from app.config import Settings
from app.runs.order import IN_ORDER, IS_QUEUED, Place, stands_behind
from app.runs.queries import run_rows, to_json
from app.runs.views import Json, RunRow

_SCOPE = "queue"


def list_queue(
    session: Session, settings: Settings, *, limit: int, cursor: str | None = None
) -> tuple[list[Json], str | None]:
    """One page of the queue as JSON, and the cursor of the next one.

    Raises:
        Invalid: a cursor that is not of this list.
    """
    query = run_rows().where(IS_QUEUED).order_by(*IN_ORDER).limit(limit + 1)
    if cursor is not None:
        place = Place(
            *cast("tuple[int, float, int]", cursors.decode(cursor, _SCOPE, ["number", "number", "id"]))
        )
        query = query.where(stands_behind(place))
    rows = [RunRow(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(query)]
    page = rows[:limit]
    more = cursors.encode(_SCOPE, list(Place.of(page[-1].run))) if len(rows) > limit else None
    return to_json(session, settings, page, utcnow()), more
