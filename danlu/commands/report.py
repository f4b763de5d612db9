"""report: a report as one HTML file or as PDF, over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer

from danlu.commands import output
from danlu.commands.connect import connect
from danlu.commands.output import Exit, JsonFlag

app = typer.Typer(
    help="Export reports.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ENDINGS: dict[str, Literal["html", "pdf"]] = {".html": "html", ".htm": "html", ".pdf": "pdf"}


@app.callback()
def report() -> None:
    """Reports: texts with charts."""


@app.command()
def export(
    report_id: int = typer.Argument(metavar="ID", help="The report; its page's address ends with it."),
    file: Path = typer.Argument(metavar="FILE", help="What to write: it ends in .html or .pdf."),
    as_json: bool = JsonFlag,
) -> None:
    """Write a report, with its runs and curves as they are now, into one file that needs nothing else."""
    kind = ENDINGS.get(file.suffix.lower())
    if kind is None:
        output.fail(f"{file.name} ends in neither .html nor .pdf", Exit.USAGE)
    if not file.parent.is_dir():
        output.fail(f"there is no folder {file.parent}; make it first", Exit.USAGE)
    with connect() as client:
        size = client.export_report(report_id, file, format=kind)
    if as_json:
        output.print_json({"id": report_id, "file": str(file), "bytes": size})
    else:
        print(f"Report {report_id} is written to {file}.")
