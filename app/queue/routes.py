"""The calls on the queue: look at it, pause and resume it, move runs in it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from app.answers import QueueOut, QueueState, RunOut, SweepOut
from app.auth.deps import Principal, require
from app.clock import utcnow
from app.db import WriteSession
from app.deps import DbDep, RunIdPath, SettingsDep
from app.models import Run
from app.queue import store
from app.queue.schemas import RunMove, SweepCreate
from app.queue.sweeps import create_sweep
from app.runs import queries
from app.runs.listing.queue import list_queue
from app.runs.routes import KeyDep
from app.runs.service import Caller
from app.strict import StrictRoute

router = APIRouter(tags=["queue"], route_class=StrictRoute)
Submitter = Annotated[Principal, Depends(require("submit"))]
Admin = Annotated[Principal, Depends(require("admin"))]


@router.get(
    "/queue", dependencies=[Depends(require("read"))], response_model=QueueOut, response_class=JSONResponse
)
def show(
    db: DbDep,
    settings: SettingsDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=8_000, description="`next` of the page before.")] = None,
) -> Response:
    """The queued runs in the order in which they are claimed, by pages, and whether the queue is paused."""
    with db.read() as session:
        pause = store.paused(session)
        items, more = list_queue(session, settings, limit=limit, cursor=cursor)
    return JSONResponse({"paused": pause and pause.to_json(), "items": items, "next": more})


@router.post("/queue/pause", response_model=QueueState, response_class=JSONResponse)
def pause(db: DbDep, principal: Admin) -> Response:
    """Let no further run start, of nobody; what runs goes on. Repeating it is harmless, the first pause stands."""
    with db.write() as session:
        made = store.pause(session, actor=principal.actor, now=utcnow())
    return JSONResponse({"paused": made.to_json()})


@router.post("/queue/resume", response_model=QueueState, response_class=JSONResponse)
def resume(db: DbDep, _principal: Admin) -> Response:
    """Let runs start again, in their order. Repeating it is harmless."""
    with db.write() as session:
        store.resume(session)
    return JSONResponse({"paused": None})


@router.post("/sweeps", status_code=201, response_model=SweepOut, response_class=JSONResponse)
def sweep(body: SweepCreate, db: DbDep, settings: SettingsDep, principal: Submitter, key: KeyDep) -> Response:
    """Queue one run for each combination of the grid's values, all or none, with the combination in its name."""
    made, replayed = create_sweep(db, settings, body, Caller(principal, key), utcnow())
    headers = {"Location": f"/api/v1/runs?sweep={made['sweep']}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(made, 201, headers)


@router.post("/runs/{run_id}/move", response_model=RunOut, response_class=JSONResponse, tags=["runs"])
def move(
    run_id: RunIdPath, body: RunMove, db: DbDep, settings: SettingsDep, principal: Submitter
) -> Response:
    """Put a queued run somewhere else in the queue; it takes over the priority of its new neighbour."""
    with db.write() as session:
        moved(session, run_id, body, principal)
        return JSONResponse(queries.run_dict(session, settings, run_id))


def moved(session: WriteSession, run_id: int, body: RunMove, principal: Principal) -> Run:
    """Do what a body asks for.

    Raises:
        NotFound: there is no such run.
        Invalid: the neighbour does not exist, or is the run itself.
        Conflict: one of them is not queued any more.
    """
    now, actor = utcnow(), principal.actor
    if body.to is not None:
        return store.move_to_end(session, run_id, top=body.to == "top", actor=actor, now=now)
    beside = body.after if body.before is None else body.before
    assert beside is not None  # noqa: S101 - the body has exactly one of them
    return store.move_beside(session, run_id, beside, behind=body.before is None, actor=actor, now=now)
