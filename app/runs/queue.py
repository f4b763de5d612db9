"""What happens to a run between submission and its end. Each function is one unit of work inside a write session.

Every write of a worker carries the lease token that `claim` gave it. Zero rows changed means that the run is no
longer its own: `LostLease`, and the worker must stop what it started.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, or_, select, update

from app.db import ReadSession, WriteSession
from app.errors import Conflict
from app.models import Experiment, Run, Worker
from app.runs import states
from app.runs.endings import end, finish, reclaim, release
from app.runs.submission import Idempotency, RunSpec, find_replay, submit
from app.runs.words import Reason, RunState

__all__ = [
    "Claimed", "Idempotency", "RunSpec", "anything_due", "claim", "definition", "find_replay", "finish", "heartbeat", "reclaim",
    "release", "request_cancel", "submit",
]  # fmt: skip

_CANCEL = "cancel requested"
SHOWN_LEASE = timedelta(seconds=60)
"""For display only: judges go by what changes on their own clock."""


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


def anything_due(session: ReadSession, now: datetime) -> bool:
    """Whether a claim could find something: asked first, so that an idle worker takes no write lock."""
    due = or_(Run.not_before.is_(None), Run.not_before <= now)
    return session.scalar(select(Run.id).where(Run.state == RunState.QUEUED, due).limit(1)) is not None


def claim(session: WriteSession, worker_id: str, free: list[str], now: datetime) -> Claimed | None:
    """Take the next run for one of the free devices: highest priority first, then oldest.

    1. Among queued runs that are due, find the first whose device is free here (`auto` takes the first free one,
       an accelerator before the CPU), or that asks for a device which no live worker offers.
    2. Lock it (rows locked by others are skipped) and take the edge to running with a fresh token.

    Args:
        worker_id: the caller's registration.
        free: concrete devices with a free slot, accelerators first (`["cuda:0", "cpu"]`); with none, only runs are
            found whose device nobody offers, which must not wait for a slot to fail.
    """
    offered = _offered_devices(session)
    wanted = {"auto", *free} if free else set()
    wanted |= {"cuda"} if any(device.startswith("cuda") for device in free) else set()
    run = _next_due(session, sorted(wanted), sorted(offered | {"auto"}), now)
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
            Run.lease_expires_at: now + SHOWN_LEASE,
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


def heartbeat(session: WriteSession, worker_id: str, held: dict[int, str], now: datetime) -> frozenset[int]:
    """Renew the worker's registration and its leases.

    Args:
        held: run id → token of everything that the worker still runs.

    Returns:
        ids of the runs that are no longer the worker's.
    """
    # One that was silent for so long that it was called gone (stopped, suspended) is back.
    state = case((Worker.state == "gone", "up"), else_=Worker.state)
    session.execute(
        update(Worker).where(Worker.id == worker_id).values(last_seen_at=now, seq=Worker.seq + 1, state=state)
    )
    if not held:
        return frozenset()
    mine = and_(Run.id == bindparam("held_id"), Run.lease_token == bindparam("held_token"))
    session.connection().execute(
        update(Run).where(mine).values(lease_seq=Run.lease_seq + 1, lease_expires_at=now + SHOWN_LEASE),
        [{"held_id": run_id, "held_token": token} for run_id, token in held.items()],
    )
    rows = session.execute(select(Run.id, Run.lease_token).where(Run.id.in_(list(held))))
    return frozenset(held) - {run_id for run_id, token in rows if token == held[run_id]}


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
        end(session, run, Reason.CANCELLED_BY_USER, actor=actor, now=now)
        return run
    run.cancel_requested_at = run.updated_at = now
    run.cancel_requested_by = actor
    states.note(session, run, actor=actor, now=now, detail=_CANCEL)
    return run


def _next_due(session: WriteSession, wanted: list[str], offered: list[str], now: datetime) -> Run | None:
    return session.scalars(
        select(Run)
        .where(
            Run.state == RunState.QUEUED,
            or_(Run.not_before.is_(None), Run.not_before <= now),
            or_(Run.device.in_(wanted), Run.device.not_in(offered)),
            Run.deleted_at.is_(None),
        )
        .order_by(Run.priority.desc(), Run.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()


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
