"""A worker whose database, descriptors or own time are taken away."""

import itertools
import resource
import signal
import sqlite3
from pathlib import Path
from typing import Any

from supervisor import (
    cancel,
    events_of,
    finished,
    folder_of,
    in_state,
    processes_of,
    run_of,
    submit,
    workers_of,
)
from waiting import wait_for

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.models import Run
from app.runs.words import RunState

QUICK: dict[str, Any] = {
    "heartbeat_seconds": 0.2, "fence_seconds": 1.5, "fence_kill_seconds": 2.5, "lease_seconds": 4, "sweep_seconds": 0.5,
    "cancel_grace_seconds": 1,
}  # fmt: skip


def test_a_worker_that_cannot_renew_stops_its_runs_and_goes_on_later(
    start_sqlite, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    database, settings = sqlite_database, sqlite_settings
    run_id = submit(database, "polite")
    worker = start_sqlite(**QUICK)
    in_state(database, run_id, RunState.RUNNING)
    folder = folder_of(settings, database, run_id)
    wait_for((folder / "up").exists, 20, "the run")
    blocker = sqlite3.connect(settings.home / "danlu.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    wait_for((folder / "saved").exists, 10, "the run to stop by itself")
    wait_for(lambda: not processes_of(settings, run_of(database, run_id)), 10, "its processes to be gone")
    (folder / "up").unlink()
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_for((folder / "up").exists, 40, "the run to be started again")
    assert run_of(database, run_id).attempt == 2
    assert worker.process.poll() is None
    cancel(database, run_id)
    assert finished(database, run_id).reason == "cancelled_by_user"


def test_a_stopped_supervisor_does_not_keep_its_run_alive(
    start_sqlite, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    database, settings = sqlite_database, sqlite_settings
    run_id = submit(database, "stubborn")
    first = start_sqlite(**QUICK)
    in_state(database, run_id, RunState.RUNNING)
    wait_for((folder_of(settings, database, run_id) / "up").exists, 20, "the run")
    first.signal(signal.SIGSTOP)
    start_sqlite(**QUICK)
    in_state(database, run_id, RunState.QUEUED, 40)
    assert processes_of(settings, run_of(database, run_id)) == []
    with database.write() as session:
        session.get_one(Run, run_id).not_before = None
    in_state(database, run_id, RunState.RUNNING)
    first.signal(signal.SIGCONT)
    wait_for(lambda: "another's" in first.log.read_text(), 20, "the first to notice")
    run = run_of(database, run_id)
    assert (run.state, run.attempt, run.losses) == ("running", 2, 1)
    cancel(database, run_id)
    finished(database, run_id, 60)
    assert [to for _, to, _ in events_of(database, run_id)].count("queued") == 2


def lowest_free(pid: int) -> int:
    """The number that its next descriptor would have."""
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in taken)


def test_without_descriptors_nothing_is_claimed_and_nothing_breaks(
    start_sqlite, sqlite_database: Database
) -> None:
    database = sqlite_database
    worker = start_sqlite(heartbeat_seconds=0.2)
    finished(database, submit(database, "fine"))
    pid = worker.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)

    def warned() -> bool:
        """Takes what is free, again when something that was open for a moment has been closed."""
        now = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(now, lowest_free(pid)), hard))
        return "no descriptors are left" in worker.log.read_text()

    wait_for(warned, 30, "word of it")
    waiting, submitted = submit(database, "fine"), utcnow()
    wait_for(lambda: workers_of(database)[0].last_seen_at > submitted, 20, "a sign of life")
    assert run_of(database, waiting).state == "queued"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    run = finished(database, waiting)
    assert run.reason == "completed"
    assert worker.process.poll() is None


def test_a_nearly_full_disk_claims_nothing(start_sqlite, sqlite_database: Database, tmp_path: Path) -> None:
    database = sqlite_database
    run_id = submit(database, "fine")
    worker = start_sqlite(disk_floor_gib=1_000_000)
    wait_for(
        lambda: "nothing is claimed: the disk is nearly full" in worker.log.read_text(), 20, "the warning"
    )
    assert run_of(database, run_id).state == "queued"
    hopeless = submit(database, "fine", device="cuda:9")
    assert finished(database, hopeless).reason == "bad_device"
    assert run_of(database, run_id).state == "queued"
    worker.stop()
    start_sqlite()
    assert finished(database, run_id).reason == "completed"
