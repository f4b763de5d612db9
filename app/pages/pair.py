"""The page of two runs: what differs between them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import require_page
from app.deps import DbDep, SettingsDep
from app.errors import NotFound
from app.fields import MAX_ID
from app.runs import queries as runs
from app.web import page

router = APIRouter(dependencies=[Depends(require_page("read"))])
_Id = Annotated[int, Query(ge=1, le=MAX_ID)]


@router.get("/compare/diff")
def difference(request: Request, a: _Id, b: _Id, db: DbDep, settings: SettingsDep) -> Response:
    """Two runs side by side.

    Raises:
        NotFound: one of them is not there.
    """
    with db.read() as session:
        found = {run["id"]: run for run in runs.run_dicts(session, settings, [a, b])}
    for run_id in (a, b):
        if run_id not in found:
            raise NotFound(f"There is no run {run_id}.")
    return page(request, "compare/diff.html", nav="experiments", a=found[a], b=found[b])
