"""The calls on runs: `/api/v1/runs…`. What is inside a run's folder is served by `app.runs.routes_files`."""

import re
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Query
from starlette.responses import JSONResponse, Response

from app.answers import EventList, RunList, RunOut
from app.auth.deps import Principal, require
from app.clock import utcnow
from app.deps import DbDep, RunIdPath, SettingsDep
from app.errors import Invalid
from app.runs import queries, queue, service
from app.runs.cleanup import delete_run
from app.runs.listing.queries import list_runs
from app.runs.listing.request import RunListQuery
from app.runs.schemas import RunClone, RunCreate, RunPatch
from app.runs.service import Caller, Submitted
from app.strict import StrictRoute

router = APIRouter(prefix="/runs", tags=["runs"], route_class=StrictRoute)
READ = [Depends(require("read"))]
SUBMIT = [Depends(require("submit"))]
Submitter = Annotated[Principal, Depends(require("submit"))]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="1 to 255 visible ASCII characters; the same request with it again gives the same answer.",
        ),
    ] = None,
) -> str | None:
    """The header, checked.

    Raises:
        Invalid: longer, empty, or other characters.
    """
    if key is not None and not _KEY.fullmatch(key):
        remedy = "must be 1 to 255 visible ASCII characters"
        raise Invalid(f"Idempotency-Key {remedy}.", fields={"Idempotency-Key": remedy})
    return key


KeyDep = Annotated[str | None, Depends(idempotency_key)]


def _created(submitted: Submitted) -> Response:
    headers = {"Location": submitted.run["links"]["self"]}
    if submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(submitted.run, 201, headers)


@router.post("", status_code=201, response_model=RunOut, response_class=JSONResponse)
def create(body: RunCreate, db: DbDep, settings: SettingsDep, principal: Submitter, key: KeyDep) -> Response:
    """Queue a run of a recipe or of a script. Params that are left out get its defaults; a new experiment is made."""
    return _created(service.create_run(db, settings, body, Caller(principal, key), utcnow()))


@router.get("", dependencies=READ, response_model=RunList, response_class=JSONResponse)
def index(query: Annotated[RunListQuery, Query()], db: DbDep, settings: SettingsDep) -> Response:
    """List runs, filtered and sorted, by pages."""
    with db.read() as session:
        items, more = list_runs(session, settings, query)
    return JSONResponse({"items": items, "next": more})


@router.get("/{run_id}", dependencies=READ, response_model=RunOut, response_class=JSONResponse)
def show(run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """One run, whole."""
    with db.read() as session:
        return JSONResponse(queries.run_dict(session, settings, run_id))


@router.patch("/{run_id}", dependencies=SUBMIT, response_model=RunOut, response_class=JSONResponse)
def change(run_id: RunIdPath, body: RunPatch, db: DbDep, settings: SettingsDep) -> Response:
    """Change name, tags, notes and colour; the priority only while the run is queued."""
    values = {name: getattr(body, name) for name in body.model_fields_set}
    missing = [name for name, value in values.items() if value is None and name != "colour"]
    if missing:
        raise Invalid(f"{missing[0]} must not be null.", fields=dict.fromkeys(missing, "must not be null"))
    with db.write() as session:
        if "priority" in values:
            queries.change_priority(session, run_id, values, utcnow())
        elif values:
            queries.change_labels(session, run_id, values, utcnow())
        return JSONResponse(queries.run_dict(session, settings, run_id))


@router.delete("/{run_id}", dependencies=SUBMIT, status_code=204, response_class=Response)
def delete(run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """Delete a run that has ended, with its files."""
    delete_run(settings, db, run_id)
    return Response(status_code=204)


@router.post("/{run_id}/cancel", response_model=RunOut, response_class=JSONResponse)
def cancel(run_id: RunIdPath, db: DbDep, settings: SettingsDep, principal: Submitter) -> Response:
    """Ask a run to stop: a queued one is cancelled at once, a running one saves and stops. Repeating it is harmless."""
    with db.write() as session:
        queue.request_cancel(session, run_id, actor=service.actor_of(principal), now=utcnow())
        return JSONResponse(queries.run_dict(session, settings, run_id))


@router.post("/{run_id}/retry", status_code=201, response_model=RunOut, response_class=JSONResponse)
def retry(run_id: RunIdPath, db: DbDep, settings: SettingsDep, principal: Submitter, key: KeyDep) -> Response:
    """Queue the same again as a new run, once this one has ended."""
    return _created(service.retry_run(db, settings, run_id, Caller(principal, key), utcnow()))


@router.post("/{run_id}/clone", status_code=201, response_model=RunOut, response_class=JSONResponse)
def clone(
    run_id: RunIdPath,
    db: DbDep,
    settings: SettingsDep,
    principal: Submitter,
    key: KeyDep,
    body: Annotated[RunClone, Body(default_factory=RunClone)],
) -> Response:
    """Queue a run like this one, with what is sent changed; `params` are merged key by key."""
    return _created(service.clone_run(db, settings, run_id, body, Caller(principal, key), utcnow()))


@router.get("/{run_id}/events", dependencies=READ, response_model=EventList, response_class=JSONResponse)
def events(run_id: RunIdPath, db: DbDep) -> Response:
    """The run's timeline, oldest first."""
    with db.read() as session:
        return JSONResponse({"items": queries.timeline(session, run_id), "next": None})
