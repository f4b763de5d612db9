"""What happens to a run between submission and its end. Each function is one unit of work inside a write session.

Every write of a worker carries the lease token that `claim` gave it. Zero rows changed means that the run is no
longer its own: `LostLease`, and the worker must stop what it started.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, false, not_, or_, select, update

from app.db import ReadSession, WriteSession
from app.errors import Conflict
from app.models import Experiment, Run, Worker
from app.queue.store import paused
from app.runs import states
from app.runs.endings import end, finish, reclaim, release
from app.runs.order import IN_ORDER, Place, is_due, stands_before
from app.runs.placing import Asks, gpus, place, table, waits_for_gpus
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

    `devices` is empty when no worker that lives offers what the run asks for: fail it with `bad_device`. It holds several
    GPUs for a run of as many processes; all of them are the run's until it ends.
    """

    run_id: int
    token: str
    attempt: int
    devices: tuple[str, ...]
    asked_device: str
    experiment_slug: str
    run_slug: str
    definition: dict[str, Any]

    @property
    def device(self) -> str | None:
        """The first of its devices."""
        return self.devices[0] if self.devices else None

    @property
    def processes(self) -> int:
        """How many train together."""
        return int(self.definition["processes"])


def anything_due(session: ReadSession, now: datetime) -> bool:
    """Whether a claim could find something: asked first, so that an idle worker takes no write lock."""
    due = session.scalar(select(Run.id).where(is_due(now)).limit(1)) is not None
    return due and paused(session) is None


def claim(session: WriteSession, worker_id: str, free: list[str], now: datetime) -> Claimed | None:
    """Take the next run for the free devices, in the order of the queue (`app.runs.order`). None while it is paused.

    1. Among queued runs that are due, find the first that can start here (`app.runs.placing` says on what), or that
       no live worker could ever start.
    2. Lock it (rows locked by others are skipped) and take the edge to running with a fresh token.

    A run that asks for several GPUs would starve if each GPU that becomes free went to the next small run. So from the
    first run on that waits for GPUs of this worker, no run behind it in the queue gets one of them; runs on the CPU, and
    those before it, go on. It waits for no longer than the runs before it and those on the GPUs already take.

    Args:
        worker_id: the caller's registration.
        free: concrete devices with a free slot, accelerators first (`["cuda:0", "cpu"]`); with none, only runs are
            found that nobody can serve, which must not wait for a slot to fail.
    """
    if paused(session) is not None:
        return None
    offers = _offers(session)
    here = list(dict.fromkeys([*offers.get(worker_id, []), *free]))
    first = _first_that_waits(session, free, here, now)
    kept = gpus(free) if first is not None else []
    rest = [device for device in free if device not in kept]
    can_start = _suits(table(here, lambda asked, processes: bool(place(asked, processes, rest, here))))
    if first is not None:
        earlier = _suits(table(here, lambda asked, processes: bool(place(asked, processes, free, here))))
        can_start = or_(can_start, and_(earlier, stands_before(first)))
    hopeless = not_(_suits(_possible([*offers.values(), here])))
    run = _next_due(session, or_(can_start, hopeless), now)
    if run is None:
        return None
    behind = first is not None and first.before(Place.of(run))
    devices = place(run.device, run.processes, rest if behind else free, here)
    return _take(session, run, worker_id, devices, now)


def _take(
    session: WriteSession, run: Run, worker_id: str, devices: tuple[str, ...], now: datetime
) -> Claimed:
    """The edge to running, with a fresh token."""
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
            Run.resolved_device: devices[0] if devices else None,
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
        devices=devices,
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
        "environment": run.environment,
        "git": run.git,
        "params": run.params,
        "device": run.device,
        "processes": run.processes,
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


def _first_that_waits(session: WriteSession, free: list[str], here: list[str], now: datetime) -> Place | None:
    """The first due run that waits for several GPUs of this worker; None too where there is none to keep for it."""
    waits = table(here, lambda asked, processes: waits_for_gpus(asked, processes, free, here))
    if not waits or not gpus(free):
        return None
    # Without a lock, and so whoever else holds the row: passed over, it would lose the GPUs to runs behind it.
    due = select(Run.priority, Run.rank, Run.id).where(is_due(now), _suits(waits))
    row = session.execute(due.order_by(*IN_ORDER).limit(1)).first()
    return None if row is None else Place(row[0], row[1], row[2])


def _next_due(session: WriteSession, wanted: ColumnElement[bool], now: datetime) -> Run | None:
    return session.scalars(
        select(Run).where(is_due(now), wanted).order_by(*IN_ORDER).limit(1).with_for_update(skip_locked=True)
    ).first()


def _suits(asks: list[Asks]) -> ColumnElement[bool]:
    """Whether what a run asks for is in the table."""
    rows = (
        and_(Run.device == asked, Run.processes.between(least, greatest)) for asked, least, greatest in asks
    )
    return or_(false(), *rows)


def _possible(offers: list[list[str]]) -> list[Asks]:
    """What some live worker could start, were all of it free."""
    devices = list(dict.fromkeys(device for there in offers for device in there))

    def suits(asked: str, processes: int) -> bool:
        # Where nothing at all is offered just now, what would take anything waits.
        anything = asked == "auto" and (processes == 1 or not devices)
        return anything or any(place(asked, processes, there, there) for there in offers)

    return table(devices, suits)


def _offers(session: WriteSession) -> dict[str, list[str]]:
    """The names of the devices of each live worker, accelerators first."""
    rows = session.execute(select(Worker.id, Worker.devices).where(Worker.state != "gone"))
    return {row[0]: [entry["device"] for entry in row[1] if entry.get("slots", 1) > 0] for row in rows}
