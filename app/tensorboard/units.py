"""What the manager knows about each child that somebody wants: its state, and when it moves on. No processes here."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.clock import rfc3339, utcnow
from app.config import Settings
from app.tensorboard.commands import TENSORBOARD
from app.tensorboard.process import Child


class State(StrEnum):
    """Where a child stands, as the REST contract names it."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"
    FAILED = "failed"


class Kind(StrEnum):
    """Which of an experiment's two children."""

    DATA = "data"
    TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class Limits:
    """How many and how long; seconds, unless named otherwise."""

    max_live: int = 8  # TensorBoards
    max_data: int = 64  # data servers, 12 MB each and what they hold
    max_starting: int = 2  # TensorBoards: each takes a core for a second
    idle: float = 1800.0
    max_age: float = (
        8 * 3600.0
    )  # since a page was opened: a forgotten tab that polls must not keep it for ever
    start: float = 30.0
    backoff: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    stays: float = 3.0  # one that has become ready makes no room for another before
    forgive: float = 5.0  # one that was ready for so long starts a new count of failures when it dies
    failed: float = 300.0  # then a request tries again, without a click
    data_failed: float = 60.0
    probe_every: float = 15.0
    probe_timeout: float = 3.0
    probe_misses: int = 2
    grace: float = 3.0  # from SIGTERM to SIGKILL
    sync: float = 0.5  # how often new event files are looked for
    wait_data: float = 10.0  # how long a request waits for a data server
    scalars: int = 10_000  # points per series
    program: str = TENSORBOARD  # what is run as TensorBoard: a module, or a file ending in .py

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings ask for."""
        return cls(
            max_live=settings.tb_max_live,
            max_data=8 * settings.tb_max_live,
            max_starting=settings.tb_max_starting,
            idle=settings.tb_idle_minutes * 60,
            start=settings.tb_start_seconds,
            scalars=settings.tb_scalars,
        )


@dataclass(frozen=True)
class Status:
    """A snapshot for the API and the proxy."""

    state: State
    pid: int | None
    port: int | None
    reason: str | None
    last_used: datetime | None

    def body(self) -> dict[str, object]:
        """As JSON-ready values, without what the server adds (url, runs)."""
        return {
            "state": str(self.state),
            "pid": self.pid,
            "port": self.port,
            "reason": self.reason,
            "last_used": rfc3339(self.last_used),
        }


@dataclass
class Unit:
    """One child that is, was or shall be. All times are of the manager's monotonic clock."""

    slug: str
    kind: Kind
    state: State = State.STOPPED
    wanted: bool = False
    child: Child | None = None
    port: int | None = None
    upstream: int | None = None  # TensorBoard: the port of the data server that it was started on
    reason: str | None = None
    attempts: int = 0  # failures in a row
    since: float = 0.0  # when this state was entered
    launched: float = 0.0
    retry_at: float = 0.0
    used: float = 0.0
    opened: float = 0.0  # a page of it was opened, not only data asked for
    used_at: datetime | None = None
    culled: bool = False  # stopped for age: only opening a page brings it back
    probe: "Future[str | None] | None" = None
    probe_at: float = 0.0
    misses: int = 0
    leaving: "list[Future[None]]" = field(default_factory=list)
    launching: bool = False
    held: bool = False  # being halted: nobody's request may start it meanwhile

    @property
    def idle(self) -> bool:
        """No process: none runs, none is being started, none is on its way out."""
        return self.child is None and not self.leaving and not self.launching

    def enter(self, state: State, now: float, reason: str | None = None) -> None:
        """Move to a state; the reason of the last failure stays visible while it is tried again."""
        self.state = state
        self.since = now
        if reason is not None or state in (State.READY, State.STOPPED):
            self.reason = reason

    def touch(self, now: float, *, page: bool) -> None:
        """Somebody asked for it; `page` when a person opened it, not a tab that polls."""
        self.used = now
        self.used_at = utcnow()
        if page:
            self.opened = now
            self.culled = False

    def want(self, now: float, limits: Limits) -> None:
        """Start it when it is down, unless it has failed lately."""
        if self.held:
            return
        retry_after = limits.failed if self.kind is Kind.TENSORBOARD else limits.data_failed
        if self.state is State.FAILED and now - self.since >= retry_after:
            self.attempts = 0
            self.enter(State.STOPPED, now)
        if self.state is State.STOPPED and not self.culled:
            self.wanted = True
            self.enter(State.STARTING, now)

    def fail(self, now: float, reason: str, limits: Limits) -> None:
        """Count a failure: wait 1, 2, 4, 8 s, then give up."""
        self.attempts += 1
        if self.attempts > len(limits.backoff):
            self.wanted = False
            self.enter(State.FAILED, now, reason)
        else:
            self.retry_at = now + limits.backoff[self.attempts - 1]
            self.enter(State.BACKOFF, now, reason)

    def status(self) -> Status:
        """What the outside may know."""
        live = self.child is not None
        return Status(
            self.state,
            self.child.pid if self.child else None,
            self.port if live and self.state is State.READY else None,
            self.reason,
            self.used_at,
        )
