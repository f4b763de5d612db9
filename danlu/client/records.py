"""What the server answers, as objects: typed names over the JSON, which stays whole in `data`.

A server that is newer than this client may say more (it is in `data`), an older one less (it reads as None).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

Json = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R", bound="Record")


class Of(Generic[T]):
    """A field of a record: the JSON's value of the same name, read by `read`.

    Args:
        read: from JSON to what the field is; not called for null.
        key: its name in the JSON, where that is another.
        default: what null, or a field that the server does not send, becomes.
    """

    def __init__(
        self, read: Callable[[Any], Any] | None = None, *, key: str | None = None, default: Any = None
    ) -> None:
        self._read, self._key, self._default = read, key or "", default

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = self._key or name

    @overload
    def __get__(self, record: None, owner: type) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type) -> T: ...
    def __get__(self, record: Record | None, owner: type) -> Self | T:
        if record is None:
            return self
        value = record.data.get(self._key)
        if value is None:
            found: T = self._default
            return found
        read: T = value if self._read is None else self._read(value)
        return read

    def __set__(self, record: Record, value: object) -> NoReturn:
        raise AttributeError(
            f"{type(record).__name__}.{self._key} is what the server said, and cannot be set"
        )


class Record:
    """One thing that the server has told of.

    Attributes:
        data: the JSON as it came.
    """

    __slots__ = ("data",)
    _shown: tuple[str, ...] = ("name",)

    def __init__(self, data: Json) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(other) is type(self) and self.data == other.data

    __hash__ = None  # type: ignore[assignment] # it holds what may change

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"


def time_of(text: str) -> datetime:
    """An RFC 3339 time, with its zone."""
    return datetime.fromisoformat(text)


def many(kind: type[R]) -> Callable[[list[Json]], tuple[R, ...]]:
    """A reader of a list of records."""
    return lambda items: tuple(kind(item) for item in items)


class Me(Record):
    """Whose token this is, and what it may do."""

    name = Of[str]()
    user_id = Of[int | None]()
    via = Of[str]()
    """`session`, `token` or `local`."""
    scopes = Of[tuple[str, ...]](tuple, default=())
    submit_code = Of[bool](default=False)
    """Whether runs of the caller's own code may be submitted."""
    auth = Of[str]()


class Token(Record):
    """An API token; the secret is known only right after it was made."""

    _shown = ("id", "name", "scope")
    id = Of[int]()
    name = Of[str]()
    prefix = Of[str]()
    scope = Of[str]()
    user = Of[str | None]()
    created_at = Of[datetime | None](time_of)
    expires_at = Of[datetime | None](time_of)
    last_used_at = Of[datetime | None](time_of)
    revoked_at = Of[datetime | None](time_of)
    token = Of[str | None]()
    """The secret itself, from `create_token` only."""


class Experiment(Record):
    """An experiment: runs that are compared, with one TensorBoard."""

    _shown = ("slug", "name", "runs")
    slug = Of[str]()
    name = Of[str]()
    description = Of[str](default="")
    owner = Of[str | None]()
    runs = Of[int](default=0)
    states = Of[dict[str, int]](dict, default={})
    """How many runs in each state."""
    created_at = Of[datetime](time_of)
    updated_at = Of[datetime](time_of)
    last_activity_at = Of[datetime](time_of)


class Recipe(Record):
    """What the workers can train."""

    name = Of[str]()
    summary = Of[str](default="")
    schema = Of[Json](default={})
    """JSON Schema of the params."""
    source = Of[str]()
    error = Of[str | None]()
    """Why its file could not be loaded."""
    updated_at = Of[datetime](time_of)


class Device(Record):
    """A device of a worker."""

    _shown = ("device", "name", "slots")
    device = Of[str]()
    name = Of[str]()
    slots = Of[int]()
    """Runs at once."""


class WorkerRun(Record):
    """A run that a worker holds."""

    _shown = ("id", "name")
    id = Of[int]()
    name = Of[str]()
    device = Of[str | None]()


