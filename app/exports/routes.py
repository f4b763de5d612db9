"""`GET /api/v1/experiments/{slug}/export`: an experiment as one zip."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from app.auth.deps import require
from app.clock import utcnow
from app.deps import DbDep, SettingsDep, SlugPath
from app.exports import queries
from app.strict import StrictRoute

router = APIRouter(prefix="/experiments", tags=["experiments"], route_class=StrictRoute)


@router.get(
    "/{slug}/export",
    dependencies=[Depends(require("read"))],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "The export, as it is made."}},
)
def export(
    slug: SlugPath,
    db: DbDep,
    settings: SettingsDep,
    files: Annotated[bool, Query(description="With every file of the runs, checkpoints too.")] = False,
) -> Response:
    """Everything of an experiment as a zip of Parquet and JSON; `danlu import` and the upload take it back."""
    from app.exports.archive import stream  # with numpy

    with db.read() as session:
        found = queries.experiment(session, slug)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.slug, safe='')}-export.zip",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(stream(settings, found, utcnow(), files=files), 200, headers, "application/zip")
