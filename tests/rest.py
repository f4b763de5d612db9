"""A served home with two recipes and one live worker in its database, and a client that speaks REST to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from served import Served, serving

from app.clock import utcnow
from app.config import Settings, run_dir
from app.models import Run, Worker
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "lr": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.001},
        "epochs": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100},
        "optimizer": {"enum": ["sgd", "adam"], "type": "string", "default": "adam"},
        "note": {"anyOf": [{"type": "string", "maxLength": 20}, {"type": "null"}], "default": None},
    },
}
FREE: dict[str, Any] = {"type": "object", "additionalProperties": True, "properties": {}}


@dataclass
class Rest:
    """A server without a login, and what a worker would do to its database."""

    served: Served
    http: httpx.Client

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        if body is None:
            return self.http.post(f"/api/v1{path}", headers=headers)
        return self.http.post(f"/api/v1{path}", json=body, headers=headers)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(f"/api/v1{path}", params=params)

    def submit(self, **fields: Any) -> dict[str, Any]:
        """A queued run."""
        answer = self.post("/runs", {"experiment": "exp", "recipe": "free", **fields})
        assert answer.status_code == 201, answer.text
        run: dict[str, Any] = answer.json()
        return run

    def items(self, **params: Any) -> list[dict[str, Any]]:
        answer = self.get("/runs", **params)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def bring(self, run_id: int, state: RunState) -> str | None:
        """Take a queued run to a state; gives the lease token of a running one."""
        with self.served.db.write() as session:
            if state is RunState.QUEUED:
                return None
            if state is RunState.CANCELLED:
                queue.request_cancel(session, run_id, actor="user:ann", now=utcnow())
                return None
            run = session.get_one(Run, run_id)
            priority, run.priority = run.priority, 100  # so that it is the next one
            session.flush()
            claimed = queue.claim(session, "w1", ["cpu"], utcnow())
            run.priority = priority
            assert claimed is not None
            assert claimed.run_id == run_id
            if state is RunState.RUNNING:
                return claimed.token
            reason = Reason.COMPLETED if state is RunState.SUCCEEDED else Reason.EXCEPTION
            queue.finish(session, run_id, claimed.token, reason, now=utcnow())
            return None

    def folder(self, run: dict[str, Any]) -> Path:
        """The run's folder, made."""
        made = run_dir(self.served.settings, run["experiment"], run["slug"])
        made.mkdir(parents=True, exist_ok=True)
        return made


@contextmanager
def resting(settings: Settings) -> Iterator[Rest]:
    """Serve a home without a login, with the recipes `rings` and `free` and the worker `w1` (one CPU)."""
    settings = settings.model_copy(update={"auth": "none", "disk_floor_gib": 0.0, "disk_floor_percent": 0.0})
    with serving(settings) as served:
        add_worker(served)
        yield Rest(served, served.client())


def add_worker(served: Served, *, age_s: float = 0) -> None:
    """Register `w1` with the recipes."""
    now = utcnow() - timedelta(seconds=age_s)
    devices = [{"device": "cpu", "name": "cpu", "slots": 1}]
    worker = Worker(
        id="w1", name="w1", host="box", machine="boot", pid=1, pid_started=0.0, state="up", devices=devices,
        version="0", info={}, started_at=now, last_seen_at=now,
    )  # fmt: skip
    recipes = [
        workers.PublishedRecipe("rings", "two rings", SCHEMA, "built-in"),
        workers.PublishedRecipe("free", "any params", FREE, "built-in"),
        workers.PublishedRecipe("broken", "", {}, "recipes/broken.py", "SyntaxError: line 3"),
    ]
    with served.db.write() as session:
        workers.register_worker(session, worker)
        workers.publish_recipes(session, "w1", recipes, now)


def refused(answer: httpx.Response, status: int, *fields: str) -> dict[str, Any]:
    """The body of an error that has our form, and names these fields."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) <= {"error", "detail", "fields"}
    assert body["error"]
    assert body["detail"]
    for name in fields:
        assert name in body.get("fields", {}), body
    return body
