"""The home's own database, for the commands that work on the machine itself without a login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config import Settings
    from app.db import Database


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The database of a home, checked: there, readable, writable and at this version's schema.

    A home that does not exist yet is made, so that a token can be created before the first start.

    Raises:
        StartupError: one line with the remedy.
    """
    from sqlalchemy.exc import DBAPIError

    from app.db import Database
    from app.errors import StartupError
    from app.migrate import migrate

    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"the home {settings.home} cannot be made: {error.strerror}") from error
    database = Database(settings.db_url, pool_size=1)
    try:
        migrate(settings, database)
        yield database
    except DBAPIError as error:
        raise StartupError(f"the database cannot be used: {error.orig}") from error
    finally:
        database.close()
