"""Reports in the database. Flushes, never commits."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from app import cursors
from app.auth.principal import Principal
from app.clock import rfc3339
from app.db import WriteSession
from app.errors import Conflict, Forbidden, NotFound
from app.experiments import queries as experiments
from app.models import Experiment, Report, User
from app.reports.schemas import ReportCreate, ReportPatch

Json = dict[str, Any]


class Changed(Conflict):
    """Somebody else has changed the report meanwhile; the answer has what stands there now."""

    def __init__(self, present: Json) -> None:
        super().__init__(
            "The report was changed meanwhile: compare both, then save again with its new updated_at."
        )
        self.present = present

    def body(self) -> dict[str, object]:
        """With the report as it is now."""
        return {**super().body(), "present": self.present}


def list_reports(
    session: Session, experiment: str | None, *, limit: int, cursor: str | None
) -> tuple[list[Json], str | None]:
    """One page of reports without their bodies, newest first; of all experiments for None.

    Raises:
        NotFound: there is no such experiment.
        Invalid: a cursor that is not of this list.
    """
    query = _rows().order_by(Report.id.desc()).limit(limit + 1)
    if experiment is not None:
        query = query.where(Report.experiment_id == experiments.get(session, experiment).id)
    if cursor is not None:
        query = query.where(Report.id < cursors.decode_id(cursor, "reports"))
    rows = session.execute(query).all()
    more = cursors.encode("reports", [rows[limit - 1][0].id]) if len(rows) > limit else None
    found = [to_json(*row) for row in rows[:limit]]
    return [{key: value for key, value in one.items() if key != "body"} for one in found], more


def report_dict(session: Session, report_id: int) -> Json:
    """The JSON of one report.

    Raises:
        NotFound: there is none with this id.
    """
    row = session.execute(_rows().where(Report.id == report_id)).first()
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return to_json(*row)


def create(session: WriteSession, body: ReportCreate, principal: Principal, now: datetime) -> int:
    """Write a report; gives its id.

    Raises:
        NotFound: there is no such experiment.
    """
    scope = None if body.experiment is None else experiments.get(session, body.experiment).id
    made = Report(
        experiment_id=scope, title=body.title, body=body.body, owner_id=principal.user_id, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made.id


def change(session: WriteSession, report_id: int, body: ReportPatch, seen: str | None, now: datetime) -> None:
    """Write another title or text; whoever may submit may do it.

    Args:
        session: of the write.
        report_id: which.
        body: what to write.
        seen: `updated_at` as it was when the caller read it; None: whatever it is.
        now: moment of the change.

    Raises:
        NotFound: there is none with this id.
        Changed: somebody else was faster.
    """
    report = session.get(Report, report_id, with_for_update=True)
    present = report_dict(session, report_id)
    assert report is not None  # noqa: S101 - read right before
    if seen is not None and seen != present["updated_at"]:
        raise Changed(present)
    report.title = report.title if body.title is None else body.title
    report.body = report.body if body.body is None else body.body
    report.updated_at = now
    session.flush()


def remove(session: WriteSession, report_id: int, principal: Principal) -> None:
    """Delete a report.

    Raises:
        NotFound: there is none with this id.
        Forbidden: it is somebody else's.
    """
    report_dict(session, report_id)
    report = session.get_one(Report, report_id)
    if report.owner_id is not None and report.owner_id != principal.user_id and not principal.is_admin:
        raise Forbidden("Only who wrote a report, or an administrator, can delete it.")
    session.execute(delete(Report).where(Report.id == report_id))


def to_json(report: Report, experiment: str | None, owner: str | None) -> Json:
    """A report as REST shows it."""
    path = f"/api/v1/reports/{report.id}"
    return {
        "id": report.id,
        "title": report.title,
        "experiment": experiment,
        "owner": owner,
        "created_at": rfc3339(report.created_at),
        "updated_at": rfc3339(report.updated_at),
        "links": {
            "self": path,
            "page": f"/reports/{report.id}",
            "html": f"{path}/export?format=html",
            "pdf": f"{path}/export?format=pdf",
        },
        "body": report.body,
    }


def _rows() -> Select[Report, str, str]:
    return (
        select(Report, Experiment.slug, User.username)
        .outerjoin(Experiment, Experiment.id == Report.experiment_id)
        .outerjoin(User, User.id == Report.owner_id)
        .where(Experiment.deleted_at.is_(None))
    )
