"""The pages of reports: lists, reading, writing with a preview; by plain forms where there is no JavaScript."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import Principal, require_page
from app.clock import utcnow
from app.compare.views.store import list_views
from app.deps import DbDep, SettingsDep, SlugPath
from app.errors import Invalid
from app.experiments import queries as experiments
from app.pages.run_fields import ValuesDep
from app.reports import store
from app.reports.routes import ReportId
from app.reports.schemas import ReportCreate, ReportPatch
from app.web import flash, page, redirect

router = APIRouter()
READ = [Depends(require_page("read"))]
Submitter = Annotated[Principal, Depends(require_page("submit"))]
SHOWN = 100


@router.get("/reports", dependencies=READ)
def index(request: Request, db: DbDep, cursor: str | None = None) -> Response:
    """All reports."""
    with db.read() as session:
        items, more = store.list_reports(session, None, limit=SHOWN, cursor=cursor)
    return page(request, "reports/index.html", nav="experiments", experiment=None, reports=items, next=more)


@router.get("/experiments/{slug}/reports", dependencies=READ)
def of_experiment(request: Request, slug: SlugPath, db: DbDep, cursor: str | None = None) -> Response:
    """The reports of an experiment."""
    with db.read() as session:
        about = experiments.experiment_dict(session, slug)
        items, more = store.list_reports(session, slug, limit=SHOWN, cursor=cursor)
    return page(request, "reports/index.html", nav="experiments", experiment=about, reports=items, next=more)


@router.post("/reports")
def create(request: Request, db: DbDep, principal: Submitter, values: ValuesDep) -> Response:
    """Begin a report; it is opened for writing.

    Raises:
        Invalid: no title, or one that is too long.
    """
    try:
        body = ReportCreate(title=values.get("title", ""), experiment=values.get("experiment") or None)
    except ValidationError as error:
        raise _refused(error) from error
    with db.write() as session:
        made = store.create(session, body, principal, utcnow())
    return redirect(request, f"/reports/{made}/edit")


@router.get("/reports/{report_id}", dependencies=READ)
def show(request: Request, report_id: ReportId, db: DbDep, settings: SettingsDep) -> Response:
    """A report with its charts alive."""
    with db.read() as session:
        report = store.report_dict(session, report_id)
    from markupsafe import Markup

    from app.reports.gather import resolved  # with numpy, a tenth of the server's memory at its start
    from app.reports.html import page_html

    # made by app.reports.markdown, which lets no HTML of a writer through
    body = Markup(page_html(report["body"], resolved(db, settings, report["experiment"], report["body"])))  # noqa: S704
    return page(request, "reports/show.html", nav="experiments", report=report, body=body)


@router.get("/reports/{report_id}/edit", dependencies=[Depends(require_page("submit"))])
def edit(request: Request, report_id: ReportId, db: DbDep) -> Response:
    """A report to be written."""
    with db.read() as session:
        report = store.report_dict(session, report_id)
        views = list_views(session, report["experiment"])
    return page(request, "reports/edit.html", nav="experiments", report=report, views=views, theirs=None)


@router.post("/reports/{report_id}")
def save(
    request: Request, report_id: ReportId, db: DbDep, _principal: Submitter, values: ValuesDep
) -> Response:
    """Write what a form has; when somebody else was faster, both texts are shown.

    Raises:
        NotFound: there is no such report.
        Invalid: no title, or a text that is too long.
    """
    written: dict[str, Any] = {key: str(values.get(key, "")) for key in ("title", "body")}
    try:
        body = ReportPatch(title=written["title"], body=written["body"].replace("\r\n", "\n"))
    except ValidationError as error:
        raise _refused(error) from error
    try:
        with db.write() as session:
            store.change(session, report_id, body, values.get("updated_at") or None, utcnow())
    except store.Changed as error:
        with db.read() as session:
            views = list_views(session, error.present["experiment"])
        mine = error.present | written
        return page(
            request, "reports/edit.html", 409, nav="experiments", report=mine, views=views,
            theirs=error.present,
        )  # fmt: skip
    return redirect(request, f"/reports/{report_id}")


@router.post("/reports/{report_id}/delete")
def delete(request: Request, report_id: ReportId, db: DbDep, principal: Submitter) -> Response:
    """Remove a report; the others are shown."""
    with db.write() as session:
        report = store.report_dict(session, report_id)
        store.remove(session, report_id, principal)
    slug = report["experiment"]
    response = redirect(request, f"/experiments/{slug}/reports" if slug else "/reports")
    flash(request, response, f"The report “{report['title']}” was deleted.")
    return response


def _refused(error: ValidationError) -> Invalid:
    fields = {str(one["loc"][0]): one["msg"].removeprefix("Value error, ") for one in error.errors()}
    return Invalid(f"Wrong: {', '.join(fields)}.", fields=fields)
