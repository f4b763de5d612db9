"""The workers, what they offer, and what is set for the whole service."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.orm import Base, one_of


class Worker(Base):
    """One start of a worker process."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Fresh UUID per process start."""
    name: Mapped[str] = mapped_column(String(200))
    host: Mapped[str] = mapped_column(String(200))
    machine: Mapped[str] = mapped_column(String(200))
    """Boot id and pid namespace: a pid means the same process only where this is equal."""
    pid: Mapped[int]
    pid_started: Mapped[float] = mapped_column(Float)
    """Start time of that process, seconds since the epoch: tells a reused pid."""
    state: Mapped[str] = mapped_column(String(20))
    devices: Mapped[list[Any]]
    """`[{"device": "cuda:0", "name": "NVIDIA H200", "slots": 1}]`"""
    version: Mapped[str] = mapped_column(String(40))
    info: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Python, torch, free disk and what else pages show."""
    seq: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]

    __table_args__ = (CheckConstraint(one_of("state", ("up", "draining", "gone")), name="state"),)


class Recipe(Base):
    """What a worker offers: published with its JSON Schema, so that forms need no torch."""

    __tablename__ = "recipe"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    summary: Mapped[str]
    schema: Mapped[dict[str, Any]]
    source: Mapped[str]
    """`built-in`, or the file under recipes/."""
    error: Mapped[str | None]
    """Why the file could not be loaded; then the schema is empty."""
    worker_id: Mapped[str | None] = mapped_column(ForeignKey("worker.id", ondelete="SET NULL"))
    updated_at: Mapped[datetime]


class Environment(Base):
    """A virtual environment of the workers' machines that an admin offers to scripts."""

    __tablename__ = "environment"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    python: Mapped[str]
    """Path of its interpreter."""
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(200))


class Setting(Base):
    """What is set at run time for the whole service, such as `queue_paused`."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(200))
