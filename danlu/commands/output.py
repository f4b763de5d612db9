"""What the commands share on their way out: exit codes, one-line errors, JSON, tables."""

from __future__ import annotations

import json
import re
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from danlu.errors import ApiError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

JsonFlag = typer.Option(False, "--json", help="Print JSON instead of a table.")


class Exit(IntEnum):
    """What a script learns from `danlu`; docs/cli.md has the same list."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    UNREACHABLE = 4
    UNAUTHORISED = 5


STATE_STYLE = {
    "queued": "yellow",
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "dim",
}

# What a terminal would obey. Names, notes and errors come from other people and from scripts.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Say one line on stderr and end with that code."""
    print(f"danlu: {plain(message)}", file=sys.stderr)
    raise typer.Exit(int(code))


def fail_with(error: ApiError) -> NoReturn:
    """The line and the exit code of what the server (or nobody) answered."""
    if error.status == 0:
        remedy = " Start one with `danlu up`, or set DANLU_URL." if error.code == "unreachable" else ""
        fail(f"{error}{remedy}", Exit.UNREACHABLE)
    if error.code == "not_danlu":
        fail(f"{error} Check DANLU_URL.", Exit.UNREACHABLE)
    if error.status == 401:
        fail(f"{error} Make a token with `danlu token create NAME` and set DANLU_TOKEN.", Exit.UNAUTHORISED)
    if error.status == 403:
        fail(str(error), Exit.UNAUTHORISED)
    fail(str(error), Exit.USAGE if error.status in {400, 404, 409, 413, 422} else Exit.FAILED)


def note(message: str) -> None:
    """A line for a human who watches, on stderr."""
    print(plain(message), file=sys.stderr)


def print_json(value: Any) -> None:
    """The value as indented JSON on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=not _speaks_unicode()))


def console() -> Console:
    """A rich console on stdout; wide enough for scripts that read a table through a pipe."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def table(*columns: str) -> Table:
    """A table without lines, for `console().print`."""
    from rich import box
    from rich.table import Table

    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        result.add_column(column, overflow="fold")
    return result


def plain(text: object) -> str:
    """Text that a terminal shows and never obeys."""
    return _CONTROL.sub("\ufffd", str(text))


def markup(text: object, style: str = "") -> str:
    """`plain`, escaped for rich and in a style."""
    from rich.markup import escape

    shown = escape(plain(text))
    return f"[{style}]{shown}[/]" if style and shown else shown


def number(value: object) -> str:
    """A metric's value as a person reads it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else plain(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def seconds(value: float | None) -> str:
    """A duration such as 3.2 s, 4 min 05 s, 2 h 10 min; empty for None."""
    if value is None:
        return ""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
