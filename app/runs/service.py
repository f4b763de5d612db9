"""Submitting runs: from a checked body to a queued row and its JSON. One transaction each; safe to repeat with a key."""

import difflib
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
from app.models import Run
from app.runs import queries, queue
from app.runs.definition import complete
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
        Invalid: an unknown recipe, wrong params, an unknown parent, or the key was used with another body.
        Forbidden: environment variables without the submit-code right.
    """
    sent = body.model_dump(mode="json", exclude_unset=True)
    return _once(db, settings, caller, now, "POST /runs", sent, lambda _session: body)


def retry_run(db: Database, settings: Settings, run_id: int, caller: Caller, now: datetime) -> Submitted:
    """POST /runs/{id}/retry: the same again, as a new run.

    Raises:
        NotFound: there is no such run.
        Conflict: it has not ended.
        Invalid: its recipe is gone, or has changed so that the params do not fit any more.
    """

    def define(session: WriteSession) -> RunCreate:
        row = queries.get_row(session, run_id)
        if RunState(row.run.state) not in TERMINAL:
            raise Conflict(
                f"Run {run_id} is {row.run.state}; only a run that has ended can be retried. Clone it instead."
            )
        return _as_body(row)

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
        body = _as_body(queries.get_row(session, run_id))
        given = {name: getattr(changes, name) for name in changes.model_fields_set}
        changed = {name: value for name, value in given.items() if value is not None and name != "params"}
        return body.model_copy(update=changed | {"params": body.params | changes.params})

    return _once(db, settings, caller, now, f"POST /runs/{run_id}/clone", sent, define)


def _as_body(row: RunRow) -> RunCreate:
    """The request that makes the same run again, with this one as its parent."""
    run = row.run
    if run.recipe is None:
        raise Invalid(f"Run {run.id} was not made from a recipe.", fields={"recipe": "has none"})
    return RunCreate.model_construct(
        experiment=row.experiment, recipe=run.recipe, params=run.params, name=run.name, device=run.device,
        processes=run.processes, seed=run.seed, priority=run.priority, tags=run.tags, notes=run.notes,
        max_retries=run.max_retries, timeout_s=run.timeout_s, env=run.env, parent=run.id,
    )  # fmt: skip


def _once(
    db: Database, settings: Settings, caller: Caller, now: datetime, route: str, sent: Json, define: Define
) -> Submitted:
    """Queue what `define` describes, or find the run that the same key has made before."""
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
                    return Submitted(queries.run_dict(session, settings, known, now), replayed=True)
                run = _queue(session, settings, define(session), caller, now, idempotency)
                return Submitted(queries.to_json(session, settings, [run], now)[0], replayed=False)
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
    principal = caller.principal
    if body.env:
        # Variables such as CXX or LD_PRELOAD make a process execute what they name.
        require_code(principal)
    params = complete(body.params, _schema(session, body.recipe))
    if body.parent is not None and not queries.run_exists(session, body.parent):
        raise Invalid(f"There is no run {body.parent}.", fields={"parent": f"there is no run {body.parent}"})
    experiment = experiments.ensure(session, settings, body.experiment, owner_id=principal.user_id, now=now)
    spec = queue.RunSpec(
        experiment_id=experiment.id,
        name=body.name or body.recipe,
        recipe=body.recipe,
        params=params,
        device=body.device,
        processes=body.processes,
        seed=secrets.randbelow(MAX_SEED + 1) if body.seed is None else body.seed,
        priority=body.priority,
        tags=list(body.tags),
        notes=body.notes,
        max_retries=body.max_retries,
        timeout_s=body.timeout_s,
        env=body.env,
        parent_id=body.parent,
        owner_id=principal.user_id,
    )
    run: Run = queue.submit(session, spec, actor=caller.actor, now=now, idempotency=idempotency)
    owner = principal.name if principal.via == "session" else queries.username(session, principal.user_id)
    return RunRow(run, experiment.slug, experiment.name, None, owner)


def _schema(session: WriteSession, name: str) -> Json:
    """The JSON Schema of a recipe's params.

    Raises:
        Invalid: there is no such recipe (with the names that come close), or its file could not be loaded.
    """
    found = queries.recipe_named(session, name)
    if found is not None and found.error is None:
        return found.schema
    if found is not None:
        raise Invalid(
            f"The recipe {name!r} could not be loaded.",
            fields={"recipe": f"cannot be loaded: {found.error}"},
        )
    known = queries.recipe_names(session)
    remedy = unknown_recipe(name, known)
    raise Invalid(f"There is no recipe {name!r}: {remedy}.", fields={"recipe": f"is unknown; {remedy}"})


def unknown_recipe(name: str, known: list[str]) -> str:
    """What to do about a recipe's name that is not among the known ones."""
    if not known:
        return "no worker has published recipes yet; start one with `danlu worker`"
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known[:20])}"
