"""Submission: a validated wish becomes a queued run, once, however often it is asked for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.db import WriteSession
from app.errors import Invalid
from app.experiments.slugs import slugify
from app.models import IdempotencyKey, Run
from app.runs import states


@dataclass(frozen=True, slots=True)
class RunSpec:
    """A run as somebody asked for it; everything here has been validated."""

    experiment_id: int
    name: str
    recipe: str | None = None
    snapshot_id: str | None = None
    entrypoint: str | None = None
    args: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    environment: str = "worker"
    git: dict[str, Any] | None = None
    git_diff: str | None = None
    device: str = "auto"
    processes: int = 1
    seed: int = 0
    priority: int = 0
    tags: list[str] = field(default_factory=list)
    notes: str = ""
    max_retries: int = 0
    timeout_s: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    parent_id: int | None = None
    after_id: int | None = None
    sweep: str | None = None
    owner_id: int | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Who repeats what: the caller's key, the route, the client's key and a hash of the canonical body."""

    principal: str
    route: str
    key: str
    body_hash: str


def find_replay(session: WriteSession, idempotency: Idempotency) -> int | None:
    """The run that an earlier request with this key made, or None.

    Raises:
        Invalid: the key was used with another body.
    """
    known = session.get(IdempotencyKey, (idempotency.principal, idempotency.route, idempotency.key))
    if known is None:
        return None
    if known.body_hash != idempotency.body_hash:
        raise Invalid(
            "this Idempotency-Key was used with another body; take a new key",
            fields={"Idempotency-Key": "was used with another body"},
        )
    return known.run_id


def submit(
    session: WriteSession, spec: RunSpec, *, actor: str, now: datetime, idempotency: Idempotency | None = None
) -> Run:
    """Queue a run. Its slug, the folder's name, is made of its name and id."""
    return submit_all(session, [spec], actor=actor, now=now, idempotency=idempotency)[0]


def submit_all(
    session: WriteSession,
    specs: Sequence[RunSpec],
    *,
    actor: str,
    now: datetime,
    idempotency: Idempotency | None = None,
) -> list[Run]:
    """Queue runs, in their order, with few statements however many there are. The key answers for the first one."""
    runs = [
        Run(**{name: getattr(spec, name) for name in spec.__slots__}, slug=uuid.uuid4().hex) for spec in specs
    ]
    states.new_runs(session, runs, actor=actor, now=now)
    for run in runs:
        run.slug = f"{slugify(run.name, 'run')}-{run.id}"
        run.rank = float(run.id)
    if idempotency is not None:
        session.add(
            IdempotencyKey(
                principal=idempotency.principal,
                route=idempotency.route,
                key=idempotency.key,
                body_hash=idempotency.body_hash,
                run_id=runs[0].id,
                created_at=now,
            )
        )
    return runs
