"""`danlu submit --wait`: a live line of progress on stderr, and what the end means to a script."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from danlu.commands import output
from danlu.commands.output import Exit

if TYPE_CHECKING:
    from danlu.client import Run, Sweep

Json = dict[str, Any]


def exit_code(run: Json) -> Exit:
    """0 succeeded, 1 failed, 3 cancelled."""
    return {"succeeded": Exit.OK, "cancelled": Exit.CANCELLED}.get(run["state"], Exit.FAILED)


def watch(run: Run, *, quiet: bool) -> Run:
    """Wait for the end of a run: with a bar on a terminal, a line per change of state elsewhere, silent if `quiet`.

    Ctrl-C stops the watching, not the run, and raises KeyboardInterrupt.
    """
    try:
        if quiet:
            return run.wait()
        if sys.stderr.isatty():
            return _with_bar(run)
        return _with_lines(run)
    except KeyboardInterrupt:
        output.note(f"\nRun {run.id} goes on; `danlu cancel {run.id}` stops it.")
        raise


def watch_sweep(sweep: Sweep, *, quiet: bool) -> None:
    """Wait for the end of all runs of a sweep, with a line on stderr for each that ends, silent if `quiet`.

    Ctrl-C stops the watching, not the runs, and raises KeyboardInterrupt.
    """
    try:
        for done, run in enumerate(sweep.runs, 1):
            run.wait()
            if not quiet:
                output.note(f"{done} of {len(sweep.runs)}: run {run.id} {run.name}: {run.state}")
    except KeyboardInterrupt:
        output.note("\nThe runs go on; `danlu cancel ID…` stops them.")
        raise


def status(run: Json) -> str:
    """Where the run is, in a few words."""
    if run["state"] == "queued":
        position = run.get("position")
        why = run.get("waiting_reason") or (f"position {position}" if position else "")
        return f"queued{f', {why}' if why else ''}"
    return str((run.get("phase") if run["state"] == "running" else None) or run["state"])


def fraction(run: Json) -> tuple[float, float | None]:
    """Done and total of the finest progress that has a total."""
    progress = run.get("progress") or {}
    for done, total in (("step", "total"), ("epoch", "epochs")):
        if progress.get(total):
            return float(progress.get(done) or 0), float(progress[total])
    return 0.0, None


def _with_lines(run: Run) -> Run:
    said = ""

    def update(seen: Run) -> None:
        nonlocal said
        if (now := status(seen.data)) != said:
            said = now
            output.note(f"Run {seen.id}: {now}")

    return run.wait(on_update=update)


def _with_bar(run: Run) -> Run:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from danlu.commands.runs import metrics_text

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[metrics]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("queued", total=None, metrics="")

        def update(seen: Run) -> None:
            done, total = fraction(seen.data)
            shown = output.plain(metrics_text(seen.data, 4))
            said = output.plain(status(seen.data))
            progress.update(task, completed=done, total=total, description=said, metrics=shown)

        return run.wait(on_update=update)
