"""Engine, sessions and the only commits. Reads and writes have types of their own: a reader is never handed on to write.

On SQLite each writing transaction begins with BEGIN IMMEDIATE: a deferred one that reads first and writes later
fails at once with "database is locked" whatever the timeout, or claims a run twice.

Endpoints open their own short transactions (`app.deps.DbDep`): see ARCHITECTURE.md, "Transactions end inside the endpoint".
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NewType

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.orm import Session

ReadSession = NewType("ReadSession", Session)
WriteSession = NewType("WriteSession", Session)

BUSY_SECONDS = 8.0
_WRITES = "danlu_writes"


class Database:
    """One database, SQLite or PostgreSQL, shared by all threads of a process.

    Args:
        url: SQLAlchemy URL (`settings.db_url`).
        pool_size: connections kept; ten more may be opened under load.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url, pool_size) if self.is_sqlite else _postgres_engine(url, pool_size)
        self._writer = self.engine.execution_options(**{_WRITES: True})
        # SQLite has one writer. Threads of this process queue here, fairly and without polling, instead of in
        # SQLite's busy handler, whose back-off would push the slowest request beyond 100 ms.
        self._turn = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        """A session that sees one snapshot and never commits."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            try:
                yield ReadSession(session)
            finally:
                # Detached first: a rollback expires what the session holds, and what was read stays readable.
                session.expunge_all()
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[WriteSession]:
        """One unit of work: committed when the block ends, rolled back when it raises."""
        with self._turn, Session(self._writer, expire_on_commit=False) as session:
            try:
                yield WriteSession(session)
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _sqlite_engine(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=10,
        # The driver must not begin transactions by itself: ours are begun below.
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres_engine(url: str, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "options": "-c statement_timeout=8000 -c lock_timeout=5000 -c timezone=UTC",
            "tcp_user_timeout": 8000,
        },
    )
