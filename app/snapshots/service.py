"""From an uploaded file to a stored snapshot, and what is told of one.

The order is always: bytes, folder, row. A crash leaves at most something without a row, which the next start removes.
"""

import errno
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.config import Settings
from app.db import Database
from app.disk import shortage
from app.errors import NoSpace, NotFound
from app.files import remove_tree
from app.models import Snapshot
from app.runs.views import Json
from app.snapshots import forms, queries, store
from app.snapshots.archives import entries_of, kind_of
from app.snapshots.entrypoints import rank
from app.snapshots.names import wrapper
from app.snapshots.unpack import Entry, Limits, Refused, edited, write
from danlu.pack import FileFact, content_id
from danlu.packnames import shown
from danlu.scriptform import ScriptForm

_SCRIPTS = (".py", ".sh")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived.

    Attributes:
        file: its bytes, in a scratch folder that is the upload's own.
        filename: what it is called where it comes from.
        entrypoint: the script whose form is asked for; None for the likeliest.
        keep_folder: keep a folder that holds everything else and is called like the archive.
    """

    file: Path
    filename: str
    entrypoint: str | None = None
    keep_folder: bool = False


def save(
    db: Database, settings: Settings, upload: Upload, owner_id: int | None, now: datetime
) -> tuple[Json, bool]:
    """Store an upload; returns its JSON, and whether the same content was there already.

    Raises:
        Refused: what is wrong with the archive; nothing is kept.
        BadSyntax: the script that is asked for, or the only one, is not Python; nothing is kept.
        NoSpace: the disk is full, or nearly so.
    """
    with _disk_full():
        unpacked, files = _unpacked(settings, upload)
        stored, known = keep(db, settings, unpacked, files, upload.filename, upload.entrypoint, owner_id, now)
    return to_json(settings, stored, upload.entrypoint) | {"known": known}, known


def keep(
    db: Database,
    settings: Settings,
    unpacked: Path,
    files: list[FileFact],
    filename: str,
    entrypoint: str | None,
    owner_id: int | None,
    now: datetime,
) -> tuple[Snapshot, bool]:
    """Make a snapshot of a folder of the home's, which is moved away; and whether it was known.

    Raises:
        BadSyntax: `entrypoint`, or the only script, is not Python.
        Invalid: there is no such entrypoint.
    """
    entrypoints = rank(unpacked, files)
    made = Snapshot(
        id=content_id(files), size=sum(file.size for file in files), files=len(files), filename=filename,
        entrypoints=entrypoints, forms=forms.forms_of(unpacked, entrypoints), owner_id=owner_id,
        created_at=now, used_at=now,
    )  # fmt: skip
    if entrypoint is not None:
        forms.read(unpacked, forms.check_entrypoint(made, unpacked, entrypoint))
    with store.changing():
        store.place(settings, unpacked, made.id, files)
        known = _recorded(db, made, now)
    with db.read() as session:
        return queries.find(session, made.id) or made, known


def save_edited(
    db: Database,
    settings: Settings,
    base: str | None,
    edits: Mapping[str, str],
    filename: str,
    owner_id: int | None,
    now: datetime,
) -> Snapshot:
    """A snapshot of another one's files with some of them written anew, or of these texts alone.

    Args:
        base: the other snapshot; None for none.
        edits: path -> text.
        filename: what it is called.

    Raises:
        NotFound: there is no such snapshot.
        Refused: a path that none can have.
        BadSyntax: its only script is not Python.
        NoSpace: the disk is full.
    """
    folder = store.folder_of(settings, find(db, settings, base).id) if base else None
    scratch = store.new_scratch(settings)
    try:
        with _disk_full():
            files = write(edited(folder, edits), scratch / "files", _limits(settings, packed=2**40))
            return keep(db, settings, scratch / "files", files, filename, None, owner_id, now)[0]
    finally:
        remove_tree(scratch)


def find(db: Database, settings: Settings, snapshot_id: str) -> Snapshot:
    """A snapshot whose files are there.

    Raises:
        NotFound: there is none.
    """
    with db.read() as session:
        found = queries.find(session, snapshot_id)
    if found is None or not store.folder_of(settings, snapshot_id).is_dir():
        raise NotFound(f"There is no snapshot {snapshot_id[:64]}; upload it with POST /snapshots.")
    return found


def to_json(settings: Settings, snapshot: Snapshot, entrypoint: str | None = None) -> Json:
    """What is told of a snapshot; form, schema and command are those of the entrypoint, or of the likeliest one.

    Raises:
        Invalid: there is no such entrypoint.
        BadSyntax: it is not Python.
    """
    folder = store.folder_of(settings, snapshot.id)
    chosen = forms.check_entrypoint(snapshot, folder, entrypoint) if entrypoint is not None else None
    chosen = chosen or next(iter(snapshot.entrypoints), None)
    form = _form(snapshot, folder, chosen, strict=entrypoint is not None)
    return {
        "id": snapshot.id,
        "files": snapshot.files,
        "size": snapshot.size,
        "filename": snapshot.filename,
        "entrypoints": snapshot.entrypoints,
        "entrypoint": chosen,
        "form": form.to_dict(),
        "params_schema": form.schema(),
        "command": command_line(chosen),
    }


def command_line(entrypoint: str | None) -> str | None:
    """How a person would start the script, before any arguments."""
    if entrypoint is None:
        return None
    return shlex.join(["bash" if entrypoint.endswith(".sh") else "python", entrypoint])


def _form(snapshot: Snapshot, folder: Path, entrypoint: str | None, *, strict: bool) -> ScriptForm:
    if entrypoint is None:
        return forms.NOTHING
    try:
        return forms.form_of(snapshot, folder, entrypoint)
    except forms.BadSyntax:
        if strict:
            raise
        return forms.NOTHING


def _unpacked(settings: Settings, upload: Upload) -> tuple[Path, list[FileFact]]:
    """A folder with the upload's files, beside it, and the facts of each."""
    folder = upload.file.with_name("files")
    size = upload.file.stat().st_size
    if not size:
        raise Refused("The upload is empty.")
    kind = kind_of(upload.file)
    limits = _limits(settings, packed=size)
    if kind is None:
        return folder, write(iter([_single(upload)]), folder, limits)
    with entries_of(upload.file, kind, upload.file.with_name("tar"), limits) as entries:
        files = write(entries, folder, limits)
    wrapping = "" if upload.keep_folder else wrapper(upload.filename, [file.path for file in files])
    inner = [file._replace(path=file.path.removeprefix(wrapping)) for file in files]
    return folder / wrapping, inner


