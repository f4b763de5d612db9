"""What the calls answer, for the OpenAPI document. The JSON itself is made by the views; a test holds both together."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.runs.words import Reason, RunState


class Answer(BaseModel):
    """Nothing but what is written here is answered."""

    model_config = ConfigDict(extra="forbid")


class Progress(Answer):
    """How far a run is; null where its recipe does not say."""

    step: int | None
    total: int | None = Field(description="Steps in all.")
    epoch: int | None
    epochs: int | None
    eta_s: float | None = Field(description="Seconds left, estimated.")


class MetricOut(Answer):
    """Summary of one scalar series."""

    last: float | None = Field(description="Null when it is not finite; `nonfinite` then says what it is.")
    min: float | None
    max: float | None
    step: int = Field(description="Of the last value.")
    min_step: int | None
    max_step: int | None
    count: int
    nonfinite: Annotated[
        Literal["nan", "inf", "-inf"] | None, Field(description="Only when last is null.")
    ] = None


class RunLinks(Answer):
    """Paths of what belongs to a run."""

    self: str
    page: str
    events: str
    log: str
    files: str
    metrics: str
    experiment: str
    tensorboard: str


class RunOut(Answer):
    """One run, whole."""

    id: int
    name: str
    slug: str = Field(description="Its folder, and its name in TensorBoard.")
    experiment: str = Field(description="Slug.")
    experiment_name: str
    recipe: str | None
    snapshot: str | None
    entrypoint: str | None
    args: list[str]
    params: dict[str, Any]
    environment: str = Field(description="What executes a script: worker, cold, uv, shell or venv:NAME.")
    git: dict[str, Any] | None = Field(description="Of the script's folder: commit, branch, remote, dirty.")
    device: str = Field(description="As asked for.")
    processes: int = Field(description="How many train together, on one machine.")
    seed: int
    priority: int
    tags: list[str]
    notes: str
    max_retries: int
    timeout_s: float | None
    env: dict[str, str]
    parent: int | None = Field(description="The run that this one was retried or cloned from.")
    after: int | None = Field(description="The run whose success it waits for.")
    sweep: str | None = Field(description="The same for all runs of one sweep.")
    owner: str | None
    colour: int | None = Field(description="Index into the palette, 0 to 9; null: by its id.")
    archived_at: datetime | None = Field(description="Since when it is put aside, and not listed.")
    state: RunState
    reason: Reason | None
    detail: str | None
    phase: str | None = Field(description="While running: starting, training, saving.")
    attempt: int
    position: int | None = Field(description="While queued; 1 is next.")
    waiting_reason: str | None = Field(description="While queued: why it waits.")
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    progress: Progress
    metrics: dict[str, MetricOut]
    resolved_device: str | None = Field(description="The device that it runs on.")
    worker: str | None
    exit_code: int | None = Field(description="Of the last attempt; negative: the signal that ended it.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    not_before: datetime | None
    duration_s: float | None
    links: RunLinks


class RunList(Answer):
    """A page of runs."""

    items: list[RunOut]
    next: str | None = Field(description="`cursor` of the next page; null on the last one.")


class SweepOut(Answer):
    """The runs of one sweep, in the order of their ids."""

    sweep: str
    items: list[RunOut]


class PauseOut(Answer):
    """Nothing is claimed."""

    by: str = Field(description="user:NAME or token:NAME.")
    at: datetime


class QueueState(Answer):
    """Whether runs are claimed."""

    paused: PauseOut | None = Field(description="Null while they are.")


class QueueOut(QueueState):
    """A page of the queue, the next run first."""

    items: list[RunOut]
    next: str | None = Field(description="`cursor` of the next page; null on the last one.")


class EventOut(Answer):
    """One entry of a run's timeline."""

    id: int
    at: datetime
    actor: str = Field(description="user:NAME, token:NAME, worker:NAME or system.")
    before: RunState | None = Field(alias="from")
    to: RunState
    reason: Reason | None
    detail: str | None
    attempt: int


class EventList(Answer):
    """The timeline, oldest first."""

    items: list[EventOut]
    next: None


class FileOut(Answer):
    """One file of a run."""

    path: str
    size: int = Field(description="Bytes.")
    modified_at: datetime


class FileList(Answer):
    """A page of files, by path."""

    items: list[FileOut]
    next: str | None


class CodeLine(Answer):
    """A line of a source file."""

    line: int
    text: str


class FrameOut(Answer):
    """A frame of a traceback."""

    file: str = Field(description="As the traceback names it.")
    line: int
    function: str
    snapshot_path: str | None = Field(description="Its path in the run's own code; null for a library's.")
    context: list[CodeLine] = Field(
        description="The failing line; of the run's own code with those around it."
    )


class TracebackOut(Answer):
    """What a run died of, as its output says."""

    type: str
    message: str
    frames: list[FrameOut] = Field(description="From the outermost to where it was raised.")
    text: str = Field(description="The whole, with what it was chained to.")


class ExperimentLinks(Answer):
    """Paths of what belongs to an experiment."""

    self: str
    page: str
    runs: str
    tensorboard: str


class ExperimentOut(Answer):
    """One experiment."""

    slug: str
    name: str
    description: str
    owner: str | None
    runs: int = Field(description="How many, in all.")
    states: dict[RunState, int] = Field(description="How many in each state.")
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime
    links: ExperimentLinks


class ExperimentList(Answer):
    """A page of experiments, newest first."""

    items: list[ExperimentOut]
    next: str | None


class RecipeOut(Answer):
    """One recipe."""

    name: str
    summary: str
    parameters: dict[str, Any] = Field(alias="schema", description="JSON Schema of its params.")
    source: str = Field(description="built-in, or its file under recipes/.")
    error: str | None = Field(description="Why it could not be loaded.")
    updated_at: datetime


class RecipeList(Answer):
    """All recipes, by name."""

    items: list[RecipeOut]
    next: None


class WorkerDevice(Answer):
    """A device of a worker."""

    device: str
    name: str
    slots: int = Field(description="Runs at once.")


class WorkerRun(Answer):
    """A run that a worker holds."""

    id: int
    name: str
    device: str | None


class WorkerOut(Answer):
    """One worker."""

    id: str
    name: str
    host: str
    pid: int
    state: Literal["up", "draining"]
    live: bool = Field(description="Heard of within the length of a lease.")
    devices: list[WorkerDevice]
    runs: list[WorkerRun]
    version: str
    info: dict[str, Any]
    started_at: datetime
    last_seen_at: datetime


class WorkerList(Answer):
    """All workers that have not said that they are gone."""

    items: list[WorkerOut]
    next: None
