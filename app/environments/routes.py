"""The calls on registered environments: everybody sees them, an administrator adds and removes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import JSONResponse, Response

from app.auth.deps import Principal, require
from app.clock import utcnow
from app.deps import DbDep
from app.environments import store
from app.environments.schemas import EnvironmentCreate, EnvironmentList, EnvironmentOut, environment_json
from app.strict import StrictRoute

router = APIRouter(prefix="/environments", tags=["environments"], route_class=StrictRoute)
Admin = Annotated[Principal, Depends(require("admin"))]


@router.get(
    "", dependencies=[Depends(require("read"))], response_model=EnvironmentList, response_class=JSONResponse
)
def index(db: DbDep) -> Response:
    """List the virtual environments that scripts can ask for, by name."""
    with db.read() as session:
        items = [environment_json(environment) for environment in store.all_environments(session)]
    return JSONResponse({"items": items, "next": None})


@router.post("", status_code=201, response_model=EnvironmentOut, response_class=JSONResponse)
def create(body: EnvironmentCreate, db: DbDep, principal: Admin) -> Response:
    """Register an interpreter of the workers' machines. 409 where the name is taken."""
    with db.write() as session:
        made = environment_json(
            store.add(session, body.name, body.python, actor=principal.actor, now=utcnow())
        )
    return JSONResponse(made, 201)


@router.delete("/{name}", status_code=204, response_class=Response)
def delete(name: Annotated[str, Path(max_length=64)], db: DbDep, _principal: Admin) -> Response:
    """Forget an environment; its files stay. Queued runs that ask for it will fail with `bad_environment`."""
    with db.write() as session:
        store.remove(session, name)
    return Response(status_code=204)
