"""A migrated SQLite database to copy: to migrate one anew for every test would take most of many a test's time."""

import tempfile
from functools import cache
from pathlib import Path

from app.config import Settings, load_settings
from app.db import Database
from app.migrate import migrate


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory(prefix="danlu-template-") as folder:
        settings = load_settings(home=Path(folder), port=0)
        database = Database(settings.db_url)
        migrate(settings, database)
        database.close()
        return (settings.home / "danlu.db").read_bytes()


def place_migrated(settings: Settings) -> None:
    """Put a database with all migrations, and nothing else in it, into a home on SQLite that has none yet."""
    path = settings.home / "danlu.db"
    if settings.database_url is None and settings.home.is_dir() and not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_template())
