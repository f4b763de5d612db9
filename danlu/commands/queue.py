"""queue: what waits, in its order; pausing, resuming, moving runs; over REST."""

from __future__ import annotations

from typing import Literal

import typer

from danlu.commands import output
from danlu.commands.connect import connect
from danlu.commands.output import Exit, JsonFlag

app = typer.Typer(
    help="Show the queue; pause it, resume it, move runs in it.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def queue(context: typer.Context, as_json: bool = JsonFlag) -> None:
    """Show the queue: the runs that wait, the next one first, and why each waits."""
    if context.invoked_subcommand is not None:
        return
    with connect() as client:
        found = client.queue()
    if as_json:
        output.print_json({"paused": found.paused, "items": [run.data for run in found.runs]})
        return
    if found.paused:
        output.note(f"The queue is paused by {found.paused['by']} since {found.paused['at']}: no run starts.")
    table = output.table("place", "id", "experiment", "name", "priority", "device", "waits")
    for run in found.runs:
        data = run.data
        table.add_row(
            str(data["position"]),
            str(data["id"]),
            output.markup(data["experiment"]),
            output.markup(data["name"]),
            str(data["priority"]),
            output.markup(data["device"]),
            output.markup(data["waiting_reason"]),
        )
    output.console().print(table)
    if not found.runs:
        output.note("Nothing waits.")


@app.command()
def pause() -> None:
    """Start no more runs, of anybody, until the queue is resumed; those that run go on. Needs the admin right."""
    with connect() as client:
        client.pause_queue()
    print("The queue is paused.")


@app.command()
def resume() -> None:
    """Start runs again, in their order. Needs the admin right."""
    with connect() as client:
        client.resume_queue()
    print("The queue goes on.")


@app.command()
def move(
    run_id: int = typer.Argument(metavar="ID", help="A queued run."),
    before: int = typer.Option(None, metavar="ID", help="Right before this queued run, with its priority."),
    after: int = typer.Option(None, metavar="ID", help="Right behind this queued run, with its priority."),
    top: bool = typer.Option(False, "--top", help="To the front of the queue."),
    bottom: bool = typer.Option(False, "--bottom", help="To the end of the queue."),
    as_json: bool = JsonFlag,
) -> None:
    """Put a queued run somewhere else in the queue."""
    if (before is not None) + (after is not None) + top + bottom != 1:
        output.fail("give exactly one of --before ID, --after ID, --top and --bottom", Exit.USAGE)
    with connect() as client:
        end: Literal["top", "bottom"] | None = "top" if top else "bottom" if bottom else None
        run = client.run(run_id).move(end, before=before, behind=after)
    if as_json:
        output.print_json(run.data)
    else:
        print(
            f"Run {run.id} is number {run.data['position']} in the queue, with priority {run.data['priority']}"
        )
