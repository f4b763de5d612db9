"""What an export says of a run, and how it is read back: JSON records, checked as anything from outside is.

An export is a folder or a zip with

- `manifest.json`: format, versions, the experiment, how many runs;
- `runs.json`: every run whole, with its summaries and its timeline; `runs.parquet`: the same as a table;
- `events.json`: the timelines alone;
- `series/ID.parquet`: each point of a run's curves: run_id, tag, step, wall_time, value;
- `files/ID/…`: the run's files, where they were asked for.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from app.clock import rfc3339
from app.fields import MAX_ID, Name, Prose, one_line, storable
from app.models import Metric, Run, RunEvent
from app.runs.placing import MAX_PROCESSES
from app.runs.schemas import MAX_SEED
from app.runs.words import Reason, RunState

FORMAT = "danlu-export"
VERSION = 1
Json = dict[str, Any]

Text = Annotated[str, Field(max_length=20_000), AfterValidator(storable)]
Word = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
Tag = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(storable)]
Whole = Annotated[int, Field(ge=-MAX_ID - 1, le=MAX_ID)]
Count = Annotated[int, Field(ge=0, le=MAX_ID)]
Real = Annotated[float, Field(allow_inf_nan=False)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Attempt = Annotated[int, Field(ge=0, le=1_000_000)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


When = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its time zone, in UTC."""


class Record(BaseModel):
    """A JSON object of an export; what a later version adds is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


class ExperimentRecord(Record):
    """The experiment."""

    slug: Word
    name: Name
    description: Prose = ""


class Manifest(Record):
    """`manifest.json`."""

    format: Literal["danlu-export"]
    version: Annotated[int, Field(ge=1)]
    danlu: Word = ""
    exported_at: When
    experiment: ExperimentRecord
    runs: Count
    files: bool = False


class MetricRecord(Record):
    """One summary; `last` is null where `nonfinite` says what it is."""

    tag: Tag
    step: Whole
    last: Real | None
    nonfinite: Literal["nan", "inf", "-inf"] | None = None
    min: Real | None
    max: Real | None
    min_step: Whole | None
    max_step: Whole | None
    count: Count

    @property
    def value(self) -> float:
        """The last value, NaN and infinities included."""
        return float(self.nonfinite or ("nan" if self.last is None else self.last))


class EventRecord(Record):
    """One entry of a timeline."""

    at: When
    actor: Word
    before: RunState | None = Field(None, alias="from")
    after: RunState = Field(alias="to")
    reason: Reason | None = None
    detail: Text | None = None
    attempt: Attempt = 0


class RunRecord(Record):
    """One run."""

    id: Id
    slug: Word
    name: Name
    recipe: Word | None = None
    snapshot: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    entrypoint: Text | None = None
    args: Annotated[list[Text], Field(max_length=2_000)] = []
    params: dict[Tag, Any] = {}
    environment: Annotated[Word, Field(max_length=100)] = "worker"
    git: dict[str, Any] | None = None
    git_diff: Annotated[str, Field(max_length=1_000_000), AfterValidator(storable)] | None = None
    device: Annotated[Word, Field(max_length=20)] = "auto"
    processes: Annotated[int, Field(ge=1, le=MAX_PROCESSES)] = 1
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    tags: Annotated[list[Word], Field(max_length=200)] = []
    notes: Prose = ""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 0
    timeout_s: Real | None = None
    env: dict[Word, Text] = {}
    parent: Id | None = None
    after: Id | None = None
    sweep: Annotated[Word, Field(max_length=36)] | None = None
    owner: Word | None = None
    archived_at: When | None = None
    colour: Annotated[int, Field(ge=0, le=9)] | None = None
    state: RunState
    reason: Reason | None = None
    detail: Text | None = None
    attempt: Attempt = 0
    resolved_device: Annotated[Word, Field(max_length=20)] | None = None
    worker: Word | None = None
    exit_code: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None
    step: Whole | None = None
    total: Whole | None = None
    epoch: Whole | None = None
    epochs: Whole | None = None
    created_at: When
    started_at: When | None = None
    finished_at: When | None = None
    metrics: list[MetricRecord] = []
    events: list[EventRecord] = []


_SAME = (
    "id", "slug", "name", "recipe", "entrypoint", "args", "params", "environment", "git", "git_diff", "device",
    "processes", "seed", "priority", "tags", "notes", "max_retries", "timeout_s", "env", "sweep", "colour", "state",
    "reason", "detail", "attempt", "resolved_device", "exit_code", "step", "total", "epoch", "epochs",
)  # fmt: skip
RESTORED = tuple(name for name in _SAME if name not in {"id", "slug", "state", "reason", "detail"})
"""Columns that are written back as they were."""


def run_record(
    run: Run, owner: str | None, worker: str | None, metrics: list[Metric], events: list[RunEvent]
) -> Json:
    """A run as `RunRecord` reads it."""
    return {name: getattr(run, name) for name in _SAME} | {
        "snapshot": run.snapshot_id,
        "parent": run.parent_id,
        "after": run.after_id,
        "owner": owner,
        "worker": worker,
        "archived_at": exact(run.archived_at),
        "created_at": exact(run.created_at),
        "started_at": exact(run.started_at),
        "finished_at": exact(run.finished_at),
        "metrics": [_metric(metric) for metric in metrics],
        "events": [_event(event) for event in events],
    }


def _metric(metric: Metric) -> Json:
    return {
        "tag": metric.tag,
        "step": metric.step,
        "last": _finite(metric.last),
        "nonfinite": metric.last_nonfinite,
        "min": _finite(metric.min),
        "max": _finite(metric.max),
        "min_step": metric.min_step,
        "max_step": metric.max_step,
        "count": metric.count,
    }


def _event(event: RunEvent) -> Json:
    return {
        "at": exact(event.at),
        "actor": event.actor,
        "from": event.from_state,
        "to": event.to_state,
        "reason": event.reason,
        "detail": event.detail,
        "attempt": event.attempt,
    }


def exact(moment: datetime | None) -> str | None:
    """A moment to the microsecond: what goes out comes back the same."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def origin_of(experiment: str, run_id: int, created_at: datetime) -> str:
    """What tells a run of one server from those of any other."""
    return f"{experiment}/{run_id}/{rfc3339(created_at)}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
