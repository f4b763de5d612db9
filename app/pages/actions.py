"""What a run's page does: cancel, retry, delete. For htmx and, by plain forms, without JavaScript."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import Principal, require_page
from app.clock import utcnow
from app.deps import DbDep, RunIdPath, SettingsDep
from app.pages.routes import run_context
from app.runs import queries, queue, service
from app.runs.cleanup import delete_run
from app.web import flash, partial, redirect

router = APIRouter()
Submitter = Annotated[Principal, Depends(require_page("submit"))]


@router.post("/runs/{run_id}/cancel")
def cancel(
    request: Request, run_id: RunIdPath, db: DbDep, settings: SettingsDep, principal: Submitter
) -> Response:
    """Ask a run to stop; its page then says that it is stopping.

    Raises:
        NotFound: there is no such run.
        Conflict: it has ended already.
    """
    with db.write() as session:
        queue.request_cancel(session, run_id, actor=service.actor_of(principal), now=utcnow())
    if request.headers.get("hx-target", "").endswith("#run-head"):
        return partial(request, "runs/_live.html", **run_context(db, settings, run_id))
    if request.headers.get("hx-request"):
        # from the table: its row comes with the next refresh, which this asks for
        return Response(status_code=204, headers={"HX-Trigger": "danlu:experiment"})
    return redirect(request, f"/runs/{run_id}")


@router.post("/runs/{run_id}/retry")
def retry(
    request: Request, run_id: RunIdPath, db: DbDep, settings: SettingsDep, principal: Submitter
) -> Response:
    """The same again as a new run, whose page is shown."""
    made = service.retry_run(db, settings, run_id, service.Caller(principal), utcnow())
    response = redirect(request, f"/runs/{made.run['id']}")
    flash(request, response, f"Run #{run_id} is queued again as #{made.run['id']}.")
    return response


@router.post("/runs/{run_id}/delete", dependencies=[Depends(require_page("submit"))])
def delete(request: Request, run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """Remove an ended run with its files; its experiment is shown."""
    with db.read() as session:
        row = queries.get_row(session, run_id)
    delete_run(settings, db, run_id)
    response = redirect(request, f"/experiments/{row.experiment}")
    flash(request, response, f"Run #{run_id} ({row.run.name}) was deleted.")
    return response
