"""The calls on saved views: `/api/v1/views…`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import JSONResponse, Response

from app.auth.deps import Principal, require
from app.clock import utcnow
from app.compare.views import store
from app.compare.views.schemas import ViewCreate, ViewList, ViewOut, ViewPatch
from app.deps import DbDep
from app.errors import Invalid
from app.fields import MAX_ID, Text
from app.strict import StrictRoute

router = APIRouter(prefix="/views", tags=["views"], route_class=StrictRoute)
READ = [Depends(require("read"))]
Submitter = Annotated[Principal, Depends(require("submit"))]
ViewId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the view.")]


@router.get("", dependencies=READ, response_model=ViewList, response_class=JSONResponse)
def index(
    db: DbDep,
    experiment: Annotated[
        Text | None, Query(description="Slug; without it, the views across experiments.")
    ] = None,
) -> Response:
    """All saved views of an experiment, its default first, then by name."""
    with db.read() as session:
        return JSONResponse({"items": store.list_views(session, experiment), "next": None})


@router.post("", status_code=201, response_model=ViewOut, response_class=JSONResponse)
def create(body: ViewCreate, db: DbDep, principal: Submitter) -> Response:
    """Save what a workbench shows under a name."""
    with db.write() as session:
        made = store.view_dict(session, store.create(session, body, principal, utcnow()))
    return JSONResponse(made, 201, {"Location": made["links"]["self"]})


@router.patch("/{view_id}", response_model=ViewOut, response_class=JSONResponse)
def change(view_id: ViewId, body: ViewPatch, db: DbDep, principal: Submitter) -> Response:
    """Rename a view, replace what it holds, or choose it as the default of its experiment."""
    missing = [name for name in body.model_fields_set if getattr(body, name) is None]
    if missing:
        raise Invalid(f"{missing[0]} must not be null.", fields=dict.fromkeys(missing, "must not be null"))
    with db.write() as session:
        store.change(session, view_id, body, principal, utcnow())
        return JSONResponse(store.view_dict(session, view_id))


@router.delete("/{view_id}", status_code=204, response_class=Response)
def delete(view_id: ViewId, db: DbDep, principal: Submitter) -> Response:
    """Forget a view."""
    with db.write() as session:
        store.remove(session, view_id, principal)
    return Response(status_code=204)