class Worker(Record):
    """A worker."""

    _shown = ("name", "host", "state", "live")
    id = Of[str]()
    name = Of[str]()
    host = Of[str]()
    pid = Of[int]()
    state = Of[str]()
    """`up` or `draining`."""
    live = Of[bool](default=False)
    devices = Of[tuple[Device, ...]](many(Device), default=())
    runs = Of[tuple[WorkerRun, ...]](many(WorkerRun), default=())
    version = Of[str]()
    info = Of[Json](default={})
    started_at = Of[datetime](time_of)
    last_seen_at = Of[datetime](time_of)


class TimelineEvent(Record):
    """One entry of a run's timeline."""

    _shown = ("at", "before", "after", "reason")
    id = Of[int]()
    at = Of[datetime](time_of)
    actor = Of[str]()
    """`user:NAME`, `token:NAME`, `worker:NAME` or `system`."""
    before = Of[str | None](key="from")
    """The state until then; None: it was made."""
    after = Of[str](key="to")
    reason = Of[str | None]()
    detail = Of[str | None]()
    attempt = Of[int]()


class FileInfo(Record):
    """One file of a run."""

    _shown = ("path", "size")
    path = Of[str]()
    """From the run's folder, with `/`."""
    size = Of[int]()
    """Bytes."""
    modified_at = Of[datetime](time_of)


class Progress(Record):
    """How far a run is; None where it does not say."""

    _shown = ("step", "total", "epoch", "epochs", "eta_s")
    step = Of[int | None]()
    total = Of[int | None]()
    epoch = Of[int | None]()
    epochs = Of[int | None]()
    eta_s = Of[float | None]()
    """Seconds left, as it looks."""


class MetricSummary(Record):
    """Last, least and greatest value of one tag."""

    _shown = ("last", "min", "max", "step")
    last = Of[float | None](default=None)
    """None where it is not finite: then `nonfinite` says what it is."""
    min = Of[float | None]()
    max = Of[float | None]()
    step = Of[int]()
    min_step = Of[int | None]()
    max_step = Of[int | None]()
    count = Of[int]()
    nonfinite = Of[str | None]()
    """`nan`, `inf` or `-inf`."""


class TensorBoard(Record):
    """An experiment's TensorBoard."""

    _shown = ("state", "url")
    experiment = Of[str | None]()
    state = Of[str]()
    """`stopped`, `starting`, `ready`, `backoff` or `failed`."""
    reason = Of[str | None]()
    url = Of[str]()
    """A path of the server."""
    runs = Of[int]()
    last_used = Of[datetime | None](time_of)


class SnapshotFile(Record):
    """One file of uploaded code."""

    _shown = ("path", "size")
    path = Of[str]()
    size = Of[int]()
    """Bytes."""
    executable = Of[bool](default=False)


class Snapshot(Record):
    """A folder of code that runs execute, named by its content."""

    _shown = ("id", "filename", "entrypoints")
    id = Of[str]()
    files = Of[int]()
    """How many."""
    size = Of[int]()
    """Bytes, unpacked."""
    filename = Of[str]()
    """As it was first uploaded."""
    entrypoints = Of[tuple[str, ...]](tuple, default=())
    """What can be run, the likeliest first."""
    entrypoint = Of[str | None]()
    """The one that was asked for, else the likeliest; the rest is about it."""
    form = Of[Json](default={})
    """Its command line, as read from its source."""
    params_schema = Of[Json](default={})
    """JSON Schema of its params."""
    command = Of[str | None]()
    """How it is started, before any arguments."""
    known = Of[bool](default=False)
    """Whether the server had it already."""
    listing = Of[tuple[SnapshotFile, ...]](many(SnapshotFile), default=())
    """Its files, where the server was asked for it."""


class Environment(Record):
    """A Python that an administrator has registered."""

    _shown = ("name", "python")
    name = Of[str]()
    python = Of[str]()
    """Path of the interpreter, on the workers' machines."""
    created_at = Of[datetime](time_of)
    created_by = Of[str]()
