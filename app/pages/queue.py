"""The queue's page: what runs, what waits in which order; moving runs and pausing, by plain forms where there is no JavaScript."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import Principal, require_page
from app.clock import utcnow
from app.deps import DbDep, RunIdPath, SettingsDep
from app.errors import Invalid
from app.pages.run_fields import ValuesDep
from app.queue import store
from app.queue.routes import moved
from app.queue.schemas import RunMove
from app.runs.listing.queries import list_runs
from app.runs.listing.queue import list_queue
from app.runs.listing.request import RunListQuery
from app.runs.words import RunState
from app.web import page, partial, redirect

router = APIRouter()
Submitter = Annotated[Principal, Depends(require_page("submit"))]
Admin = Annotated[Principal, Depends(require_page("admin"))]
SHOWN = 100


@router.get("/queue", dependencies=[Depends(require_page("read"))])
def show(request: Request, db: DbDep, settings: SettingsDep, cursor: str | None = None) -> Response:
    """What runs, and what waits in the order in which it is claimed."""
    with db.read() as session:
        pause = store.paused(session)
        waiting, more = list_queue(session, settings, limit=SHOWN, cursor=cursor)
        query = RunListQuery(state=[RunState.RUNNING], sort="started", limit=SHOWN)
        running, _ = list_runs(session, settings, query)
    context: dict[str, Any] = {
        "paused": pause,
        "waiting": waiting,
        "running": running,
        "next": more,
        "cursor": cursor,
    }
    if request.headers.get("hx-request") == "true" and request.headers.get("hx-request-type") != "full":
        return partial(request, "queue/_live.html", **context)
    return page(request, "queue/index.html", nav="queue", **context)


@router.post("/queue/pause")
def pause(request: Request, db: DbDep, principal: Admin) -> Response:
    """Let no further run start."""
    with db.write() as session:
        store.pause(session, actor=principal.actor, now=utcnow())
    return redirect(request, "/queue")


@router.post("/queue/resume")
def resume(request: Request, db: DbDep, _principal: Admin) -> Response:
    """Let runs start again."""
    with db.write() as session:
        store.resume(session)
    return redirect(request, "/queue")


@router.post("/runs/{run_id}/move")
def move(request: Request, run_id: RunIdPath, db: DbDep, principal: Submitter, values: ValuesDep) -> Response:
    """Put a queued run somewhere else, as `POST /api/v1/runs/{id}/move` does.

    Raises:
        Invalid: not exactly one of before, after and to.
        Conflict: one of the runs is not queued any more.
    """
    try:
        body = RunMove.model_validate(values, strict=False)
    except ValidationError as error:
        raise Invalid("Name one place to move the run to: before, after or to.") from error
    with db.write() as session:
        moved(session, run_id, body, principal)
    return redirect(request, "/queue")
