"""Noting when a login or a token was last used, off the request's path.

The guard of a request must not write by itself: its write would wait for the transaction that the same
request may hold already. One thread does it afterwards; losing a note costs a minute of accuracy.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.auth import store
from app.db import Database

log = logging.getLogger(__name__)


class Touches:
    """The notes of one server process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="danlu-touch")
        self._pending: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, kind: str, ident: str, now: datetime) -> None:
        """Have a use noted soon; a second note of the same thing before that is dropped."""
        with self._lock:
            if (kind, ident) in self._pending:
                return
            self._pending.add((kind, ident))
        try:
            self._thread.submit(self._write, kind, ident, now)
        except RuntimeError:  # closed: the server is stopping, and this request is its last
            log.debug("last use of %s not noted: stopping", kind)

    def close(self) -> None:
        """Write what is pending and stop."""
        self._thread.shutdown(wait=True)

    def _write(self, kind: str, ident: str, now: datetime) -> None:
        try:
            with self._db.write() as session:
                if kind == "session":
                    store.touch_session(session, ident, now)
                else:
                    store.touch_token(session, int(ident), now)
        except SQLAlchemyError as error:
            # A full or locked database must not lock people out of reading.
            log.warning("last use of a %s not noted: %s", kind, error)
        finally:
            with self._lock:
                self._pending.discard((kind, ident))
