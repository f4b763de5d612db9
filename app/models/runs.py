"""Experiments, their runs, and what is known of those."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.workers import Worker
from app.orm import Base, Id, one_of
from app.runs.placing import MAX_PROCESSES
from app.runs.words import REASONS, STATES, TERMINAL_STATES


class Experiment(Base):
    """A named group of runs with one TensorBoard."""

    __tablename__ = "experiment"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    """Made from the name; lower case; its folder and its URL."""
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    """Set while the files are being removed; such an experiment is not shown any more."""

    __table_args__ = ({"sqlite_autoincrement": True},)


class Run(Base):
    """One definition (recipe or script, params, device, seed) and its outcome."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"), index=True)
    slug: Mapped[str] = mapped_column(String(120))
    """Folder below the experiment's, and so the name in TensorBoard."""
    name: Mapped[str] = mapped_column(String(200))
    recipe: Mapped[str | None] = mapped_column(String(200))
    snapshot_id: Mapped[str | None] = mapped_column(String(64))
    entrypoint: Mapped[str | None]
    args: Mapped[list[Any]] = mapped_column(default=list)
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    environment: Mapped[str] = mapped_column(String(100), default="worker", server_default=text("'worker'"))
    """What executes a script: worker, cold, uv, shell or `venv:NAME`."""
    git: Mapped[dict[str, Any] | None]
    """Of the folder that the snapshot was made of: commit, branch, remote, dirty."""
    git_diff: Mapped[str | None] = mapped_column(deferred=True)
    """What was not committed there."""
    device: Mapped[str] = mapped_column(String(20), default="auto")
    """As asked for: auto, cpu, cuda, cuda:N or mps."""
    processes: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """How many train together (torch.distributed), on one machine."""
    seed: Mapped[int] = mapped_column(BigInteger, default=0)
    priority: Mapped[int] = mapped_column(default=0)
    rank: Mapped[float] = mapped_column(Float, default=0.0, server_default=text("0"))
    """Order in the queue inside one priority, smaller first; the id, unless somebody moved the run."""
    tags: Mapped[list[Any]] = mapped_column(default=list)
    notes: Mapped[str] = mapped_column(default="")
    max_retries: Mapped[int] = mapped_column(default=0)
    """How often a failure of the script itself is tried again."""
    timeout_s: Mapped[float | None] = mapped_column(Float)
    env: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))
    after_id: Mapped[int | None] = mapped_column(Id)
    """Starts only when that run has succeeded; may since have been deleted."""
    sweep: Mapped[str | None] = mapped_column(String(36))
    """The same for all runs that one request made."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))

    archived_at: Mapped[datetime | None]
    """Put aside: not listed unless asked for."""
    colour: Mapped[int | None]
    """Index into the palette; None: follows from the id."""
    logdir: Mapped[str | None]
    """Where the event files of an imported run lie, outside of the home folder."""
    imported: Mapped[dict[str, Any] | None]
    """Of an imported run: what it was made of, see `app.imports.origin`."""

    state: Mapped[str] = mapped_column(String(20))
    """Written by app.runs.states only."""
    reason: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None]
    """One sentence beside the reason: the exception's text, the devices there are."""
    phase: Mapped[str | None] = mapped_column(String(20))
    """While running: starting, training, saving."""
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    """Attempts that ended because the worker was lost."""
    worker_deaths: Mapped[int] = mapped_column(default=0)
    """Worker deaths in a row on this run."""
    retries: Mapped[int] = mapped_column(default=0)
    """Own failures that were tried again."""
    not_before: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    cancel_requested_by: Mapped[str | None] = mapped_column(String(200))
    lease_token: Mapped[str | None] = mapped_column(String(36))
    lease_seq: Mapped[int] = mapped_column(default=0)
    """Grows with each heartbeat; a judge that sees no change for the lease's length calls the lease lost."""
    lease_expires_at: Mapped[datetime | None]
    worker_id: Mapped[str | None] = mapped_column(ForeignKey("worker.id", ondelete="SET NULL"))
    resolved_device: Mapped[str | None] = mapped_column(String(20))
    exit_code: Mapped[int | None]
    """Of the last attempt; negative: the signal that ended it."""
    step: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    epochs: Mapped[int | None] = mapped_column(BigInteger)
    eta_s: Mapped[float | None] = mapped_column(Float)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """Of the first attempt."""
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    """Set while the files are being removed; such a run is not shown any more."""

    experiment: Mapped[Experiment] = relationship(lazy="raise")
    worker: Mapped[Worker | None] = relationship(lazy="raise")

    __table_args__ = (
        UniqueConstraint("experiment_id", "slug"),
        CheckConstraint(one_of("state", STATES), name="state"),
        CheckConstraint("reason IS NULL OR " + one_of("reason", REASONS), name="reason"),
        CheckConstraint(f"(finished_at IS NOT NULL) = ({one_of('state', TERMINAL_STATES)})", name="finished"),
        CheckConstraint("(lease_token IS NOT NULL) = (state = 'running')", name="lease"),
        CheckConstraint(
            f"(reason IS NOT NULL) OR NOT ({one_of('state', TERMINAL_STATES)})", name="has_reason"
        ),
        CheckConstraint(f"processes BETWEEN 1 AND {MAX_PROCESSES}", name="processes"),
        # claim(): the next queued run, highest priority first, oldest first unless moved
        Index(
            "ix_run_queue",
            text("priority DESC"),
            "rank",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        # reclaim and heartbeat: what is running
        Index(
            "ix_run_running",
            "worker_id",
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        # the live hub: what changed lately
        Index("ix_run_updated_at", "updated_at"),
        Index("ix_run_after_id", "after_id"),
        Index("ix_run_sweep", "sweep"),
        Index("ix_run_snapshot_id", "snapshot_id"),
        {"sqlite_autoincrement": True},
    )


class RunEvent(Base):
    """One edge of a run's life, or a request concerning it; written in the transaction that it describes."""

    __tablename__ = "run_event"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    """`user:NAME`, `token:NAME`, `worker:NAME` or `system`."""
    from_state: Mapped[str | None] = mapped_column(String(20))
    to_state: Mapped[str] = mapped_column(String(20))
    """Equal to from_state where no edge was taken (a cancel request of a running run)."""
    reason: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)


class Metric(Base):
    """Summary of one scalar series of one run, for tables and sorting; the series itself is in the event files."""

    __tablename__ = "metric"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(500), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[float | None] = mapped_column(Float)
    """None where last_nonfinite says nan, inf or -inf."""
    last_nonfinite: Mapped[str | None] = mapped_column(String(4))
    min: Mapped[float | None] = mapped_column(Float)
    max: Mapped[float | None] = mapped_column(Float)
    min_step: Mapped[int | None] = mapped_column(BigInteger)
    max_step: Mapped[int | None] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_metric_tag", "tag", "last"),)


class Snapshot(Base):
    """Code that script runs execute: content-addressed, read-only, in a folder of its own."""

    __tablename__ = "snapshot"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the content, see `danlu.pack.content_id`; the folder's name."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes, unpacked."""
    files: Mapped[int]
    filename: Mapped[str] = mapped_column(String(255))
    """As it was first uploaded."""
    entrypoints: Mapped[list[Any]]
    """Paths of what can be run, the likeliest first."""
    forms: Mapped[dict[str, Any]]
    """Entrypoint -> what its command line takes (`danlu.scriptform`)."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    """Of the last upload or submission: one that no run has used for long is removed."""


class SavedView(Base):
    """A view of the workbench with a name: what its address carries."""

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    experiment_id: Mapped[int | None] = mapped_column(
        ForeignKey("experiment.id", ondelete="CASCADE"), index=True
    )
    """None: a comparison across experiments."""
    name: Mapped[str] = mapped_column(String(200))
    query: Mapped[str]
    """The address's query string, without the question mark."""
    is_default: Mapped[bool] = mapped_column(default=False)
    """What the experiment opens with; at most one of an experiment."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("experiment_id", "name"), {"sqlite_autoincrement": True})


class Report(Base):
    """Notes in Markdown beside live charts."""

    __tablename__ = "report"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    experiment_id: Mapped[int | None] = mapped_column(
        ForeignKey("experiment.id", ondelete="CASCADE"), index=True
    )
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(default="")
    """Markdown; a chart is a fenced block that names a view."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = ({"sqlite_autoincrement": True},)


class IdempotencyKey(Base):
    """What a repeated submission is answered with; written in the transaction of the run."""

    __tablename__ = "idempotency_key"

    principal: Mapped[str] = mapped_column(String(200), primary_key=True)
    route: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[int] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(index=True)
