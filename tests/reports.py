"""What a worker would write about a run."""

from collections.abc import Callable
from typing import Any

from rest import Rest

from app.clock import utcnow
from app.runs.words import RunState
from app.workers.queries import MetricSummary, report

Tell = Callable[..., None]


def running(rest: Rest, **fields: Any) -> tuple[dict[str, Any], Tell]:
    """A running run, and a function that reports progress and last points of it, as the worker does."""
    run = rest.submit(**fields)
    token = rest.bring(run["id"], RunState.RUNNING)
    assert token is not None

    def tell(step: int, **values: float) -> None:
        metrics = [
            MetricSummary(tag.replace("__", "/"), step, value, None, None, None, None, step + 1)
            for tag, value in values.items()
        ]
        with rest.served.db.write() as session:
            report(session, run["id"], token, now=utcnow(), progress={"step": step}, metrics=metrics)

    return run, tell
