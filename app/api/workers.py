"""GET /api/v1/workers: who would run what is queued."""

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from app.answers import WorkerList
from app.api import queries
from app.auth.deps import require
from app.clock import utcnow
from app.deps import DbDep, SettingsDep
from app.strict import StrictRoute

router = APIRouter(
    prefix="/workers", tags=["workers"], route_class=StrictRoute, dependencies=[Depends(require("read"))]
)


@router.get("", response_model=WorkerList, response_class=JSONResponse)
def index(db: DbDep, settings: SettingsDep) -> Response:
    """List the workers with their devices and what they run."""
    with db.read() as session:
        return JSONResponse({"items": queries.worker_dicts(session, settings, utcnow()), "next": None})
