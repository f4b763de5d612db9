"""The health check of a worker's container: one line and an exit code, without torch."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.models import Worker
from app.workers.queries import set_worker_state
from worker.health import check, main
from worker.publish import register


def test_a_worker_that_beats_is_well(settings: Settings, database: Database) -> None:
    register(settings, database, [])
    well, line = check(settings, utcnow())
    assert well, line
    assert "(up) was last heard of 0 s ago" in line


def test_a_draining_worker_is_well(settings: Settings, database: Database) -> None:
    worker_id = register(settings, database, [])
    with database.write() as session:
        set_worker_state(session, worker_id, "draining", utcnow())
    assert check(settings, utcnow())[0]


def test_a_worker_that_beats_no_more_is_not(sqlite_settings: Settings, sqlite_database: Database) -> None:
    register(sqlite_settings, sqlite_database, [])
    well, line = check(sqlite_settings, utcnow() + timedelta(seconds=61))
    assert not well
    assert line.endswith("was last heard of 61 s ago, not within 60 s")


@pytest.mark.parametrize("change", [{"machine": "another"}, {"pid_started": 1.0}, {"state": "gone"}])
def test_somebody_elses_worker_does_not_count(
    sqlite_settings: Settings, sqlite_database: Database, change: dict[str, object]
) -> None:
    """One of another container, one whose process has ended (its pid is another's now), one that said goodbye."""
    worker_id = register(sqlite_settings, sqlite_database, [])
    with sqlite_database.write() as session:
        worker = session.get_one(Worker, worker_id)
        for name, value in change.items():
            setattr(worker, name, value)
    assert check(sqlite_settings, utcnow()) == (False, "no worker of this machine is registered and alive")


def test_a_database_that_is_not_there_is_said_and_not_made(
    sqlite_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sqlite_settings) == 1
    assert capsys.readouterr().out == "there is no database yet\n"
    assert list(sqlite_settings.home.iterdir()) == []


def test_a_database_without_tables_or_out_of_reach_is_said_in_one_line(sqlite_settings: Settings) -> None:
    (sqlite_settings.home / "danlu.db").touch()
    well, line = check(sqlite_settings, utcnow())
    assert not well
    assert line == "the database cannot be asked: no such table: worker"
    away = sqlite_settings.model_copy(update={"database_url": "postgresql+psycopg://danlu@127.0.0.1:1/danlu"})
    well, line = check(away, utcnow())
    assert not well
    assert line.startswith("the database cannot be asked: ")
    assert "\n" not in line


def test_it_answers_as_a_module_without_torch(sqlite_settings: Settings, sqlite_database: Database) -> None:
    register(sqlite_settings, sqlite_database, [])
    environment = {**os.environ, "DANLU_HOME": str(sqlite_settings.home)}
    code = "import sys, worker.health; code = worker.health.main(); sys.exit(2 if 'torch' in sys.modules else code)"
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    wrong = {**environment, "DANLU_PROT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "worker.health"], env=wrong, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "DANLU_PORT" in done.stdout
