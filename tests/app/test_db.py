"""Sessions: who begins how, who commits, what a reader sees."""

import sqlite3
import threading
from pathlib import Path

import pytest
from factories import make_experiment
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from waiting import wait_for

from app.config import Settings
from app.db import Database
from app.models import Experiment


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Experiment)) or 0


def test_an_error_rolls_back(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        make_experiment(session)
        raise RuntimeError
    assert count(database) == 0


def test_writers_begin_immediate_and_readers_do_not(sqlite_database: Database) -> None:
    seen: list[str] = []
    event.listen(sqlite_database.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    with sqlite_database.write() as session:
        make_experiment(session)
    assert seen[0] == "BEGIN IMMEDIATE"
    seen.clear()
    count(sqlite_database)
    assert seen[0] == "BEGIN"


def test_what_was_read_stays_readable(database: Database) -> None:
    with database.write() as session:
        make_experiment(session, "a")
    with database.read() as session:
        experiment = session.scalars(select(Experiment)).one()
    assert experiment.slug == "a"
    assert experiment.created_at.tzinfo is not None


def test_a_short_lock_of_another_process_only_slows(
    sqlite_settings: Settings, sqlite_database: Database
) -> None:
    other = sqlite3.connect(sqlite_settings.home / "danlu.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    done = threading.Event()

    def write() -> None:
        with sqlite_database.write() as session:
            make_experiment(session)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert not done.wait(0.3)
    other.execute("COMMIT")
    wait_for(done.is_set, 9, "the write")
    thread.join()
    other.close()
    assert count(sqlite_database) == 1


def test_pragmas(sqlite_database: Database) -> None:
    with sqlite_database.engine.connect() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    assert values == ["wal", 1, 1]


def test_a_full_database_is_an_error_and_not_a_hang(tmp_path: Path, sqlite_database: Database) -> None:
    @event.listens_for(sqlite_database.engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1")

    with pytest.raises(OperationalError, match="full"), sqlite_database.write() as session:
        for number in range(2000):
            make_experiment(session, f"e{number}", description="x" * 500)
