"""A queue of 100,000 runs on SQLite: claiming from it, moving in it, looking at it; and a sweep of 500 runs."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common import Figure, service

if TYPE_CHECKING:
    from app.db import Database

QUEUED, CLAIMS, MOVES, ROUNDS = 100_000, 200, 50, 5
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def measure() -> Iterator[Figure]:
    """The functions themselves on a database of their own; the sweep through a real server."""
    yield from _large_queue()
    with service(worker=True, slots=0) as running, running.client() as client:
        grid = {"lr": [step / 1000 for step in range(1, 101)], "seed": [1, 2, 3, 4, 5]}
        body = {"experiment": "bench", "recipe": "rings", "grid": grid}

        def sweep() -> None:
            client.post("/sweeps", json=body).raise_for_status()

        seconds = statistics.median(_times(sweep, ROUNDS))
    yield Figure("a sweep of 500 runs", f"{seconds * 1000:.0f} ms", "≤ 1 s", seconds <= 1)


def _large_queue() -> Iterator[Figure]:
    from app.config import load_settings
    from app.db import Database
    from app.migrate import migrate
    from app.queue import store
    from app.runs import queue
    from app.runs.listing.queue import list_queue

    with tempfile.TemporaryDirectory(prefix="danlu-bench-") as home:
        settings = load_settings(home=Path(home))
        database = Database(settings.db_url)
        migrate(settings, database)
        ids = _filled(database)

        def claim() -> None:
            with database.write() as session:
                assert queue.claim(session, "w1", ["cpu"], NOW) is not None

        last = iter(reversed(ids))

        def move() -> None:
            with database.write() as session:
                store.move_to_end(session, next(last), top=True, actor="user:bench", now=NOW)

        def look() -> None:
            with database.read() as session:
                assert len(list_queue(session, settings, limit=100)[0]) == 100

        claims, moves, looks = _times(claim, CLAIMS), _times(move, MOVES), _times(look, MOVES)
        database.close()
    p95 = statistics.quantiles(claims, n=20)[18]
    yield Figure("p95 of a claim, 100,000 queued", f"{p95 * 1000:.1f} ms", "≤ 20 ms", p95 <= 0.020)
    p95 = statistics.quantiles(moves, n=20)[18]
    yield Figure("p95 of a move, 100,000 queued", f"{p95 * 1000:.1f} ms", "≤ 50 ms", p95 <= 0.050)
    p95 = statistics.quantiles(looks, n=20)[18]
    yield Figure("p95 of its first page, 100 rows", f"{p95 * 1000:.0f} ms", "≤ 200 ms", p95 <= 0.200)


def _times(act: Callable[[], None], count: int) -> list[float]:
    act()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return times


def _filled(database: "Database") -> list[int]:
    """A worker, and the queue; every tenth run follows one that has not succeeded, as a claim has to see."""
    from sqlalchemy import insert

    from app.models import Experiment, Run, Worker

    with database.write() as session:
        experiment = Experiment(slug="bench", name="bench", created_at=NOW, updated_at=NOW)
        session.add(experiment)
        session.add(
            Worker(
                id="w1", name="w1", host="box", machine="boot", pid=1, pid_started=0.0, state="up", version="0",
                devices=[{"device": "cpu", "name": "cpu", "slots": 1}], started_at=NOW, last_seen_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        rows = [
            {
                "id": number, "experiment_id": experiment.id, "slug": f"r{number}", "name": f"r{number}",
                "recipe": "rings", "state": "queued", "priority": number % 3, "rank": float(number),
                "after_id": QUEUED if number % 10 == 0 and number < QUEUED else None,
                "created_at": NOW, "updated_at": NOW,
            }
            for number in range(1, QUEUED + 1)
        ]  # fmt: skip
        session.execute(insert(Run), rows)
    return [row["id"] for row in rows]
