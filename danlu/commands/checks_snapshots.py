"""The check of `danlu doctor` on stored code: folders and rows must agree. It looks and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from danlu.commands.checks import Finding

if TYPE_CHECKING:
    from app.config import Settings

_NAMED = 5


def check_snapshots(settings: Settings) -> list[Finding]:
    """Folders that belong to no snapshot, and snapshots whose folder is missing."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.db import Database
    from app.migrate import is_current
    from app.snapshots import queries, store

    if settings.database_url is None and not (settings.home / "danlu.db").exists():
        return []
    database = Database(settings.db_url, pool_size=1)
    try:
        if not is_current(database):
            return []
        with database.read() as session:
            known = queries.all_ids(session)
    except SQLAlchemyError:
        return []  # the check of the database says so
    finally:
        database.close()
    findings = []
    left = [path.name for path in store.leftovers(settings, known)]
    if left:
        detail = f"left by an interrupted upload or removal, or on its way: {_listed(left)}"
        findings.append(
            Finding("snapshots", "warning", detail, "nothing to do: the next start of the server removes it")
        )
    missing = sorted(name for name in known if not store.folder_of(settings, name).is_dir())
    if missing:
        detail = f"their files are missing: {_listed([name[:12] for name in missing])}"
        remedy = "upload the same code again, or restore the folder `snapshots` of the home"
        findings.append(Finding("snapshots", "warning", detail, remedy))
    return findings or [Finding("snapshots", "ok", f"{len(known)} stored, files and database agree")]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
