"""The environments' section of the settings page: its form and its buttons."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import Principal, require_page
from app.auth.routes_settings import show_settings
from app.clock import utcnow
from app.deps import DbDep
from app.environments import store
from app.environments.schemas import EnvironmentCreate
from app.errors import Conflict
from app.web import flash, redirect

router = APIRouter(prefix="/settings/environments", include_in_schema=False)
Admin = Annotated[Principal, Depends(require_page("admin"))]
Text = Annotated[str, Form()]
_FIELDS = {"name": "environment", "python": "python"}


@router.post("")
def add(request: Request, db: DbDep, principal: Admin, environment: Text = "", python: Text = "") -> Response:
    """Register an interpreter."""
    form = {"environment": environment[:64], "python": python[:1000]}
    try:
        wanted = EnvironmentCreate(name=environment.strip(), python=python.strip())
        with db.write() as session:
            store.add(session, wanted.name, wanted.python, actor=principal.actor, now=utcnow())
    except ValidationError as error:
        said = {
            str(item["loc"][0]): str(item["msg"]).removeprefix("Value error, ") for item in error.errors()
        }
        errors = {_FIELDS[field]: f"It {message}." for field, message in said.items()}
        return show_settings(request, db, principal, 422, errors=errors, form=form)
    except Conflict as taken:
        return show_settings(request, db, principal, 409, errors={"environment": taken.detail}, form=form)
    response = redirect(request, "/settings#environments")
    flash(request, response, f"Scripts can ask for venv:{wanted.name}.")
    return response


@router.post("/{name}/remove")
def remove(
    request: Request, name: Annotated[str, Path(max_length=64)], db: DbDep, _principal: Admin
) -> Response:
    """Forget one."""
    with db.write() as session:
        store.remove(session, name)
    response = redirect(request, "/settings#environments")
    flash(request, response, f"The environment {name} is no longer offered; its files are untouched.")
    return response
