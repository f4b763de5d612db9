"""What is inside a run's folder, its log and its files; and what its code differed in from its commit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app import cursors
from app.answers import FileList, TracebackOut
from app.auth.deps import require
from app.config import Settings, run_dir
from app.db import Database
from app.deps import DbDep, RunIdPath, SettingsDep
from app.environments.record import RunEnvironmentOut, recorded
from app.errors import Invalid, NotFound
from app.runs import files, queries
from app.runs.download import send_file
from app.runs.failing import traceback_of
from app.runs.logfile import log_size, read_log, tail_log
from app.runs.place import folder_of, listed
from app.strict import StrictRoute

router = APIRouter(
    prefix="/runs", tags=["runs"], route_class=StrictRoute, dependencies=[Depends(require("read"))]
)
_CHUNK = 1 << 18


def _folder(db: Database, settings: Settings, run_id: int) -> Path:
    with db.read() as session:
        row = queries.get_row(session, run_id)
    return run_dir(settings, row.experiment, row.run.slug)


def _files(db: Database, settings: Settings, run_id: int) -> tuple[Path, frozenset[str] | None]:
    """Where the run's files lie, and which of the folders there are its own; None: all."""
    with db.read() as session:
        row = queries.get_row(session, run_id)
    own = run_dir(settings, row.experiment, row.run.slug)
    return folder_of(own, row.run.logdir), listed(row.run.logdir, row.run.imported)


@router.get("/{run_id}/log", response_class=Response)
def log(
    run_id: RunIdPath,
    db: DbDep,
    settings: SettingsDep,
    offset: Annotated[int | None, Query(ge=0, le=2**62, description="First byte of the output.")] = None,
    tail: Annotated[
        int | None, Query(ge=0, le=100_000, description="Last lines instead, at most 256 KiB.")
    ] = None,
    limit: Annotated[int | None, Query(ge=1, le=1 << 20, description="At most so many bytes.")] = None,
) -> Response:
    """What the run has printed, as text. `X-Next-Offset` is where to go on; dropped output is named in its place."""
    if offset is not None and tail is not None:
        raise Invalid(
            "Ask for offset or for tail, not for both.", fields={"tail": "not together with offset"}
        )
    folder = _folder(db, settings, run_id)
    headers = {"X-Content-Type-Options": "nosniff"}
    media = "text/plain; charset=utf-8"
    if tail is None and limit is None:
        total = log_size(folder)
        headers["X-Next-Offset"] = str(max(total, 0))
        return StreamingResponse(_output(folder, offset or 0, total), 200, headers, media)
    if tail is not None:
        chunk = tail_log(folder, tail, limit or _CHUNK)
    else:
        chunk = read_log(folder, offset or 0, limit or _CHUNK)
    headers["X-Next-Offset"] = str(chunk.next_offset)
    note = f"{chunk.gap}\n".encode() if chunk.gap else b""
    return Response(note + chunk.data, 200, headers, media)


@router.get("/{run_id}/traceback", response_model=TracebackOut | None, response_class=JSONResponse)
def traceback(run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """The last Python traceback in the end of the output, with the failing lines of the run's own code; null without one.

    Of several ranks it is that of the first that failed. Lines are read from the run's snapshot, else from its folder.
    """
    with db.read() as session:
        row = queries.get_row(session, run_id)
    snapshot = settings.snapshots_dir / row.run.snapshot_id if row.run.snapshot_id else None
    return JSONResponse(traceback_of(run_dir(settings, row.experiment, row.run.slug), snapshot))


def _output(folder: Path, offset: int, total: int) -> Iterator[bytes]:
    """The output from `offset` to what was its end when asked, with a line where bytes were dropped."""
    while offset < total:
        chunk = read_log(folder, offset, min(_CHUNK, total - offset))
        if chunk.gap:
            yield f"{chunk.gap}\n".encode()
        if not chunk.data:
            return
        yield chunk.data
        offset = chunk.next_offset


@router.get("/{run_id}/environment", response_model=RunEnvironmentOut, response_class=JSONResponse)
def environment(run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """In what the run ran, as its last attempt recorded it: Python, packages with versions, torch, CUDA, machine, git."""
    record = recorded(_folder(db, settings, run_id))
    if record is None:
        raise NotFound(f"Nothing is recorded of run {run_id} yet: that is done when it starts.")
    return JSONResponse(record)


@router.get("/{run_id}/diff", response_class=Response)
def diff(run_id: RunIdPath, db: DbDep) -> Response:
    """What was not committed where the run's code came from, as git prints it; empty where everything was."""
    with db.read() as session:
        text = queries.git_diff(session, run_id)
    if text is None:
        raise NotFound(f"Nothing is known of git for run {run_id}.")
    headers = {"X-Content-Type-Options": "nosniff"}
    return Response(text, 200, headers, "text/plain; charset=utf-8")


@router.get("/{run_id}/files", response_model=FileList, response_class=JSONResponse)
def index(
    run_id: RunIdPath,
    db: DbDep,
    settings: SettingsDep,
    cursor: Annotated[str | None, Query(max_length=8_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """List the run's files with size and time, by path."""
    after = str(cursors.decode(cursor, "files", ["text"])[0]) if cursor is not None else None
    folder, only = _files(db, settings, run_id)
    items, last = files.list_files(folder, after=after, limit=limit, only=only)
    return JSONResponse({"items": items, "next": None if last is None else cursors.encode("files", [last])})


@router.get("/{run_id}/files/{path:path}", response_class=Response)
def download(run_id: RunIdPath, path: str, request: Request, db: DbDep, settings: SettingsDep) -> Response:
    """One file, as an attachment; Range is honoured."""
    folder, only = _files(db, settings, run_id)
    if not files.is_in(path, only):
        raise NotFound(f"The run has no file {path[:200]!r}.")
    opened = files.open_file(folder, path)
    return send_file(request, opened, path.rsplit("/", 1)[-1])
