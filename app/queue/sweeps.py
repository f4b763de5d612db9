"""Sweeps: one request, many runs, one transaction."""

import json
import uuid
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from app.auth.principal import Principal
from app.config import Settings
from app.db import Database, WriteSession
from app.errors import Invalid
from app.models import Experiment
from app.queue import grid as grids
from app.queue.schemas import SweepCreate
from app.runs import making, queries, service, submission
from app.runs.queue import Idempotency, RunSpec
from app.runs.schemas import Seed
from app.runs.service import Caller
from app.runs.views import Json, RunRow

ROUTE = "POST /sweeps"
SEED = "seed"
_SEEDS = TypeAdapter(list[Seed])


def create_sweep(
    db: Database, settings: Settings, body: SweepCreate, caller: Caller, now: datetime
) -> tuple[Json, bool]:
    """POST /sweeps: its answer, and whether an earlier request with the same key had made it.

    Raises:
        Invalid: as for a run, with `grid.KEY` for what is wrong in the grid; or the key was used with another body.
        Forbidden: as for a run.
    """

    def make(session: WriteSession, idempotency: Idempotency | None) -> Json:
        specs, experiment = _define(session, settings, body, caller.principal, now)
        made = submission.submit_all(session, specs, actor=caller.actor, now=now, idempotency=idempotency)
        owner = service.owner_name(session, caller.principal)
        rows = [RunRow(run, experiment.slug, experiment.name, None, owner) for run in made]
        return {"sweep": specs[0].sweep, "items": queries.to_json(session, settings, rows, now)}

    def replay(session: WriteSession, run_id: int) -> Json:
        sweep = queries.get_row(session, run_id).run.sweep or ""
        ids = queries.sweep_ids(session, sweep)
        return {"sweep": sweep, "items": queries.run_dicts(session, settings, ids, now)}

    sent = body.model_dump(mode="json", exclude_unset=True)
    # Which key changes fastest is a part of what was asked for, and sorting the body's keys would lose it.
    sent["grid"] = [[key, values] for key, values in body.grid.items()]
    return service.once(db, caller, ROUTE, sent, make, replay)


def _define(
    session: WriteSession, settings: Settings, body: SweepCreate, principal: Principal, now: datetime
) -> tuple[list[RunSpec], Experiment]:
    """Every run of the sweep, checked, and the experiment of all of them."""
    target = making.target(session, settings, body, principal, now)
    seeds = SEED in body.grid and SEED not in target.names
    _check_against(body, seeds=seeds)
    # One seed for all of them, if nobody gives any: they differ in nothing but the grid.
    seed = service.draw_seed() if body.seed is None else body.seed
    made: list[tuple[SweepCreate, making.Definition]] = []
    for combination in grids.combinations(body.grid):
        own_seed = combination[SEED] if seeds else seed
        params = {key: value for key, value in combination.items() if key != SEED or not seeds}
        try:
            what = target.with_params(body.params | params)
        except Invalid as error:
            raise _in_grid(error, params) from error
        name = grids.named(body.name or what.name, grids.label(combination, body.grid))
        made.append((body.model_copy(update={"name": name, "seed": own_seed}), what))
    experiment = service.place_for(session, settings, body, principal, now)
    sweep = str(uuid.uuid4())
    specs = [service.spec_of(own, what, experiment.id, principal, sweep) for own, what in made]
    return specs, experiment


def _check_against(body: SweepCreate, *, seeds: bool) -> None:
    """Refuse what the grid and the rest of the body both give, and seeds that are none."""
    errors = {
        f"grid.{key}": f"is in params as well ({body.params[key]!r}); give {key} once"
        for key in body.grid
        if key in body.params
    }
    if seeds and body.seed is not None:
        errors["grid.seed"] = f"is given as seed as well ({body.seed}); give it once"
    if seeds:
        try:
            _SEEDS.validate_python(list(body.grid[SEED]), strict=True)
        except ValidationError:
            errors.setdefault("grid.seed", "must be whole numbers from 0 to 2^32-1")
    if errors:
        name, message = next(iter(errors.items()))
        raise Invalid(f"{name} {message}", fields=errors)


def _in_grid(error: Invalid, given: Json) -> Invalid:
    """A refusal of one run, under the names of the grid, with the values that it had."""
    fields: dict[str, str] = {}
    for field, message in (error.fields or {}).items():
        head, _, key = field.partition(".")
        mine = head == "params" and key.partition(".")[0] in given
        fields[f"grid.{key}" if mine else field] = message
    first = next((field for field in fields if field.startswith("grid.")), None)
    if first is None:
        return error
    value = json.dumps(given[first.removeprefix("grid.").partition(".")[0]])
    fields[first] = f"{fields[first]} (of the value {value[:80]})"
    return Invalid(f"{first} {fields[first]}", fields=fields)
