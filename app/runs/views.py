"""A run as JSON: the answer of `GET /api/v1/runs/{id}`, of the list's items and of the live stream. Pure functions.

```
{"id": 12, "name": "rings", "slug": "rings-12", "experiment": "two-rings", "experiment_name": "Two rings",
 "recipe": "rings", "snapshot": null, "entrypoint": null, "args": [], "params": {"lr": 0.001},
 "environment": "worker", "git": null, "device": "auto",
 "processes": 1, "seed": 7, "priority": 0, "tags": [], "notes": "", "max_retries": 0, "timeout_s": null, "env": {},
 "parent": null, "after": null, "sweep": null, "owner": "ada", "colour": null, "archived_at": null,
 "state": "queued", "reason": null, "detail": null, "phase": null, "attempt": 0,
 "position": 3, "waiting_reason": "2 ahead of you; needs cuda:1, busy with #17 rings",   (null unless queued)
 "cancel_requested_at": null, "cancel_requested_by": null,
 "progress": {"step": 40, "total": 100, "epoch": 4, "epochs": 10, "eta_s": 1.5},       (each may be null)
 "metrics": {"loss/train": {"last": 0.1, "min": 0.1, "max": 0.9, "step": 40, "min_step": 40, "max_step": 0,
                            "count": 41}},                    (last null: "nonfinite" is nan, inf or -inf)
 "resolved_device": "cpu", "worker": "box", "exit_code": null,
 "created_at": "…Z", "started_at": null, "finished_at": null, "updated_at": "…Z", "not_before": null,
 "duration_s": null,                                          (of a running run: until now)
 "links": {"self", "page", "events", "log", "files", "metrics", "experiment", "tensorboard"}}
```
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import rfc3339
from app.models import Metric, Run, RunEvent
from app.queue.waiting import Waiting

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with what other tables know of it."""

    run: Run
    experiment: str
    """Slug."""
    experiment_name: str
    worker: str | None
    owner: str | None


def run_json(row: RunRow, metrics: Iterable[Metric], waiting: Waiting | None, now: datetime) -> Json:
    """The run as JSON, see the module's docstring."""
    run = row.run
    return {
        "id": run.id,
        "name": run.name,
        "slug": run.slug,
        "experiment": row.experiment,
        "experiment_name": row.experiment_name,
        **_definition(run),
        "owner": row.owner,
        "colour": run.colour,
        "archived_at": rfc3339(run.archived_at),
        "state": run.state,
        "reason": run.reason,
        "detail": run.detail,
        "phase": run.phase,
        "attempt": run.attempt,
        "position": waiting.position if waiting else None,
        "waiting_reason": waiting.reason if waiting else None,
        "cancel_requested_at": rfc3339(run.cancel_requested_at),
        "cancel_requested_by": run.cancel_requested_by,
        "progress": {
            "step": run.step,
            "total": run.total,
            "epoch": run.epoch,
            "epochs": run.epochs,
            "eta_s": _finite(run.eta_s),
        },
        "metrics": {metric.tag: metric_json(metric) for metric in metrics},
        "resolved_device": run.resolved_device,
        "worker": row.worker,
        "exit_code": run.exit_code,
        "created_at": rfc3339(run.created_at),
        "started_at": rfc3339(run.started_at),
        "finished_at": rfc3339(run.finished_at),
        "updated_at": rfc3339(run.updated_at),
        "not_before": rfc3339(run.not_before),
        "duration_s": _duration(run, now),
        "links": links(run.id, row.experiment),
    }


def _definition(run: Run) -> Json:
    return {
        "recipe": run.recipe,
        "snapshot": run.snapshot_id,
        "entrypoint": run.entrypoint,
        "args": run.args,
        "params": run.params,
        "environment": run.environment,
        "git": run.git,
        "device": run.device,
        "processes": run.processes,
        "seed": run.seed,
        "priority": run.priority,
        "tags": run.tags,
        "notes": run.notes,
        "max_retries": run.max_retries,
        "timeout_s": run.timeout_s,
        "env": run.env,
        "parent": run.parent_id,
        "after": run.after_id,
        "sweep": run.sweep,
    }


def metric_json(metric: Metric) -> Json:
    """One metric's summary; a non-finite last value is null with its name beside it."""
    summary: Json = {
        "last": _finite(metric.last),
        "min": _finite(metric.min),
        "max": _finite(metric.max),
        "step": metric.step,
        "min_step": metric.min_step,
        "max_step": metric.max_step,
        "count": metric.count,
    }
    if metric.last_nonfinite:
        summary["nonfinite"] = metric.last_nonfinite
    return summary


def event_json(event: RunEvent) -> Json:
    """One entry of the timeline."""
    return {
        "id": event.id,
        "at": rfc3339(event.at),
        "actor": event.actor,
        "from": event.from_state,
        "to": event.to_state,
        "reason": event.reason,
        "detail": event.detail,
        "attempt": event.attempt,
    }


def links(run_id: int, experiment: str) -> Json:
    """Paths of what belongs to a run."""
    api = f"/api/v1/runs/{run_id}"
    return {
        "self": api,
        "page": f"/runs/{run_id}",
        "events": f"{api}/events",
        "log": f"{api}/log",
        "files": f"{api}/files",
        "metrics": f"/api/v1/metrics?run={run_id}",
        "experiment": f"/api/v1/experiments/{experiment}",
        "tensorboard": f"/experiments/{experiment}/tensorboard/",
    }


def _duration(run: Run, now: datetime) -> float | None:
    if run.started_at is None:
        return None
    return max(0.0, round(((run.finished_at or now) - run.started_at).total_seconds(), 3))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