def _single(upload: Upload) -> Entry:
    """A script that was sent as it is."""
    if not upload.filename.endswith(_SCRIPTS):
        name = shown(upload.filename)
        raise Refused(
            f"{name} is none of the files that can be uploaded: a zip, a tar.gz, or one script (.py, .sh)."
        )
    if b"\0" in upload.file.read_bytes():
        raise Refused(f"{shown(upload.filename)} is no text: it holds NUL bytes.")
    return Entry(upload.filename, False, False, lambda: upload.file.open("rb"))


def _limits(settings: Settings, packed: int) -> Limits:
    return Limits(
        packed=packed,
        entries=settings.snapshot_entries,
        unpacked=settings.snapshot_limit_mib * 10 * 2**20,
        shortage=lambda: shortage(settings),
    )


@contextmanager
def _disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace("The disk is full; nothing was kept.", retry_after=60) from error
        raise


def _recorded(db: Database, made: Snapshot, now: datetime) -> bool:
    """Write the row, or note the use of one that is there; whether it was."""
    with db.write() as session:
        if queries.touch(session, made.id, now):
            return True
    try:
        with db.write() as session:
            session.add(made)
    except IntegrityError:  # another server on the same PostgreSQL
        return True
    return False


def remove_unused(db: Database, settings: Settings, before: datetime) -> int:
    """Remove what no run has and nobody used since that moment; returns how many."""
    with db.read() as session:
        found = queries.unused(session, before)
    return sum(_remove(db, settings, snapshot_id, used_at) for snapshot_id, used_at in found)


def remove_without_runs(db: Database, settings: Settings, snapshot_ids: set[str]) -> None:
    """Remove those of these that no run has any more: their last run was deleted."""
    if not snapshot_ids:
        return
    with db.read() as session:
        found = queries.without_runs(session, snapshot_ids)
    for snapshot_id, used_at in found:
        _remove(db, settings, snapshot_id, used_at)


def mend(db: Database, settings: Settings) -> int:
    """Remove what an interrupted upload or removal has left; at start only."""
    with db.read() as session:
        known = queries.all_ids(session)
    return store.mend(settings, known)


def _remove(db: Database, settings: Settings, snapshot_id: str, used_at: datetime) -> bool:
    with store.changing():
        with db.write() as session:
            gone = queries.erase(session, snapshot_id, used_at)
        if gone:
            store.discard(settings, snapshot_id)
    return gone


def details(settings: Settings, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The files of a snapshot."""
    return store.listing(store.folder_of(settings, snapshot.id))
