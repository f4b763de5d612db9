"""`danlu doctor`: what is wrong with this machine's Danlu, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from danlu.commands import output
from danlu.commands.output import Exit, JsonFlag
from danlu.commands.serve import HomeOption, settings_from

if TYPE_CHECKING:
    from danlu.commands.checks import Finding

STYLE = {"ok": "green", "warning": "yellow", "broken": "red"}


def doctor(home: Path = HomeOption, as_json: bool = JsonFlag) -> None:
    """Check Python, SQLite, torch, TensorBoard, disk, home, port, database, workers and leftover processes.

    Exit code 1 when something is broken; warnings alone give 0.
    """
    from app.errors import StartupError
    from danlu.commands.checks import Finding, check_all

    try:
        findings = check_all(settings_from(home=home))
    except StartupError as error:
        findings = [Finding("settings", "broken", str(error), "correct it, see docs/settings.md")]
    broken = any(finding.level == "broken" for finding in findings)
    if as_json:
        output.print_json({"ok": not broken, "findings": [finding.as_dict() for finding in findings]})
    else:
        _print(findings)
    raise typer.Exit(int(Exit.FAILED if broken else Exit.OK))


def _print(findings: list[Finding]) -> None:
    table = output.table("check", "", "finding", "remedy")
    for finding in findings:
        table.add_row(
            finding.check,
            output.markup(finding.level, STYLE[finding.level]),
            output.markup(finding.detail),
            output.markup(finding.remedy),
        )
    output.console().print(table)
