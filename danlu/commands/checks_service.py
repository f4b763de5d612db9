"""The checks of `danlu doctor` on what runs: the database, the workers' heartbeats, leftover processes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from danlu.commands.checks import Finding

if TYPE_CHECKING:
    from app.config import Settings
    from app.db import Database

# What the parts of Danlu are called in a process list.
_MASTERS = (("-m", "danlu"), ("-m", "worker"))
_SERVICES = {"up", "server", "worker"}


def check_database(settings: Settings) -> list[Finding]:
    """Whether the database opens, is at this version's schema and, on SQLite, undamaged; then the workers."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.db import Database

    path = settings.home / "danlu.db"
    if settings.database_url is None and not path.exists():
        return [Finding("database", "ok", f"{path} does not exist yet; `danlu up` makes it")]
    database = Database(settings.db_url, pool_size=1)
    try:
        return [*_schema(database), *_workers(settings, database)]
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        remedy = (
            "restore a copy (danlu.db.before-upgrade-…), or check DANLU_DATABASE_URL and that its server runs"
        )
        return [Finding("database", "broken", f"it cannot be used: {said}", remedy)]
    finally:
        database.close()


def _schema(database: Database) -> list[Finding]:
    from app.migrate import is_current

    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    if not is_current(database):
        remedy = "start `danlu up` (or `danlu server`): it keeps a copy and upgrades; a newer schema needs a newer Danlu"
        return [
            Finding("database", "warning", f"{kind}, reachable, but the schema is of another version", remedy)
        ]
    if database.is_sqlite:
        with database.engine.connect() as connection:
            said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if said != "ok":
            return [Finding("database", "broken", f"SQLite says: {said}", "stop Danlu and restore a copy")]
    return [Finding("database", "ok", f"{kind}, reachable, schema up to date")]


def _workers(settings: Settings, database: Database) -> list[Finding]:
    from app.clock import utcnow
    from app.migrate import is_current
    from app.workers.queries import live_workers

    if not is_current(database):
        return []
    with database.read() as session:
        workers = live_workers(session)
    fresh: list[str] = []
    stale: list[str] = []
    for worker in workers:
        age = (utcnow() - worker.last_seen_at).total_seconds()
        (fresh if age < settings.lease_seconds else stale).append(f"{worker.name} ({age:.0f} s ago)")
    if fresh:
        return [Finding("workers", "ok", f"last heartbeat: {', '.join(fresh)}")]
    detail = f"none lives; last seen: {', '.join(stale)}" if stale else "none runs: queued runs wait"
    return [
        Finding("workers", "warning", detail, "start `danlu up`, or `danlu worker` beside a running server")
    ]


def check_leftovers(settings: Settings) -> list[Finding]:
    """Processes of this home, and warm processes of this user, whose server or worker is gone.

    What another home of this user runs has its worker there, and is none of this home's business.
    """
    left = [f"{process.pid} ({what})" for process, what in _ours(settings) if not _has_master(process)]
    if left:
        pids = " ".join(entry.split()[0] for entry in left)
        return [Finding("processes", "broken", f"left behind: {', '.join(left)}", f"kill {pids}")]
    return [Finding("processes", "ok", "nothing was left behind")]


def _ours(settings: Settings) -> list[tuple[psutil.Process, str]]:
    """TensorBoards, data servers, zygotes and scripts of this home."""
    found = []
    home = f"{settings.home}/"
    user = psutil.Process().uids().real
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if "tensorboard" in line and home in line:
                found.append((process, "TensorBoard"))
            elif process.uids().real != user:  # another user's, or a container's
                continue
            elif "worker.zygote" in line:
                found.append((process, "zygote or run"))
            else:
                run_dir = process.environ().get("DANLU_RUN_DIR", "")
                if run_dir.startswith(home):
                    found.append((process, f"of run {process.environ().get('DANLU_RUN_ID')}"))
    return found


def _has_master(process: psutil.Process) -> bool:
    """Whether a server, a worker or `up` is among its ancestors (or it is one itself), or who started the warm process
    that it is or was forked from.
    """
    with suppress(psutil.Error):
        above = process.parents()
        starter = _starter(process)
        return any(one.pid == starter or _is_master(one) for one in (process, *above))
    return True  # it ended while we looked


def _starter(process: psutil.Process) -> int | None:
    """Who started this warm process: `worker.zygote` is told as its last argument, and its forks show the same."""
    words = process.cmdline()
    return int(words[-1]) if "worker.zygote" in words and words[-1].isdigit() else None


def _is_master(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        words = process.cmdline()
        named = any(pair == tuple(words[at : at + 2]) for at in range(len(words)) for pair in _MASTERS)
        script = any(word.endswith("/danlu") for word in words[:2])
        return (named or script) and bool(_SERVICES.intersection(words))
    return False
