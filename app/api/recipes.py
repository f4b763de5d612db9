"""The calls on recipes: what the workers offer, with the JSON Schema of each one's params."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import JSONResponse, Response

from app.answers import RecipeList, RecipeOut
from app.api import queries
from app.auth.deps import require
from app.deps import DbDep
from app.errors import NotFound
from app.runs.making import unknown_recipe
from app.runs.queries import recipe_names
from app.strict import StrictRoute

router = APIRouter(
    prefix="/recipes", tags=["recipes"], route_class=StrictRoute, dependencies=[Depends(require("read"))]
)


@router.get("", response_model=RecipeList, response_class=JSONResponse)
def index(db: DbDep) -> Response:
    """List all recipes by name."""
    with db.read() as session:
        return JSONResponse({"items": queries.recipe_dicts(session), "next": None})


@router.get("/{name}", response_model=RecipeOut, response_class=JSONResponse)
def show(name: Annotated[str, Path(max_length=200)], db: DbDep) -> Response:
    """One recipe."""
    with db.read() as session:
        # A text that no database can hold names nothing.
        found = queries.recipe_dict(session, name) if "\0" not in name else None
        if found is None:
            raise NotFound(f"There is no recipe {name!r}: {unknown_recipe(name, recipe_names(session))}.")
    return JSONResponse(found)
