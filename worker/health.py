"""`python -m worker.health`: whether this machine's supervisor is registered and beats. For Docker's health check.

Exit code 0 or 1, with one line that says what was found. torch is not imported: a check takes about half a second.
"""

import sys
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.clock import utcnow
from app.config import Settings, load_settings
from app.db import Database
from app.errors import StartupError
from app.models import Worker
from app.workers.queries import live_workers
from worker import process


def main(settings: Settings | None = None) -> int:
    """Print what was found; 0 when it is well, else 1."""
    try:
        well, line = check(settings or load_settings(), utcnow())
    except StartupError as error:
        well, line = False, str(error)
    sys.stdout.write(f"{line}\n")
    return 0 if well else 1


def check(settings: Settings, now: datetime) -> tuple[bool, str]:
    """Whether a supervisor of this machine (in Docker: of this container) has beaten within `lease_seconds`.

    Args:
        now: what its last beat is compared with; both come from this machine's clock.
    """
    database = Database(settings.db_url, pool_size=1)
    try:
        # Looking for a database must not make one: an empty file would stop the server from starting.
        if database.is_sqlite and not (settings.home / "danlu.db").exists():
            return False, "there is no database yet"
        with database.read() as session:
            workers = [worker for worker in live_workers(session) if worker.machine == process.machine()]
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return False, f"the database cannot be asked: {reason}"
    finally:
        database.close()
    alive = [worker for worker in workers if process.is_alive(worker.pid, worker.pid_started)]
    if not alive:
        return False, "no worker of this machine is registered and alive"
    return _verdict(max(alive, key=lambda worker: worker.last_seen_at), now, settings.lease_seconds)


def _verdict(worker: Worker, now: datetime, limit: float) -> tuple[bool, str]:
    age = max(0.0, (now - worker.last_seen_at).total_seconds())
    said = f"worker {worker.name} ({worker.state}) was last heard of {age:.0f} s ago"
    return (True, said) if age < limit else (False, f"{said}, not within {limit:g} s")


if __name__ == "__main__":
    sys.exit(main())
