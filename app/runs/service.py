"""Submitting runs: from a checked body to a queued row and its JSON. One transaction each; safe to repeat with a key."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.auth.deps import Principal, require_code
from app.config import Settings
from app.db import Database, WriteSession
from app.errors import Conflict, Invalid
from app.experiments import service as experiments
from app.models import Experiment
from app.queue.queries import hold_predecessor
from app.runs import queries, queue
from app.runs.making import Definition, as_body, changed, define
from app.runs.queue import Idempotency
from app.runs.schemas import MAX_SEED, RunClone, RunCreate
from app.runs.views import Json, RunRow
from app.runs.words import TERMINAL, RunState

Define = Callable[[WriteSession], RunCreate]

# Two requests at once may both make the experiment, or both be the first with a key: the loser looks again.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """Who submits, with what key for repeating it safely."""

    principal: Principal
    key: str | None = None

    @property
    def actor(self) -> str:
        """As it stands in the timeline."""
        return actor_of(self.principal)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The run's JSON, and whether an earlier request with the same key had made it."""

    run: Json
    replayed: bool


def actor_of(principal: Principal) -> str:
    """Who did something, as it stands in the timeline: `user:ada` or `token:laptop`."""
    return f"{'token' if principal.via == 'token' else 'user'}:{principal.name}"


def create_run(db: Database, settings: Settings, body: RunCreate, caller: Caller, now: datetime) -> Submitted:
    """POST /runs.

    Raises:
        Invalid: an unknown recipe or snapshot, wrong params, an unknown parent, or the key was used with another body.
        Forbidden: a script or environment variables without the submit-code right.
    """
    sent = body.model_dump(mode="json", exclude_unset=True)
    return _once(db, settings, caller, now, "POST /runs", sent, lambda _session: body)


def retry_run(db: Database, settings: Settings, run_id: int, caller: Caller, now: datetime) -> Submitted:
    """POST /runs/{id}/retry: the same again, as a new run.

    Raises:
        NotFound: there is no such run.
        Conflict: it has not ended.
        Invalid: its recipe or snapshot is gone, or the recipe has changed so that the params do not fit any more.
    """

    def define(session: WriteSession) -> RunCreate:
        row = queries.get_row(session, run_id)
        if RunState(row.run.state) not in TERMINAL:
            raise Conflict(
                f"Run {run_id} is {row.run.state}; only a run that has ended can be retried. Clone it instead."
            )
        return as_body(session, settings, row.run, row.experiment)

    return _once(db, settings, caller, now, f"POST /runs/{run_id}/retry", {}, define)


def clone_run(
    db: Database, settings: Settings, run_id: int, changes: RunClone, caller: Caller, now: datetime
) -> Submitted:
    """POST /runs/{id}/clone: a new run like this one, in whatever state that is, with changes.

    Raises:
        NotFound: there is no such run.
        Invalid: as for `create_run`.
    """
    sent = changes.model_dump(mode="json", exclude_unset=True)

    def define(session: WriteSession) -> RunCreate:
        row = queries.get_row(session, run_id)
        return changed(session, settings, row.run, row.experiment, changes)

    return _once(db, settings, caller, now, f"POST /runs/{run_id}/clone", sent, define)


def _once(
    db: Database, settings: Settings, caller: Caller, now: datetime, route: str, sent: Json, define: Define
) -> Submitted:
    """Queue what `define` describes, or find the run that the same key has made before."""

    def make(session: WriteSession, idempotency: Idempotency | None) -> Json:
        run = _queue(session, settings, define(session), caller, now, idempotency)
        return queries.to_json(session, settings, [run], now)[0]

    def replay(session: WriteSession, run_id: int) -> Json:
        return queries.run_dict(session, settings, run_id, now)

    return Submitted(*once(db, caller, route, sent, make, replay))


def once(
    db: Database,
    caller: Caller,
    route: str,
    sent: Json,
    make: Callable[[WriteSession, Idempotency | None], Json],
    replay: Callable[[WriteSession, int], Json],
) -> tuple[Json, bool]:
    """Make something in one transaction, or find what the same key has made before; and whether it was found.

    Args:
        route: the call, as keys are kept by.
        sent: the body, by which another request with the same key is told.
        make: stores the key that it is given with what it makes.
        replay: the answer for the run that was stored with the key.

    Raises:
        Invalid: the key was used with another body.
    """
    idempotency = None
    if caller.key is not None:
        canonical = json.dumps(sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        idempotency = Idempotency(caller.principal.key, route, caller.key, digest)
    for left in range(_TRIES - 1, -1, -1):
        try:
            with db.write() as session:
                known = queue.find_replay(session, idempotency) if idempotency else None
                if known is not None:
                    return replay(session, known), True
                return make(session, idempotency), False
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _queue(
    session: WriteSession,
    settings: Settings,
    body: RunCreate,
    caller: Caller,
    now: datetime,
    idempotency: Idempotency | None,
) -> RunRow:
    what = define(session, settings, body, caller.principal, now)
    experiment = place_for(session, settings, body, caller.principal, now)
    spec = spec_of(body, what, experiment.id, caller.principal)
    run = queue.submit(session, spec, actor=caller.actor, now=now, idempotency=idempotency)
    return RunRow(run, experiment.slug, experiment.name, None, owner_name(session, caller.principal))


def place_for(
    session: WriteSession, settings: Settings, body: RunCreate, principal: Principal, now: datetime
) -> Experiment:
    """Check what a request says beside what is executed; the experiment that it names, made when it is new.

    Raises:
        Invalid: the parent, or the run that it is to follow, is not there or cannot be followed.
        Forbidden: environment variables without the submit-code right.
    """
    if body.env:
        # Variables such as CXX or LD_PRELOAD make a process execute what they name.
        require_code(principal)
    if body.parent is not None and not queries.run_exists(session, body.parent):
        raise Invalid(f"There is no run {body.parent}.", fields={"parent": f"there is no run {body.parent}"})
    if body.after is not None:
        hold_predecessor(session, body.after)
    return experiments.ensure(session, settings, body.experiment, owner_id=principal.user_id, now=now)


def spec_of(
    body: RunCreate, what: Definition, experiment_id: int, principal: Principal, sweep: str | None = None
) -> queue.RunSpec:
    """What is stored of a request that has been checked. A seed that nobody chose is drawn."""
    return queue.RunSpec(
        experiment_id=experiment_id,
        name=body.name or what.name,
        recipe=what.recipe,
        snapshot_id=what.snapshot_id,
        entrypoint=what.entrypoint,
        args=what.args,
        params=what.params,
        environment=what.environment,
        git=what.git,
        git_diff=what.git_diff,
        device=body.device,
        processes=body.processes,
        seed=draw_seed() if body.seed is None else body.seed,
        priority=body.priority,
        tags=list(body.tags),
        notes=body.notes,
        max_retries=body.max_retries,
        timeout_s=body.timeout_s,
        env=body.env,
        parent_id=body.parent,
        after_id=body.after,
        sweep=sweep,
        owner_id=principal.user_id,
    )


def draw_seed() -> int:
    """A seed that nobody chose."""
    return secrets.randbelow(MAX_SEED + 1)


def owner_name(session: WriteSession, principal: Principal) -> str | None:
    """The user's name of whoever submits, as runs show it."""
    return principal.name if principal.via == "session" else queries.username(session, principal.user_id)
