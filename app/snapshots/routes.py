"""The calls on snapshots: `/api/v1/snapshots…`. The body of an upload is the file itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.auth.deps import Principal, require, require_code
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.deps import DbDep, SettingsDep
from app.disk import shortage
from app.errors import NoSpace, NotFound, TooMany
from app.files import remove_tree
from app.models import Snapshot
from app.receive import receive
from app.runs.files import open_file
from app.snapshots import service, store
from app.snapshots.answers import SnapshotDetails, SnapshotOut
from app.snapshots.names import check_filename
from app.strict import StrictRoute

PATH = "/api/v1/snapshots"
AT_ONCE = 8
"""Uploads; each may need its whole size on the disk twice."""

router = APIRouter(prefix="/snapshots", tags=["snapshots"], route_class=StrictRoute)
READ = [Depends(require("read"))]
Submitter = Annotated[Principal, Depends(require("submit"))]
SnapshotId = Annotated[
    str, Path(min_length=1, max_length=64, description="SHA-256 of the content, 64 hexadecimal digits.")
]
_turns = threading.BoundedSemaphore(AT_ONCE)
_BUFFER = 1 << 20


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(blocking=False):
        raise TooMany(f"{AT_ONCE} uploads are on their way already.", retry_after=2)
    try:
        yield
    finally:
        _turns.release()


@router.post(
    "",
    status_code=201,
    response_model=SnapshotOut,
    response_class=JSONResponse,
    responses={200: {"description": "The same content was here already.", "model": SnapshotOut}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file itself: a zip, a tar.gz, or one script.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    principal: Submitter,
    filename: Annotated[str, Query(max_length=1000, description="Such as train.py or project.zip.")],
    entrypoint: Annotated[
        str | None, Query(max_length=1000, description="Whose form to answer with; default: the likeliest.")
    ] = None,
    keep_folder: Annotated[
        bool, Query(description="Keep a folder that holds everything and is called like the archive.")
    ] = False,
) -> Response:
    """Upload code: one script, or a zip or tar.gz of a folder, at most 50 MiB and 10,000 entries. Needs submit-code."""
    require_code(principal)
    filename = check_filename(filename)
    short = shortage(settings)
    if short:
        raise NoSpace(f"Nothing can be uploaded: {short}.", retry_after=60)
    with _turn():
        folder = store.new_scratch(settings)
        try:
            file = folder / "upload"
            await receive(request, file)
            made = service.Upload(file, filename, entrypoint, keep_folder)
            answer, known = await run_in_threadpool(
                service.save, db, settings, made, principal.user_id, utcnow()
            )
        finally:
            await run_in_threadpool(remove_tree, folder)
    return JSONResponse(answer, 200 if known else 201, {"Location": f"{PATH}/{answer['id']}"})


@router.get("/{snapshot_id}", dependencies=READ, response_model=SnapshotDetails, response_class=JSONResponse)
def show(
    snapshot_id: SnapshotId,
    db: DbDep,
    settings: SettingsDep,
    entrypoint: Annotated[
        str | None, Query(max_length=1000, description="Whose form to answer with; default: the likeliest.")
    ] = None,
) -> Response:
    """One snapshot with its files; 404 tells a client that it has to upload it."""
    found = _found(db, settings, snapshot_id)
    told = service.to_json(settings, found, entrypoint)
    return JSONResponse(told | {"known": True, "listing": service.details(settings, found)})


@router.head("/{snapshot_id}", dependencies=READ, include_in_schema=False)
def there(snapshot_id: SnapshotId, db: DbDep, settings: SettingsDep) -> Response:
    """Whether it is there, without a word more."""
    _found(db, settings, snapshot_id)
    return Response(status_code=200)


@router.get("/{snapshot_id}/files/{path:path}", dependencies=READ, response_class=Response)
def file(snapshot_id: SnapshotId, path: str, db: DbDep, settings: SettingsDep) -> Response:
    """One file, as text."""
    found = _found(db, settings, snapshot_id)
    try:
        opened = open_file(store.folder_of(settings, found.id), path)
    except NotFound as error:
        raise NotFound(f"The snapshot has no file {path[:200]!r}.") from error
    headers = {"X-Content-Type-Options": "nosniff", "Content-Length": str(opened.size)}
    return StreamingResponse(_pieces(opened.file), 200, headers, "text/plain; charset=utf-8")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_BUFFER):
            yield piece


def _found(db: Database, settings: Settings, snapshot_id: str) -> Snapshot:
    # A text that no database can hold names nothing.
    if not (snapshot_id.isascii() and snapshot_id.isalnum()):
        raise NotFound("There is no such snapshot.")
    return service.find(db, settings, snapshot_id)
