"""The fields of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from danlu.client.records import Json, MetricSummary, Of, Progress, Record, time_of


def _summaries(found: dict[str, Json]) -> dict[str, MetricSummary]:
    return {tag: MetricSummary(item) for tag, item in found.items()}


class RunRecord(Record):
    """What a run's JSON says."""

    __slots__ = ()
    _shown = ("id", "name", "state", "reason")
    id = Of[int]()
    name = Of[str]()
    slug = Of[str]()
    """Its folder, and its name in TensorBoard."""
    experiment = Of[str]()
    """The experiment's slug."""
    experiment_name = Of[str]()
    recipe = Of[str | None]()
    snapshot = Of[str | None]()
    entrypoint = Of[str | None]()
    args = Of[list[str]](list, default=())
    params = Of[Json](default={})
    environment = Of[str](default="worker")
    git = Of[Json | None]()
    after = Of[int | None]()
    """The run that it waits for."""
    sweep = Of[str | None]()
    parent = Of[int | None]()
    """The run that it was retried or cloned from."""
    device = Of[str]()
    """As asked for."""
    resolved_device = Of[str | None]()
    """The one that it runs on."""
    processes = Of[int](default=1)
    seed = Of[int]()
    priority = Of[int]()
    tags = Of[list[str]](list, default=())
    notes = Of[str](default="")
    colour = Of[int | None]()
    """0 to 9, where somebody chose one; else charts take one by its id."""
    archived_at = Of[datetime | None](time_of)
    max_retries = Of[int](default=0)
    timeout_s = Of[float | None]()
    env = Of[dict[str, str]](default={})
    owner = Of[str | None]()
    worker = Of[str | None]()
    state = Of[Literal["queued", "running", "succeeded", "failed", "cancelled"]]()
    reason = Of[str | None]()
    detail = Of[str | None]()
    phase = Of[str | None]()
    attempt = Of[int]()
    position = Of[int | None]()
    """In the queue; 1 is next."""
    waiting_reason = Of[str | None]()
    cancel_requested_at = Of[datetime | None](time_of)
    cancel_requested_by = Of[str | None]()
    exit_code = Of[int | None]()
    """Of the last attempt; negative: the signal that ended it."""
    progress = Of[Progress](Progress, default=Progress({}))
    summary = Of[dict[str, MetricSummary]](_summaries, key="metrics", default={})
    """Last, least and greatest value by tag; `metrics` gives the curves."""
    created_at = Of[datetime](time_of)
    started_at = Of[datetime | None](time_of)
    finished_at = Of[datetime | None](time_of)
    updated_at = Of[datetime](time_of)
    not_before = Of[datetime | None](time_of)
    """While it waits after a lost worker: nobody starts it earlier."""
    duration_s = Of[float | None]()
