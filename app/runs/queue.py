"""What happens to a run between submission and its end. Each function is one unit of work inside a write session.

Every write of a worker carries the lease token that `claim` gave it. Zero rows changed means that the run is no
longer its own: `LostLease`, and the worker must stop what it started.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, update

from app.db import WriteSession
from app.errors import Conflict, Invalid
from app.experiments.slugs import slugify
from app.models import Experiment, IdempotencyKey, Run, Worker
from app.runs import states
from app.runs.states import LostLease
from app.runs.words import Reason, RunState

MAX_LOSSES = 3
BACKOFF_S = (10, 40, 160)
POISONED_AFTER = 2
_CANCEL = "cancel requested"


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
    device: str = "auto"
    seed: int = 0
    priority: int = 0
    tags: list[str] = field(default_factory=list)
    notes: str = ""
    max_retries: int = 0
    timeout_s: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    parent_id: int | None = None
    owner_id: int | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Who repeats what: the caller's key, the route, the client's key and a hash of the canonical body."""

    principal: str
    route: str
    key: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that is now the worker's, with all it needs to start it.

    `device` is None when no worker that lives offers what the run asks for: fail it with `bad_device`.
    """

    run_id: int
    token: str
    attempt: int
    device: str | None
    asked_device: str
    experiment_slug: str
    run_slug: str
    definition: dict[str, Any]
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat brought back: run ids that are no longer the worker's, and those to be cancelled."""

    lost: frozenset[int]
    cancel: frozenset[int]


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
    fields = {name: getattr(spec, name) for name in spec.__slots__}
    run = states.new_run(session, Run(**fields, slug=uuid.uuid4().hex), actor=actor, now=now)
    run.slug = f"{slugify(spec.name, 'run')}-{run.id}"
    if idempotency is not None:
        session.add(
            IdempotencyKey(
                principal=idempotency.principal,
                route=idempotency.route,
                key=idempotency.key,
                body_hash=idempotency.body_hash,
                run_id=run.id,
                created_at=now,
            )
        )
    session.flush()
    return run


