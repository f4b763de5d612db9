"""The calls on experiments: `/api/v1/experiments…`."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response

from app.answers import ExperimentList, ExperimentOut
from app.auth.deps import Principal, require
from app.clock import utcnow
from app.deps import DbDep, SettingsDep, SlugPath
from app.errors import AppError, Invalid
from app.experiments import queries, service
from app.experiments.schemas import ExperimentCreate, ExperimentPatch
from app.fields import Text
from app.runs.cleanup import finish_experiment, mark_experiment
from app.strict import StrictRoute

log = logging.getLogger(__name__)
router = APIRouter(prefix="/experiments", tags=["experiments"], route_class=StrictRoute)
READ = [Depends(require("read"))]
SUBMIT = [Depends(require("submit"))]


@router.post("", status_code=201, response_model=ExperimentOut, response_class=JSONResponse)
def create(
    body: ExperimentCreate,
    db: DbDep,
    settings: SettingsDep,
    principal: Annotated[Principal, Depends(require("submit"))],
) -> Response:
    """Make an experiment; its slug is made of its name."""
    with db.write() as session:
        made = service.create(
            session,
            settings,
            name=body.name,
            description=body.description,
            owner_id=principal.user_id,
            now=utcnow(),
        )
        answer = queries.experiment_dict(session, made.slug)
    return JSONResponse(answer, 201, {"Location": answer["links"]["self"]})


@router.get("", dependencies=READ, response_model=ExperimentList, response_class=JSONResponse)
def index(
    db: DbDep,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    q: Annotated[Text | None, Query(description="Found in the name, as it is written.")] = None,
) -> Response:
    """List experiments, newest first, with their runs counted by state."""
    with db.read() as session:
        items, more = queries.list_experiments(session, limit=limit, cursor=cursor, q=q)
    return JSONResponse({"items": items, "next": more})


@router.get("/{slug}", dependencies=READ, response_model=ExperimentOut, response_class=JSONResponse)
def show(slug: SlugPath, db: DbDep) -> Response:
    """One experiment."""
    with db.read() as session:
        return JSONResponse(queries.experiment_dict(session, slug))


@router.patch("/{slug}", dependencies=SUBMIT, response_model=ExperimentOut, response_class=JSONResponse)
def change(slug: SlugPath, body: ExperimentPatch, db: DbDep) -> Response:
    """Change the name or the description; the slug, and so every link, stays."""
    missing = [name for name in body.model_fields_set if getattr(body, name) is None]
    if missing:
        raise Invalid(f"{missing[0]} must not be null.", fields=dict.fromkeys(missing, "must not be null"))
    with db.write() as session:
        service.change(session, slug, name=body.name, description=body.description, now=utcnow())
        return JSONResponse(queries.experiment_dict(session, slug))


@router.delete("/{slug}", dependencies=SUBMIT, status_code=204, response_class=Response)
def delete(slug: SlugPath, db: DbDep, settings: SettingsDep, request: Request) -> Response:
    """Delete an experiment with all its runs and files; refused while any of them is queued or running."""
    experiment_id = mark_experiment(db, slug)
    try:
        request.app.state.tensorboards.stop(slug)
    except AppError as error:
        # The experiment is hidden already, so nothing starts it again; its folder goes in any case.
        log.warning("the TensorBoard of %s did not stop: %s", slug, error.detail)
    finish_experiment(settings, db, experiment_id, slug)
    return Response(status_code=204)
