"""Params and one metric of many runs. SQL of the comparison."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Metric, Run


class Outcome(NamedTuple):
    """A run's params, and what became of one of its metrics; None where that is not finite."""

    params: dict[str, Any]
    last: float | None
    min: float | None
    max: float | None


def outcomes(session: Session, ids: Sequence[int], tag: str) -> list[Outcome]:
    """Those of the runs that have the metric, by id."""
    statement = (
        select(Run.params, Metric.last, Metric.min, Metric.max)
        .join(Metric, Metric.run_id == Run.id)
        .where(Run.id.in_(ids), Metric.tag == tag)
        .order_by(Run.id)
    )
    return [Outcome._make(row) for row in session.execute(statement)]
