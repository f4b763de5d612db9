"""The calls on reports: `/api/v1/reports…`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.responses import JSONResponse, Response

from app.auth.deps import Principal, require
from app.clock import utcnow
from app.deps import DbDep, SettingsDep
from app.errors import Invalid
from app.fields import MAX_ID, Text
from app.metrics.routes import BoardsDep, ReaderDep
from app.reports import store
from app.reports.render import TYPES, Format, export
from app.reports.schemas import PreviewOut, ReportCreate, ReportList, ReportOut, ReportPatch, ReportPreview
from app.strict import StrictRoute

router = APIRouter(prefix="/reports", tags=["reports"], route_class=StrictRoute)
READ = [Depends(require("read"))]
Submitter = Annotated[Principal, Depends(require("submit"))]
ReportId = Annotated[int, Path(ge=1, le=MAX_ID, description="Id of the report.")]
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-popups-to-escape-sandbox"


@router.get("", dependencies=READ, response_model=ReportList, response_class=JSONResponse)
def index(
    db: DbDep,
    experiment: Annotated[Text | None, Query(description="Slug; without it, all reports.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """List reports, newest first, without their texts."""
    with db.read() as session:
        items, more = store.list_reports(session, experiment, limit=limit, cursor=cursor)
    return JSONResponse({"items": items, "next": more})


@router.post("", status_code=201, response_model=ReportOut, response_class=JSONResponse)
def create(body: ReportCreate, db: DbDep, principal: Submitter) -> Response:
    """Write a report."""
    with db.write() as session:
        made = store.report_dict(session, store.create(session, body, principal, utcnow()))
    return JSONResponse(made, 201, {"Location": made["links"]["self"], "ETag": _etag(made)})


@router.post(
    "/preview",
    dependencies=[Depends(require("submit"))],
    response_model=PreviewOut,
    response_class=JSONResponse,
)
def preview(body: ReportPreview, db: DbDep, settings: SettingsDep) -> Response:
    """How a text looks as a report; nothing is stored."""
    from app.reports.gather import resolved  # with numpy, a tenth of the server's memory at its start
    from app.reports.html import page_html

    return JSONResponse({"html": page_html(body.body, resolved(db, settings, body.experiment, body.body))})


@router.get("/{report_id}", dependencies=READ, response_model=ReportOut, response_class=JSONResponse)
def show(report_id: ReportId, db: DbDep) -> Response:
    """One report."""
    with db.read() as session:
        found = store.report_dict(session, report_id)
    return JSONResponse(found, headers={"ETag": _etag(found)})


@router.patch("/{report_id}", response_model=ReportOut, response_class=JSONResponse)
def change(
    report_id: ReportId,
    body: ReportPatch,
    db: DbDep,
    _principal: Submitter,
    if_match: Annotated[str | None, Header(description="ETag of the report as it was read.")] = None,
) -> Response:
    """Change title or text.

    With `If-Match` or `updated_at` a report that somebody else has changed since is left as it is: 409, with what
    stands there now in `present`.
    """
    missing = [name for name in body.model_fields_set if getattr(body, name) is None]
    if missing:
        raise Invalid(f"{missing[0]} must not be null.", fields=dict.fromkeys(missing, "must not be null"))
    seen = body.updated_at or (if_match.strip().strip('"') if if_match and if_match != "*" else None)
    try:
        with db.write() as session:
            store.change(session, report_id, body, seen, utcnow())
            made = store.report_dict(session, report_id)
    except store.Changed as error:
        return JSONResponse(error.body(), error.status)
    return JSONResponse(made, headers={"ETag": _etag(made)})


@router.delete("/{report_id}", status_code=204, response_class=Response)
def delete(report_id: ReportId, db: DbDep, principal: Submitter) -> Response:
    """Delete a report; its writer or an administrator may."""
    with db.write() as session:
        store.remove(session, report_id, principal)
    return Response(status_code=204)


@router.get(
    "/{report_id}/export",
    dependencies=READ,
    response_class=Response,
    responses={200: {"content": {"text/html": {}, "application/pdf": {}}, "description": "The file."}},
)
def export_file(
    report_id: ReportId,
    db: DbDep,
    settings: SettingsDep,
    boards: BoardsDep,
    reader: ReaderDep,
    format: Annotated[Format, Query(description="html: one file that needs nothing else; pdf.")] = "html",  # noqa: A002 - the parameter's name
) -> Response:
    """The report as a file, with runs and curves as they are now."""
    name, content = export(db, settings, boards, reader, report_id, format)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": POLICY,
    }
    return Response(content, media_type=TYPES[format], headers=headers)


def _etag(report: dict[str, object]) -> str:
    return f'"{report["updated_at"]}"'
