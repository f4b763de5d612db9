"""TensorBoard on exactly the chosen runs: `/api/v1/tensorboards/collections…` and `/tensorboard/{id}/…`."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.auth.deps import require, require_page
from app.db import Database
from app.deps import DbDep
from app.errors import NotFound
from app.fields import MAX_ID, Body
from app.strict import StrictRoute
from app.tensorboard.collections import MAX_RUNS
from app.tensorboard.manager import TensorBoards
from app.tensorboard.places import COLLECTION, prefix
from app.tensorboard.queries import RunName, run_counts, run_names
from app.tensorboard.serving import BoardsDep, checked_path, serve
from app.tensorboard.units import State

FEW = 20
"""Runs of an experiment up to which its own TensorBoard, with a filter, is as good: it draws by itself the curves of at most
40 folders, and a run has often two."""

router = APIRouter(prefix="/tensorboards/collections", tags=["tensorboard"], route_class=StrictRoute)
page_router = APIRouter(include_in_schema=False, dependencies=[Depends(require_page("read"))])
READ = [Depends(require("read"))]
RunId = Annotated[int, Field(ge=1, le=MAX_ID)]
CollectionId = Annotated[str, Path(min_length=1, max_length=64, description="Id of the collection.")]


class CollectionCreate(Body):
    """POST /tensorboards/collections."""

    runs: list[RunId] = Field(
        min_length=1, max_length=MAX_RUNS, description="Ids of the runs, of one or several experiments."
    )


@router.post(
    "",
    status_code=201,
    dependencies=READ,
    response_class=JSONResponse,
    summary="TensorBoard on exactly these runs",
)
def create(body: CollectionCreate, db: DbDep, boards: BoardsDep) -> JSONResponse:
    """Make it; the same runs give the same one. It starts when its page is opened, and at once where there is no `filter`.

    `filter` is the address of the experiment's own TensorBoard with a filter on these runs, where all are of one experiment
    whose TensorBoard draws all its runs by itself; null else.
    """
    runs = _known(db, body.runs)
    key = boards.collect([run.id for run in runs])
    with_filter = _filter(db, runs)
    if with_filter is None:
        boards.ensure(key)
    return JSONResponse(_body(boards, key, len(runs)) | {"filter": with_filter}, 201)


@router.get("/{collection}", dependencies=READ, response_class=JSONResponse, summary="One collection")
def show(collection: CollectionId, db: DbDep, boards: BoardsDep) -> JSONResponse:
    """Its runs that are still there, and where its TensorBoard stands; asking does not start it."""
    runs = boards.collections.runs(collection)
    if runs is None:
        raise NotFound("There is no such collection.")
    with db.read() as session:
        names = run_names(session, runs)
    body = _body(boards, COLLECTION + collection, len(names))
    return JSONResponse(
        body | {"items": [{"id": run.id, "name": f"{run.experiment}/{run.slug}"} for run in names]}
    )


@router.delete(
    "/{collection}", dependencies=[Depends(require("submit"))], status_code=204, response_class=Response
)
def delete(collection: CollectionId, boards: BoardsDep) -> Response:
    """Stop its TensorBoard and forget it; the runs stay."""
    if boards.collections.runs(collection) is None:
        raise NotFound("There is no such collection.")
    boards.stop(COLLECTION + collection)
    return Response(status_code=204)


@page_router.api_route("/tensorboard/{collection}", methods=["GET", "HEAD"])
async def without_slash(collection: CollectionId, boards: BoardsDep) -> RedirectResponse:
    """TensorBoard's page needs the slash: its links are relative."""
    key = await _key(boards, collection)
    return RedirectResponse(prefix(key) + "/", status_code=307)


@page_router.api_route("/tensorboard/{collection}/{path:path}", methods=["GET", "HEAD", "POST"])
async def tensorboard(request: Request, collection: CollectionId, path: str, boards: BoardsDep) -> Response:
    """Whatever TensorBoard serves, as soon as it serves."""
    key = await _key(boards, collection)
    raw_path = checked_path(request, key)
    runs = boards.collections.runs(collection) or ()
    back = "/compare?" + "&".join(f"run={run}" for run in runs)
    return await serve(request, boards, key, raw_path, path, back=back)


async def _key(boards: TensorBoards, collection: str) -> str:
    if await run_in_threadpool(boards.collections.runs, collection) is None:
        raise NotFound("There is no such collection; open TensorBoard from the runs again.")
    return COLLECTION + collection


def _known(db: Database, ids: Sequence[int]) -> list[RunName]:
    """The runs.

    Raises:
        NotFound: one of them is not there.
    """
    with db.read() as session:
        found = run_names(session, ids)
    missing = sorted(set(ids) - {run.id for run in found})
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
        raise NotFound(f"There is no run {shown}.")
    return found


def _filter(db: Database, runs: Sequence[RunName]) -> str | None:
    """The address that shows these runs in the TensorBoard of their experiment, where that draws them by itself."""
    experiments = {run.experiment for run in runs}
    if len(experiments) > 1:
        return None
    (experiment,) = experiments
    with db.read() as session:
        if run_counts(session, [experiment]).get(experiment, 0) > FEW:
            return None
    # Slugs hold nothing that means something in a pattern.
    names = "|".join(run.slug for run in runs)
    return f"{prefix(experiment)}/?runFilter={quote(f'^({names})(/|$)', safe='')}"


def _body(boards: TensorBoards, key: str, runs: int) -> dict[str, Any]:
    status = boards.status(key)
    state = State.STARTING if status.state is State.BACKOFF else status.state
    name = key.removeprefix(COLLECTION)
    return {"id": name, "url": prefix(key) + "/", "state": str(state), "reason": status.reason, "runs": runs}
