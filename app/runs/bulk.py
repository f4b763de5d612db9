"""One action on many runs. Each run is done or refused by itself, as the action on it alone would be."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from app.config import Settings
from app.db import Database, WriteSession
from app.errors import AppError, Conflict
from app.runs import queue, states
from app.runs.cleanup import delete_run
from app.runs.schemas import MAX_TAGS
from app.runs.words import TERMINAL, RunState

Action = Literal["cancel", "tag", "untag", "archive", "unarchive", "delete"]
AT_ONCE = 50
"""Runs in one transaction: others are not kept waiting for the write lock."""


@dataclass(slots=True)
class Outcome:
    """Which runs it was done to, and why not to the others."""

    done: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"done": self.done, "refused": [{"id": run_id, "error": why} for run_id, why in self.refused]}


def act(
    db: Database,
    settings: Settings,
    ids: Sequence[int],
    action: Action,
    *,
    tag: str | None,
    actor: str,
    now: datetime,
) -> Outcome:
    """Do it to each of the runs, in the order given.

    Args:
        tag: for `tag` and `untag`.
        actor: as timelines name who did it.
    """
    outcome = Outcome()
    if action == "delete":
        for run_id in ids:
            _try(outcome, run_id, lambda one: delete_run(settings, db, one))
        return outcome
    for some in _chunks(ids):
        with db.write() as session:
            for run_id in some:
                _try(outcome, run_id, lambda one: _change(session, one, action, tag, actor, now))
    return outcome


def _chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _try(outcome: Outcome, run_id: int, do: Callable[[int], None]) -> None:
    try:
        do(run_id)
    except AppError as error:
        outcome.refused.append((run_id, error.detail))
    else:
        outcome.done.append(run_id)


def _change(
    session: WriteSession, run_id: int, action: Action, tag: str | None, actor: str, now: datetime
) -> None:
    """Refusals come before anything is written, so that the transaction goes on with the next run."""
    if action == "cancel":
        queue.request_cancel(session, run_id, actor=actor, now=now)
        return
    run = states.get(session, run_id)
    if action in {"archive", "unarchive"}:
        if RunState(run.state) not in TERMINAL:
            raise Conflict(f"Run {run_id} is {run.state}: only a run that has ended can be archived.")
        if (run.archived_at is None) == (action == "archive"):
            run.archived_at = now if action == "archive" else None
            run.updated_at = now
            states.note(session, run, actor=actor, now=now, detail=f"{action}d")
        return
    tags = [one for one in run.tags if one != tag]
    if action == "tag":
        if len(tags) >= MAX_TAGS:
            raise Conflict(f"Run {run_id} has {MAX_TAGS} tags already; take one off first.")
        tags = list(run.tags) if tag in run.tags else [*tags, tag]
    if tags != run.tags:
        run.tags = tags
        run.updated_at = now
