"""Bringing the schema up to date at start: one starter at a time, with a copy of the SQLite file kept before."""

import fcntl
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.errors import StartupError
from app.paths import migrations_dir

# Any constant of our own; PostgreSQL's advisory locks are numbers.
_ADVISORY_LOCK = 0x64616E6C75


def migrate(settings: Settings, database: Database) -> None:
    """Upgrade the schema to this version's newest revision; nothing happens when it is there already.

    Raises:
        StartupError: the database cannot be opened, is damaged, or was written by a newer version.
    """
    try:
        if database.is_sqlite:
            with _file_lock(settings.home / "migrate.lock"):
                _check_sqlite_file(settings)
                _upgrade(settings, database)
                _shut_out_others(settings.home / "danlu.db")
        else:
            _upgrade(settings, database)
    except DBAPIError as error:
        raise StartupError(f"the database cannot be used: {error.orig}") from error
    except OSError as error:
        raise StartupError(f"the database cannot be used: {error.filename}: {error.strerror}") from error


def is_current(database: Database) -> bool:
    """Whether the schema is at this version's newest revision."""
    with database.engine.connect() as connection:
        return _revision(connection) == _script(_config(connection)).get_current_head()


def _upgrade(settings: Settings, database: Database) -> None:
    # Plain engine, no BEGIN IMMEDIATE: Alembic begins a transaction per migration. Isolation by the lock outside.
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET lock_timeout = '60s'"))
            connection.execute(text("SET statement_timeout = '0'"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            connection.commit()
        try:
            _upgrade_on(settings, connection, sqlite=database.is_sqlite)
        finally:
            if not database.is_sqlite:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
                # The session's own timeouts must not stay in the pool.
                connection.execute(text("RESET ALL"))
                connection.commit()
                connection.invalidate()


def _upgrade_on(settings: Settings, connection: Connection, *, sqlite: bool) -> None:
    config = _config(connection)
    script = _script(config)
    head, current = script.get_current_head(), _revision(connection)
    connection.rollback()
    if current == head:
        return
    if current is not None:
        try:
            script.get_revision(current)
        except CommandError as error:
            raise StartupError(
                f"the database was written by a newer Danlu (revision {current}); install that version, or restore"
                " the copy that was kept beside the database before the upgrade"
            ) from error
        if sqlite:
            keep_copy(settings.home / "danlu.db", current)
    if sqlite:
        # Alembic copies tables to change them; their rows must not cascade away. Not changeable in a transaction.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    try:
        command.upgrade(config, "head")
        connection.commit()
    finally:
        if sqlite:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            connection.commit()


def keep_copy(path: Path, revision: str) -> Path:
    """Copy a live SQLite file, WAL included, to `danlu.db.before-upgrade-<time>-<revision>` beside it."""
    target = path.with_name(f"{path.name}.before-upgrade-{utcnow():%Y%m%dT%H%M%SZ}-{revision}")
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
    target.chmod(0o600)
    return target


def _check_sqlite_file(settings: Settings) -> None:
    path = settings.home / "danlu.db"
    if not path.exists():
        return
    if not path.stat().st_size:
        raise StartupError(f"{path} is empty; restore a copy, or move it away to begin anew")
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise StartupError(
                f"{path} is not an SQLite database; restore a copy, or move it away to begin anew"
            )


def _shut_out_others(path: Path) -> None:
    """Take the database with its journal from accounts that are neither the owner nor of the group.

    The home that we make is closed to them; one that was there before, such as a mounted volume, may be open.
    """
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        file = path.with_name(name)
        with suppress(FileNotFoundError, PermissionError):
            file.chmod(stat.S_IMODE(file.stat().st_mode) & ~stat.S_IRWXO)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_dir()))
    config.set_main_option(
        "file_template", "%%(year)d-%%(month).2d-%%(day).2d-%%(hour).2d%%(minute).2d_%%(slug)s"
    )
    config.attributes["connection"] = connection
    return config


def _script(config: Config) -> ScriptDirectory:
    return ScriptDirectory.from_config(config)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
