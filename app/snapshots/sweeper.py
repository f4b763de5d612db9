"""The thread that removes code which nobody has used for a day: at start, and every hour."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.snapshots import service

log = logging.getLogger(__name__)
EVERY_SECONDS = 3600.0


@contextmanager
def sweeping(settings: Settings, db: Database) -> Iterator[None]:
    """Mend what a crash has left, then sweep until the block ends."""
    service.mend(db, settings)
    stop = threading.Event()
    thread = threading.Thread(target=_sweep, args=(settings, db, stop), name="snapshots", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def sweep_once(settings: Settings, db: Database) -> int:
    """Remove the unused ones; returns how many."""
    before = utcnow() - timedelta(hours=settings.snapshot_idle_hours)
    return service.remove_unused(db, settings, before)


def _sweep(settings: Settings, db: Database, stop: threading.Event) -> None:
    while True:
        try:
            removed = sweep_once(settings, db)
        except (
            SQLAlchemyError,
            OSError,
        ):  # a database that restarts, a disk that is full: the next hour will do
            log.exception("unused snapshots could not be removed; tried again in an hour")
        else:
            if removed:
                log.info("removed %d unused snapshots", removed)
        if stop.wait(EVERY_SECONDS):
            return