def claim(session: WriteSession, worker_id: str, free: list[str], now: datetime) -> Claimed | None:
    """Take the next run for one of the free devices: highest priority first, then oldest.

    1. Among queued runs that are due, find the first whose device is free here (`auto` takes the first free one,
       an accelerator before the CPU), or that asks for a device which no live worker offers.
    2. Lock it (rows locked by others are skipped) and take the edge to running with a fresh token.

    Args:
        worker_id: the caller's registration.
        free: concrete devices with a free slot, accelerators first (`["cuda:0", "cpu"]`).
    """
    if not free:
        return None
    offered = _offered_devices(session)
    wanted = {"auto", *free} | ({"cuda"} if any(device.startswith("cuda") for device in free) else set())
    run = session.scalars(
        select(Run)
        .where(
            Run.state == RunState.QUEUED,
            or_(Run.not_before.is_(None), Run.not_before <= now),
            or_(Run.device.in_(sorted(wanted)), Run.device.not_in(sorted(offered | {"auto"}))),
            Run.deleted_at.is_(None),
        )
        .order_by(Run.priority.desc(), Run.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if run is None:
        return None
    device = _place(run.device, free)
    token = str(uuid.uuid4())
    worker = session.get_one(Worker, worker_id)
    states.transition(
        session,
        run,
        RunState.RUNNING,
        actor=f"worker:{worker.name}",
        now=now,
        values={
            Run.lease_token: token,
            Run.lease_seq: Run.lease_seq + 1,
            Run.lease_expires_at: now + timedelta(seconds=60),
            Run.attempt: Run.attempt + 1,
            Run.worker_id: worker_id,
            Run.resolved_device: device,
            Run.phase: "starting",
            Run.started_at: run.started_at or now,
            Run.not_before: None,
            Run.exit_code: None,
        },
    )
    experiment = session.get_one(Experiment, run.experiment_id)
    return Claimed(
        run_id=run.id,
        token=token,
        attempt=run.attempt,
        device=device,
        asked_device=run.device,
        experiment_slug=experiment.slug,
        run_slug=run.slug,
        definition=definition(run, experiment.slug),
        cancel_requested=run.cancel_requested_at is not None,
    )


def definition(run: Run, experiment_slug: str) -> dict[str, Any]:
    """What a run process is told, and what `run.json` holds: the run as it was asked for."""
    return {
        "id": run.id,
        "experiment": experiment_slug,
        "slug": run.slug,
        "name": run.name,
        "recipe": run.recipe,
        "snapshot": run.snapshot_id,
        "entrypoint": run.entrypoint,
        "args": run.args,
        "params": run.params,
        "device": run.device,
        "seed": run.seed,
        "tags": run.tags,
        "timeout_s": run.timeout_s,
        "env": run.env,
        "parent": run.parent_id,
    }


def heartbeat(session: WriteSession, worker_id: str, held: dict[int, str], now: datetime) -> Beat:
    """Renew the worker's registration and its leases.

    Args:
        held: run id → token of everything that the worker still runs.
    """
    session.execute(update(Worker).where(Worker.id == worker_id).values(last_seen_at=now, seq=Worker.seq + 1))
    if not held:
        return Beat(frozenset(), frozenset())
    mine = and_(Run.id == bindparam("held_id"), Run.lease_token == bindparam("held_token"))
    session.connection().execute(
        update(Run.__table__)
        .where(mine)
        .values(lease_seq=Run.lease_seq + 1, lease_expires_at=now + timedelta(seconds=60)),
        [{"held_id": run_id, "held_token": token} for run_id, token in held.items()],
    )
    rows = session.execute(
        select(Run.id, Run.lease_token, Run.cancel_requested_at).where(Run.id.in_(list(held)))
    ).all()
    kept = {row.id: row.cancel_requested_at for row in rows if row.lease_token == held[row.id]}
    return Beat(
        lost=frozenset(set(held) - set(kept)),
        cancel=frozenset(run_id for run_id, requested in kept.items() if requested is not None),
    )


def request_cancel(session: WriteSession, run_id: int, *, actor: str, now: datetime) -> Run:
    """Cancel a queued run at once; ask for it where it runs. Asking again changes nothing.

    Raises:
        NotFound: no such run.
        Conflict: it ended by itself.
    """
    run = states.get(session, run_id)
    state = RunState(run.state)
    if state is RunState.CANCELLED or (state is RunState.RUNNING and run.cancel_requested_at is not None):
        return run
    if state.terminal:
        raise Conflict(f"run {run_id} has ended already: {state}")
    if state is RunState.QUEUED:
        _end(session, run, Reason.CANCELLED_BY_USER, actor=actor, now=now)
        return run
    run.cancel_requested_at = run.updated_at = now
    run.cancel_requested_by = actor
    states.note(session, run, actor=actor, now=now, detail=_CANCEL)
    return run


def finish(
    session: WriteSession,
    run_id: int,
    token: str,
    reason: Reason,
    *,
    now: datetime,
    detail: str | None = None,
    exit_code: int | None = None,
) -> Run:
    """Record how an attempt ended. A failure of the script's own goes back to the queue while retries are left.

    Raises:
        LostLease: the run is no longer the caller's.
    """
    run = _held(session, run_id, token)
    actor = _worker_actor(session, run)
    own_failure = reason in {Reason.EXCEPTION, Reason.EXIT_CODE, Reason.SIGNAL}
    if own_failure and run.retries < run.max_retries and run.cancel_requested_at is None:
        values = {Run.retries: run.retries + 1, Run.worker_deaths: 0, Run.exit_code: exit_code}
        states.transition(
            session, run, RunState.QUEUED, actor=actor, now=now, reason=reason, detail=detail, token=token,
            values=values,
        )  # fmt: skip
        return run
    values = {Run.exit_code: exit_code, Run.worker_deaths: 0}
    states.transition(
        session,
        run,
        reason.state,
        actor=actor,
        now=now,
        reason=reason,
        detail=detail,
        token=token,
        values=values,
    )
    return run


def release(session: WriteSession, run_id: int, token: str, *, now: datetime) -> Run:
    """Give a run back because its worker is being stopped; the attempt does not count.

    A run whose cancellation was asked for ends as cancelled instead: its processes are gone.

    Raises:
        LostLease: the run is no longer the caller's.
    """
    run = _held(session, run_id, token)
    actor = _worker_actor(session, run)
    if run.cancel_requested_at is not None:
        _end(session, run, Reason.CANCELLED_BY_USER, actor=actor, now=now, token=token)
        return run
    states.transition(
        session, run, RunState.QUEUED, actor=actor, now=now, reason=Reason.WORKER_DRAINED, token=token,
        values={Run.worker_deaths: 0},
    )  # fmt: skip
    return run


def reclaim(session: WriteSession, run_id: int, token: str, *, now: datetime, why: str) -> Run | None:
    """Take a run from a worker that is gone: back to the queue after 10, 40, 160 s, or to its end.

    Args:
        token: the lease that was judged lost; when another one holds the run by now, nothing happens.
        why: what the judge saw, for the timeline.

    Returns:
        The run, or None when it had moved on.
    """
    run = states.get(session, run_id)
    if run.lease_token != token:
        return None
    deaths, losses = run.worker_deaths + 1, run.losses + 1
    values = {Run.worker_deaths: deaths, Run.losses: losses}
    if run.cancel_requested_at is not None:
        _end(session, run, Reason.CANCELLED_BY_USER, actor="system", now=now, detail=why, values=values)
    elif deaths >= POISONED_AFTER:
        detail = f"{deaths} workers in a row died while they ran it; last: {why}"
        _end(session, run, Reason.POISONED, actor="system", now=now, detail=detail, values=values)
    elif losses > MAX_LOSSES:
        detail = f"lost {losses} times; last: {why}"
        _end(session, run, Reason.WORKER_LOST, actor="system", now=now, detail=detail, values=values)
    else:
        wait = timedelta(seconds=BACKOFF_S[losses - 1])
        states.transition(
            session, run, RunState.QUEUED, actor="system", now=now, reason=Reason.WORKER_LOST, detail=why,
            values={**values, Run.not_before: now + wait},
        )  # fmt: skip
    return run


def running_leases(session: WriteSession) -> list[tuple[int, str, int, str | None]]:
    """`(run id, token, lease_seq, worker id)` of every running run, for the judge of lost leases."""
    rows = session.execute(
        select(Run.id, Run.lease_token, Run.lease_seq, Run.worker_id).where(Run.state == RunState.RUNNING)
    )
    return [(row.id, str(row.lease_token), row.lease_seq, row.worker_id) for row in rows]


def _held(session: WriteSession, run_id: int, token: str) -> Run:
    run = session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if run is None or run.lease_token != token:
        raise LostLease(f"run {run_id} is no longer held with this lease")
    return run


def _end(
    session: WriteSession,
    run: Run,
    reason: Reason,
    *,
    actor: str,
    now: datetime,
    detail: str | None = None,
    token: str | None = None,
    values: dict[Any, Any] | None = None,
) -> None:
    states.transition(
        session,
        run,
        reason.state,
        actor=actor,
        now=now,
        reason=reason,
        detail=detail,
        token=token,
        values=values,
    )


def _worker_actor(session: WriteSession, run: Run) -> str:
    worker = session.get(Worker, run.worker_id) if run.worker_id else None
    return f"worker:{worker.name}" if worker else "worker"


def _offered_devices(session: WriteSession) -> set[str]:
    """Every device name that some live worker could serve."""
    offered: set[str] = set()
    for devices in session.scalars(select(Worker.devices).where(Worker.state != "gone")):
        for entry in devices:
            if entry.get("slots", 1) > 0:
                offered.add(entry["device"])
    if any(device.startswith("cuda") for device in offered):
        offered.add("cuda")
    return offered


def _place(asked: str, free: list[str]) -> str | None:
    if asked == "auto":
        return free[0]
    if asked == "cuda":
        return next((device for device in free if device.startswith("cuda")), None)
    return asked if asked in free else None
