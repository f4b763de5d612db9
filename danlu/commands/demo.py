"""The demo run of the very first start: submitted in the home's own database, before anybody has an account."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from danlu.commands import output
from danlu.commands.local import open_database
from danlu.commands.parent import end_with
from danlu.commands.serve import ParentOption

if TYPE_CHECKING:
    from app.config import Settings
    from app.db import Database

MARKER = "first-start"
RECIPE = "rings"
EXPERIMENT = "demo"
SEED = 42
# Slower than the defaults, which are done in ten seconds: it should still train when somebody has made an account.
PARAMS: dict[str, Any] = {"lr": 5e-6, "samples": 60_000, "epochs": 400, "patience": 40}
NOTES = "Started by itself on the first start, to have something to look at. It makes way for the first run that waits for it."
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
WAY_SECONDS = 1.0
"""Another run has to wait so long before the demo run makes way: a free slot is taken sooner."""


def demo(
    skip: bool = typer.Option(False, "--skip", help="Only note that the first start is over."),
    parent: int = ParentOption,
) -> None:
    """Submit the demo run on the first start of a home without experiments, and stop it once another run waits for its
    place. Later starts never do.
    """
    from app.config import load_settings

    if parent is not None:
        end_with(parent)
    settings = load_settings()
    marker = settings.home / MARKER
    if marker.exists():
        return
    if skip:
        _mark(marker)
        return
    with open_database(settings) as database:
        schema = _await_recipe(database)
        if schema is None:
            output.note(f"danlu: no worker offers {RECIPE} after {WAIT_SECONDS:g} s: no demo run this time.")
            return
        run_id = submit_demo(settings, database, schema)
        _mark(marker)
        if run_id is not None:
            make_way(database, run_id)


def submit_demo(settings: Settings, database: Database, schema: dict[str, Any]) -> int | None:
    """Queue the demo run; its id, or None where there is an experiment already."""
    from app.clock import utcnow
    from app.experiments import service
    from app.experiments.queries import names
    from app.runs import queue
    from app.runs.definition import complete

    now = utcnow()
    params = complete(PARAMS, schema)
    with database.write() as session:
        if names(session):
            return None
        experiment = service.ensure(session, settings, EXPERIMENT, owner_id=None, now=now)
        spec = queue.RunSpec(
            experiment.id, RECIPE, recipe=RECIPE, params=params, seed=SEED, tags=["demo"], notes=NOTES
        )
        return queue.submit(session, spec, actor="first start", now=now).id


def make_way(database: Database, run_id: int) -> None:
    """Until the demo run has ended: stop it when another run is due and has not been started for `WAY_SECONDS`."""
    from app.clock import utcnow
    from app.errors import Conflict, NotFound
    from app.models import Run
    from app.runs import queue
    from app.runs.words import RunState

    waited = 0.0
    while waited < WAY_SECONDS:
        time.sleep(POLL_SECONDS)
        with database.read() as session:
            run = session.get(Run, run_id)
            if run is None or RunState(run.state).terminal:
                return
            waits = run.state == RunState.RUNNING and queue.anything_due(session, utcnow())
        waited = waited + POLL_SECONDS if waits else 0.0
    with suppress(Conflict, NotFound), database.write() as session:
        queue.request_cancel(session, run_id, actor="first start", now=utcnow())


def _await_recipe(database: Database) -> dict[str, Any] | None:
    """The recipe's schema once the worker has published it; None when it does not within the time."""
    from app.runs.queries import recipe_named

    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        with database.read() as session:
            found = recipe_named(session, RECIPE)
            if found is not None and not found.error:
                return dict(found.schema)
        time.sleep(POLL_SECONDS)
    return None


def _mark(marker: Path) -> None:
    marker.write_text(
        "The first start of this home is over: no demo run is made any more.\n", encoding="utf-8"
    )
