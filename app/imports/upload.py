"""An uploaded archive of event files, or an export: unpacked into a folder of its own, and taken in from there."""

import errno
import uuid
from datetime import datetime
from pathlib import Path

from app.config import Settings
from app.db import Database
from app.disk import shortage
from app.errors import NoSpace
from app.files import remove_tree
from app.imports import restore
from app.imports.service import Report, Wish, import_folder, need_experiment
from app.snapshots.archives import entries_of, kind_of
from app.snapshots.names import wrapper
from app.snapshots.unpack import Limits, Refused, write

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def new_scratch(settings: Settings) -> Path:
    """A folder of its own for one upload; `remove_tree` it afterwards, whatever has happened."""
    folder = settings.uploads_dir / uuid.uuid4().hex
    folder.mkdir(parents=True, mode=0o700)
    return folder


def sweep(settings: Settings) -> None:
    """Remove what a crash has left; at start only."""
    for left in settings.uploads_dir.glob("*"):
        remove_tree(left)


def import_archive(
    db: Database, settings: Settings, file: Path, filename: str, wish: Wish, now: datetime
) -> Report:
    """Import an archive that has arrived in a scratch folder.

    Raises:
        Refused: what is wrong with the archive.
        Invalid: it holds neither event files nor an export.
        NoSpace: the disk is full, or nearly so.
    """
    try:
        return _import(db, settings, file, filename, wish, now)
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace("The disk is full; nothing was kept.", retry_after=60) from error
        raise


def _import(db: Database, settings: Settings, file: Path, filename: str, wish: Wish, now: datetime) -> Report:
    kind = kind_of(file) if file.stat().st_size else None
    if kind is None:
        raise Refused("The upload is neither a zip nor a tar.gz.")
    limits = Limits(
        packed=file.stat().st_size,
        entries=settings.import_entries,
        unpacked=settings.import_limit_mib * 10 * 2**20,
        shortage=lambda: shortage(settings),
    )
    folder = file.with_name("files")
    with entries_of(file, kind, file.with_name("tar"), limits) as entries:
        files = write(entries, folder, limits)
    root = folder / wrapper(filename, [fact.path for fact in files])
    if restore.is_export(root):
        return restore.import_export(db, settings, root, wish, now)
    need_experiment(wish.experiment)
    return import_folder(db, settings, root, wish, now, uploaded=True)
