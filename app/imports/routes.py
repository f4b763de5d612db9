"""The calls that import: `/api/v1/import` a folder of the server's, `/api/v1/import/upload` an archive."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from app.answers import Answer
from app.auth.deps import Principal, require
from app.clock import utcnow
from app.config import Settings
from app.deps import DbDep, SettingsDep
from app.disk import shortage
from app.errors import Forbidden, Invalid, NoSpace, TooMany
from app.fields import Body, Name, storable
from app.files import remove_tree
from app.imports import restore, service
from app.imports.service import Wish
from app.imports.upload import import_archive, new_scratch
from app.receive import receive
from app.runs.schemas import Tags
from app.snapshots.names import check_filename
from app.strict import StrictRoute

UPLOAD = "/api/v1/import/upload"
AT_ONCE = 2
"""Imports; each may fill a core and the disk."""
SECONDS = 20.0
"""After which an import of a folder answers, to be asked again."""

router = APIRouter(prefix="/import", tags=["import"], route_class=StrictRoute)
_turns = threading.BoundedSemaphore(AT_ONCE)


class ImportRequest(Body):
    """POST /import."""

    path: Annotated[str, Field(min_length=1, max_length=4_000)] = Field(
        description="Folder of the server, absolute, below one of DANLU_IMPORT_ROOTS."
    )
    experiment: Name | None = Field(
        None, description="Slug or name; made when there is none. An export brings its own."
    )
    tags: Tags = Field(default_factory=list, description="Of the new runs.")
    per_folder: bool = Field(False, description="Each folder with event files is a run.")
    dry_run: bool = Field(False, description="Only tell what would be done.")


class ImportedRun(Answer):
    """One run of an import."""

    run: int | None = Field(description="Its id; null where it would be new.")
    path: str = Field(description="Its folder below the one that was imported.")
    folders: list[str] = Field(description='Those at or below it with event files; "" is itself.')
    bytes: int = Field(description="Of the event files.")
    name: str | None = None


class ImportCounts(Answer):
    """How many."""

    added: int
    updated: int


class ImportReport(Answer):
    """What was done, or with dry_run would be."""

    experiment: str | None = Field(description="Slug; null where it would be new.")
    added: list[ImportedRun] = Field(description="The first 1,000 of them.")
    updated: list[ImportedRun] = Field(description="Runs whose event files have grown; the first 1,000.")
    unchanged: int
    counts: ImportCounts
    notes: list[str] = Field(description="What could not be read.")
    complete: bool = Field(description="False: the time was up; the same request again goes on.")
    dry_run: bool


@router.post("", response_model=ImportReport, response_class=JSONResponse)
def create(
    body: ImportRequest,
    db: DbDep,
    settings: SettingsDep,
    principal: Annotated[Principal, Depends(require("admin"))],
) -> Response:
    """Import the runs of a TensorBoard directory where it lies, or an export. Administrators only; nothing is written there.

    Importing again adds what is new and reads again what has grown. It answers after 20 s at the latest; `complete` says
    whether that was all.
    """
    root = allowed(settings, body.path)
    wish = Wish(
        experiment=body.experiment or "", tags=tuple(body.tags), per_folder=body.per_folder, dry_run=body.dry_run,
        actor=principal.actor, owner_id=principal.user_id, seconds=SECONDS,
    )  # fmt: skip
    with _turn():
        if restore.is_export(root):
            return JSONResponse(restore.import_export(db, settings, root, wish, utcnow()).body())
        service.need_experiment(wish.experiment)
        return JSONResponse(service.import_folder(db, settings, root, wish, utcnow()).body())


@router.post(
    "/upload",
    response_model=ImportReport,
    response_class=JSONResponse,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The archive itself: a zip or a tar.gz.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    principal: Annotated[Principal, Depends(require("submit"))],
    filename: Annotated[str, Query(max_length=1000, description="Such as logs.zip.")],
    experiment: Annotated[Name | None, Query(description="Slug or name; an export brings its own.")] = None,
    tag: Annotated[Tags | None, Query(description="Of the new runs.")] = None,
    per_folder: Annotated[bool, Query(description="Each folder with event files is a run.")] = False,
) -> Response:
    """Upload event files as a zip or tar.gz of their directory, or an export: its runs become runs here, files and all."""
    filename = check_filename(filename)
    short = shortage(settings)
    if short:
        raise NoSpace(f"Nothing can be uploaded: {short}.", retry_after=60)
    wish = Wish(
        experiment=experiment or "", tags=tuple(tag or ()), per_folder=per_folder,
        actor=principal.actor, owner_id=principal.user_id,
    )  # fmt: skip
    with _turn():
        folder = await run_in_threadpool(new_scratch, settings)
        try:
            await receive(request, folder / "upload")
            report = await run_in_threadpool(
                import_archive, db, settings, folder / "upload", filename, wish, utcnow()
            )
        finally:
            await run_in_threadpool(remove_tree, folder)
    return JSONResponse(report.body())


def allowed(settings: Settings, path: str) -> FilePath:
    """The folder that a path names, without links in it, when a setting allows it.

    Raises:
        Forbidden: it is not below an allowed folder, or nothing is allowed.
        Invalid: not absolute, or no folder.
    """
    if not settings.import_roots:
        raise Forbidden(
            "Importing folders of the server is off: set DANLU_IMPORT_ROOTS, or use `danlu import` there."
        )
    roots = [FilePath(root).expanduser().resolve() for root in settings.import_roots]
    try:
        found = FilePath(storable(path)).resolve(strict=True) if path.startswith("/") else None
    except (OSError, ValueError, RuntimeError):
        found = None
    # Whether something outside exists is nobody's business.
    place = FilePath(os.path.normpath(path)) if found is None else found
    if not any(place.is_relative_to(root) for root in roots):
        raise Forbidden("The path is not below a folder that DANLU_IMPORT_ROOTS allows.")
    if found is None or not found.is_dir():
        raise Invalid("path: there is no such folder.", fields={"path": "is no folder of the server"})
    return found


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(blocking=False):
        raise TooMany(f"{AT_ONCE} imports are on their way already.", retry_after=5)
    try:
        yield
    finally:
        _turns.release()
