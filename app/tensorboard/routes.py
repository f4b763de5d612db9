"""TensorBoard for browsers (`/experiments/{slug}/tensorboard/…`) and for the API."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.auth.deps import require, require_page
from app.db import Database
from app.deps import DbDep, SlugPath
from app.errors import AppError, BadGateway, BadRequest, GatewayTimeout, NotFound, Unavailable
from app.tensorboard import headers, proxy
from app.tensorboard.manager import TensorBoards
from app.tensorboard.queries import experiment_exists, run_counts
from app.tensorboard.units import State, Status
from app.web import environment


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

RETRY = "_danlu/retry"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)
_DETAILS = {
    State.STARTING: "TensorBoard is starting.",
    State.BACKOFF: "TensorBoard ended unexpectedly and is started again.",
    State.STOPPED: "TensorBoard was stopped because nobody had opened it for long. Reload the page to start it.",
    State.FAILED: "TensorBoard could not be started.",
}


# async: without a thread of its own this costs nothing.
async def _boards(request: Request) -> TensorBoards:
    boards: TensorBoards = request.app.state.tensorboards
    return boards


BoardsDep = Annotated[TensorBoards, Depends(_boards)]


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
    raw_path = _checked_path(request, slug)
    if "upgrade" in request.headers:
        raise BadRequest("TensorBoard is plain HTTP; there is nothing to upgrade to.")
    # A session of its own, closed before anything is streamed.
    if not await run_in_threadpool(_exists, db, slug):
        raise NotFound("There is no such experiment.")
    if path == RETRY:
        boards.retry(slug)
        return RedirectResponse(f"/experiments/{slug}/tensorboard/", status_code=303)
    status = boards.ensure(slug, page=request.method == "GET" and path in ("", "index.html"))
    if status.port is None:
        return _not_ready(request, slug, status)
    client: httpx.AsyncClient = request.app.state.tensorboard_client
    try:
        target = proxy.Target(slug, status.port, raw_path, path)
        return await proxy.forward(client, request, target)
    except (BadGateway, GatewayTimeout) as error:
        boards.suspect(slug)
        return _excuse(request, slug, error, reason=None)


def _checked_path(request: Request, slug: str) -> bytes:
    """The path as it was sent; what could be read as another experiment's, or a file's, is refused.

    Raises:
        NotFound: not a slug, or one that is written in another way.
        BadRequest: it leads upwards, encoded or not.
    """
    raw: bytes = request.scope["raw_path"]
    prefix = f"/experiments/{slug}/tensorboard/"
    if not _SLUG.fullmatch(slug) or not raw.startswith(prefix.encode()):
        raise NotFound("There is no such experiment.")
    if not headers.is_safe(raw[len(prefix) :].decode("latin-1")):
        raise BadRequest("The path leads out of this TensorBoard.")
    return raw


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


def _not_ready(request: Request, slug: str, status: Status) -> Response:
    error: AppError
    if status.state is State.FAILED:
        error = BadGateway(_DETAILS[State.FAILED])
    elif status.state is State.STOPPED:
        error = Unavailable(_DETAILS[State.STOPPED], retry_after=60)
    else:
        error = Unavailable(_DETAILS.get(status.state, _DETAILS[State.STARTING]), retry_after=1)
    return _excuse(request, slug, error, reason=status.reason)


def _excuse(request: Request, slug: str, error: AppError, reason: str | None) -> Response:
    """Why there is no TensorBoard now: a page that comes back by itself for a browser, else JSON."""
    retry_after = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    kept = {"Cache-Control": "no-store", "Vary": "Accept, Cookie, Authorization", **retry_after}
    if "text/html" not in request.headers.get("accept", ""):
        body = error.body() | ({"reason": reason} if reason else {})
        return JSONResponse(body, status_code=error.status, headers=kept)
    failed = error.retry_after is None
    base = f"/experiments/{slug}/tensorboard/"
    page = (
        environment()
        .get_template("tensorboard/waiting.html")
        .render(
            title="TensorBoard could not be started" if failed else "One moment",
            detail=error.detail,
            reason=reason,
            refresh=error.retry_after,
            retry=base + RETRY if failed else None,
            back=f"/experiments/{slug}?tab=tensorboard",
        )
    )
    return Response(page, status_code=error.status, headers=kept, media_type="text/html")
