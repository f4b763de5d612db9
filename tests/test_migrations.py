"""The schema: from migrations only, the same as the models, guarded against two starters and newer databases."""

import sqlite3
import threading
import warnings
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from factories import make_experiment, make_run
from postgres import Postgres
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError

from app import migrate as migration
from app.config import Settings, load_settings
from app.db import Database
from app.errors import StartupError
from app.models import Experiment, Run, RunEvent
from app.orm import Base


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, home: Path) -> Settings:
    """Once on each database, which no other test has after what is done to its tables here."""
    if request.param == "sqlite":
        return load_settings(home=home, port=0)
    server: Postgres = request.getfixturevalue("postgres")
    return load_settings(
        home=home, port=0, database_url=server.url(server.create_from_template("template_danlu"))
    )


def test_models_and_migrations_agree(database: Database) -> None:
    # SQLite cannot reflect the index on an expression; PostgreSQL, in the same test, can.
    hidden = "ix_run_queue" if database.is_sqlite else None
    with database.engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="autogenerate skipping metadata-specified expression-based index"
        )
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": lambda _o, name, *_: name != hidden}
        )
        difference = compare_metadata(context, Base.metadata)
    assert difference == []


def test_down_and_up_again(settings: Settings, database: Database) -> None:
    with database.engine.connect() as connection:
        command.downgrade(migration._config(connection), "base")
        connection.commit()
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    assert not migration.is_current(database)
    migration.migrate(settings, database)
    assert migration.is_current(database)


def test_runs_of_an_older_version_have_one_process(settings: Settings, database: Database) -> None:
    with database.write() as session:
        run_id = make_run(session, make_experiment(session)).id
        taken = make_run(session, session.scalars(select(Experiment)).one()).id
        session.execute(text("DELETE FROM run WHERE id = :id"), {"id": taken})
    with database.engine.connect() as connection:
        command.downgrade(migration._config(connection), "f51ba30c3f47")
        connection.commit()
        assert "processes" not in {column["name"] for column in inspect(connection).get_columns("run")}
    migration.migrate(settings, database)
    with database.write() as session:
        assert session.get_one(Run, run_id).processes == 1
        # What a copy of the table would have lost on SQLite: ids that are never used again, the rules of the others, the
        # queue's index.
        assert make_run(session, session.scalars(select(Experiment)).one()).id > taken
        assert (
            session.scalar(select(func.count()).select_from(RunEvent).where(RunEvent.run_id == run_id)) == 1
        )
    for change in ("processes = 65", "processes = NULL", "state = 'done'"):
        with pytest.raises(IntegrityError), database.write() as session:
            session.execute(text(f"UPDATE run SET {change} WHERE id = :id"), {"id": run_id})
    indexes = (
        "SELECT name FROM sqlite_master WHERE type = 'index'"
        if database.is_sqlite
        else "SELECT indexname FROM pg_indexes"
    )
    with database.read() as session:
        assert "ix_run_queue" in set(session.scalars(text(indexes)))


def test_eight_starters_at_once(settings: Settings) -> None:
    if not settings.db_url.startswith("sqlite"):
        pytest.skip("the template is migrated already")
    failures: list[BaseException] = []

    def start() -> None:
        database = Database(settings.db_url)
        try:
            migration.migrate(settings, database)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_newer_database_is_refused_and_untouched(settings: Settings, database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'ffffffffffff'"))
    with pytest.raises(StartupError, match="newer Danlu"):
        migration.migrate(settings, database)


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "is empty"), (b"not a database, surely" * 99, "not an SQLite")]
)
def test_a_file_that_is_no_database_is_never_overwritten(home: Path, content: bytes, says: str) -> None:
    (home / "danlu.db").write_bytes(content)
    settings = load_settings(home=home)
    with pytest.raises(StartupError, match=says):
        migration.migrate(settings, Database(settings.db_url))
    assert (home / "danlu.db").read_bytes() == content


def test_a_folder_in_the_place_of_the_database_is_named(home: Path) -> None:
    (home / "danlu.db").mkdir()
    settings = load_settings(home=home)
    with pytest.raises(StartupError, match=r"danlu\.db: Is a directory"):
        migration.migrate(settings, Database(settings.db_url))


def test_other_accounts_cannot_read_the_database_in_a_home_that_is_open(home: Path) -> None:
    home.chmod(0o755)
    settings = load_settings(home=home)
    database = Database(settings.db_url)
    for _ in range(2):
        migration.migrate(settings, database)
        with database.write() as session:
            session.execute(text("DELETE FROM run"))
        files = list(home.glob("danlu.db*"))
        assert [file.name for file in files if file.stat().st_mode & 0o007] == []
        assert len(files) == 3
        database.close()
        (home / "danlu.db").chmod(0o644)  # as an earlier version left it


def test_the_copy_kept_before_an_upgrade_holds_what_is_in_the_wal(
    sqlite_settings: Settings, sqlite_database: Database
) -> None:
    with sqlite_database.write() as session:
        session.execute(
            text(
                "INSERT INTO experiment (slug, name, description, created_at, updated_at) VALUES ('a','A','','2026-01-01','2026-01-01')"
            )
        )
    copy = migration.keep_copy(sqlite_settings.home / "danlu.db", "abc")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT slug FROM experiment").fetchall() == [("a",)]
    connection.close()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_runs_of_an_older_version_keep_their_order_and_know_the_new_reasons(
    settings: Settings, database: Database
) -> None:
    with database.write() as session:
        run_id = make_run(session, make_experiment(session)).id
    with database.engine.connect() as connection:
        command.downgrade(migration._config(connection), "a4f542200cba")
        connection.commit()
    migration.migrate(settings, database)
    with database.write() as session:
        kept = session.execute(text("SELECT rank, environment, after_id FROM run")).one()
        assert tuple(kept) == (float(run_id), "worker", None)
        session.execute(text("UPDATE run SET reason = 'dependency_failed'"))
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(text("UPDATE run SET reason = 'because'"))
