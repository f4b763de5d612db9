"""Reads for the calls that have no room of their own: workers, recipes, and the figures of /metrics/prometheus."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import rfc3339
from app.config import Settings
from app.models import Experiment, Recipe, Run, Worker
from app.runs.words import STATES, RunState

Json = dict[str, Any]


def worker_dicts(session: Session, settings: Settings, now: datetime) -> list[Json]:
    """The workers that have not said that they are gone, newest first, with the runs that each holds.

    `live` is false for one that was not heard of for the length of a lease.
    """
    held: defaultdict[str | None, list[Json]] = defaultdict(list)
    running = select(Run.worker_id, Run.id, Run.name, Run.resolved_device).where(
        Run.state == RunState.RUNNING.value
    )
    for worker_id, run_id, name, device in session.execute(running.order_by(Run.id)):
        held[worker_id].append({"id": run_id, "name": name, "device": device})
    workers = session.scalars(select(Worker).where(Worker.state != "gone").order_by(Worker.started_at.desc()))
    heard = now - timedelta(seconds=settings.lease_seconds)
    return [_worker_json(worker, held[worker.id], live=worker.last_seen_at >= heard) for worker in workers]


def _worker_json(worker: Worker, runs: list[Json], *, live: bool) -> Json:
    return {
        "id": worker.id,
        "name": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "state": worker.state,
        "live": live,
        "devices": worker.devices,
        "runs": runs,
        "version": worker.version,
        "info": worker.info,
        "started_at": rfc3339(worker.started_at),
        "last_seen_at": rfc3339(worker.last_seen_at),
    }


def recipe_dicts(session: Session) -> list[Json]:
    """Every published recipe by name, those that could not be loaded included (`error` says why)."""
    return [_recipe_json(recipe) for recipe in session.scalars(select(Recipe).order_by(Recipe.name))]


def recipe_dict(session: Session, name: str) -> Json | None:
    """One published recipe, or None."""
    recipe = session.get(Recipe, name)
    return None if recipe is None else _recipe_json(recipe)


def _recipe_json(recipe: Recipe) -> Json:
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "schema": recipe.schema,
        "source": recipe.source,
        "error": recipe.error,
        "updated_at": rfc3339(recipe.updated_at),
    }


def runs_by_state(session: Session) -> dict[str, int]:
    """How many runs there are in each of the five states."""
    query = select(Run.state, func.count()).where(Run.deleted_at.is_(None)).group_by(Run.state)
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in session.execute(query)}


def experiment_count(session: Session) -> int:
    """How many experiments there are."""
    query = select(func.count()).select_from(Experiment).where(Experiment.deleted_at.is_(None))
    return session.scalar(query) or 0
