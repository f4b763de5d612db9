"""TensorBoard for browsers (`/experiments/{slug}/tensorboard/…`) and for the API."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.auth.deps import require, require_page
from app.db import Database
from app.deps import DbDep, SlugPath
from app.errors import NotFound
from app.tensorboard import proxy
from app.tensorboard.queries import experiment_exists, run_counts
from app.tensorboard.serving import BoardsDep, checked_path, serve
from app.tensorboard.units import State, Status


@asynccontextmanager
async def _with_client(app: FastAPI) -> AsyncIterator[None]:
    """One client for the life of the app; it belongs to the event loop."""
    async with proxy.make_client() as client:
        app.state.tensorboard_client = client
        yield


router = APIRouter(prefix="/api/v1", tags=["tensorboard"])
page_router = APIRouter(
    include_in_schema=False, dependencies=[Depends(require_page("read"))], lifespan=_with_client
)

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)


@router.get("/tensorboards", dependencies=[Depends(require("read"))], summary="All TensorBoards")
def list_tensorboards(db: DbDep, boards: BoardsDep) -> dict[str, Any]:
    """Every TensorBoard that was asked for since the server's start, in whichever state."""
    statuses = boards.statuses()
    with db.read() as session:
        counts = run_counts(session, statuses)
    items = [
        {"experiment": slug, **_body(slug, status, counts[slug])}
        for slug, status in statuses.items()
        if slug in counts
    ]
    return {"items": items, "next": None}


@router.get(
    "/experiments/{slug}/tensorboard",
    dependencies=[Depends(require("read"))],
    summary="An experiment's TensorBoard",
)
def get_tensorboard(slug: SlugPath, db: DbDep, boards: BoardsDep) -> dict[str, Any]:
    """Where it stands; asking does not start it."""
    count = _runs(db, slug)
    return _body(slug, boards.status(slug), count)


@router.post(
    "/experiments/{slug}/tensorboard",
    dependencies=[Depends(require("read"))],
    summary="Start an experiment's TensorBoard",
    responses={202: {"description": "It is starting."}},
)
def start_tensorboard(slug: SlugPath, db: DbDep, boards: BoardsDep) -> JSONResponse:
    """Start it, or try again after it failed: 200 when it is ready, 202 while it starts."""
    count = _runs(db, slug)
    status = boards.retry(slug)
    ready = status.state is State.READY
    return JSONResponse(_body(slug, status, count), status_code=200 if ready else 202)


@router.delete(
    "/experiments/{slug}/tensorboard",
    dependencies=[Depends(require("submit"))],
    summary="Stop an experiment's TensorBoard",
)
def stop_tensorboard(slug: SlugPath, db: DbDep, boards: BoardsDep) -> dict[str, Any]:
    """Stop it; answers when its process is gone. The next visit starts it again."""
    count = _runs(db, slug)
    boards.stop_tensorboard(slug)
    return _body(slug, boards.status(slug), count)


@page_router.api_route("/experiments/{slug}/tensorboard", methods=["GET", "HEAD"])
async def without_slash(slug: SlugPath) -> RedirectResponse:
    """TensorBoard's page needs the slash: its links are relative."""
    if not _SLUG.fullmatch(slug):
        raise NotFound("There is no such experiment.")
    return RedirectResponse(f"/experiments/{slug}/tensorboard/", status_code=307)


@page_router.api_route("/experiments/{slug}/tensorboard/{path:path}", methods=["GET", "HEAD", "POST"])
async def tensorboard(request: Request, slug: SlugPath, path: str, db: DbDep, boards: BoardsDep) -> Response:
    """Whatever TensorBoard serves, as soon as it serves."""
    if not _SLUG.fullmatch(slug):
        raise NotFound("There is no such experiment.")
    raw_path = checked_path(request, slug)
    # A session of its own, closed before anything is streamed.
    if not await run_in_threadpool(_exists, db, slug):
        raise NotFound("There is no such experiment.")
    return await serve(request, boards, slug, raw_path, path, back=f"/experiments/{slug}?tab=tensorboard")


def _exists(db: Database, slug: str) -> bool:
    with db.read() as session:
        return experiment_exists(session, slug)


def _runs(db: Database, slug: str) -> int:
    """How many runs the experiment has.

    Raises:
        NotFound: there is no such experiment.
    """
    count = None
    if _SLUG.fullmatch(slug):
        with db.read() as session:
            count = run_counts(session, [slug]).get(slug)
    if count is None:
        raise NotFound("There is no such experiment.")
    return count


def _body(slug: str, status: Status, runs: int) -> dict[str, Any]:
    return {**status.body(), "url": f"/experiments/{slug}/tensorboard/", "runs": runs}
