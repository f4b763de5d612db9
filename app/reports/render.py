"""A report as a file, for REST and the command line."""

import re
from typing import Any, Literal

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.metrics.dataserver import ScalarReader
from app.reports import store
from app.tensorboard.manager import TensorBoards

Format = Literal["html", "pdf"]
TYPES: dict[Format, str] = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}


def export(
    db: Database, settings: Settings, boards: TensorBoards, reader: ScalarReader, report_id: int, kind: Format
) -> tuple[str, bytes]:
    """Name and content of the file, with the runs and curves as they are now.

    Raises:
        NotFound: there is no such report.
    """
    with db.read() as session:
        report = store.report_dict(session, report_id)
    from app.reports.gather import filled  # with numpy, a tenth of the server's memory at its start

    blocks = filled(db, settings, boards, reader, report)
    exported = utcnow().strftime("%Y-%m-%d %H:%M UTC")
    if kind == "html":
        from app.reports.html import file_html

        content = file_html(report, blocks, origin=settings.origin, exported=exported).encode()
    else:
        from app.reports.pdf import file_pdf  # with reportlab, a second of the server's start

        content = file_pdf(report, blocks, origin=settings.origin, exported=exported)
    return f"{_slug(report)}.{kind}", content


def _slug(report: dict[str, Any]) -> str:
    words = re.sub(r"[^\w]+", "-", report["title"], flags=re.ASCII).strip("-").lower()
    return f"{words[:60] or 'report'}-{report['id']}"
