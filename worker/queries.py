"""What a supervisor asks the database beyond the queue's own verbs."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from app.db import ReadSession, WriteSession
from app.models import Environment, Experiment, Recipe, Run, Snapshot
from app.runs.words import RunState


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A running run as the database has it."""

    run_id: int
    token: str
    seq: int
    worker_id: str | None
    cancel: bool
    experiment_slug: str
    run_slug: str


def running_runs(session: ReadSession, worker_id: str | None = None) -> list[HeldRun]:
    """Every running run, or those of one worker."""
    query = (
        select(
            Run.id,
            Run.lease_token,
            Run.lease_seq,
            Run.worker_id,
            Run.cancel_requested_at,
            Experiment.slug,
            Run.slug,
        )
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.state == RunState.RUNNING)
    )
    if worker_id is not None:
        query = query.where(Run.worker_id == worker_id)
    return [
        HeldRun(run_id, str(token), seq, holder, cancel_at is not None, experiment, run)
        for run_id, token, seq, holder, cancel_at, experiment, run in session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What the database knows of a script run beside its definition."""

    python: str | None = None
    """Path of the interpreter of its environment `venv:NAME`."""
    constants: dict[str, Any] = field(default_factory=dict)
    """Params that stand in the script as UPPER_CASE constants."""


def script_facts(session: ReadSession | WriteSession, definition: dict[str, Any]) -> ScriptFacts:
    """What is needed to run the script of a claimed run; nothing for a recipe."""
    if definition["snapshot"] is None:
        return ScriptFacts()
    name = definition["environment"].removeprefix("venv:")
    known = session.get(Environment, name) if name != definition["environment"] else None
    snapshot = session.get(Snapshot, definition["snapshot"])
    form = {} if snapshot is None else snapshot.forms.get(definition["entrypoint"], {})
    names = [option["name"] for option in form.get("options", ())] if form.get("kind") == "constants" else []
    params = definition["params"]
    return ScriptFacts(
        known.python if known is not None else None, {name: params[name] for name in names if name in params}
    )


def recipe_count(session: ReadSession) -> int:
    """How many recipes are published."""
    return session.scalar(select(func.count()).select_from(Recipe)) or 0
