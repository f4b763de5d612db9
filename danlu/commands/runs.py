"""ls, show, logs, cancel: runs, over REST."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

import typer

from danlu.commands import output
from danlu.commands.connect import connect
from danlu.commands.output import Exit, JsonFlag
from danlu.errors import ApiError

if TYPE_CHECKING:
    from danlu.client import Run

Json = dict[str, Any]


def ls(
    experiment: str = typer.Option(None, "--experiment", "-e", help="Only this experiment (its slug)."),
    state: str = typer.Option(None, help="Only this state: queued, running, succeeded, failed, cancelled."),
    tag: str = typer.Option(None, "--tag", "-t", help="Only runs with this tag."),
    recipe: str = typer.Option(None, help="Only this recipe."),
    sweep: str = typer.Option(None, metavar="ID", help="Only the runs of this sweep."),
    q: str = typer.Option(
        None,
        "--query",
        "--search",
        "-q",
        help="Such as 'state:running lr<0.01 val_acc>0.9 -tag:bad'; bare words are found in the name or the notes.",
    ),
    sort: str = typer.Option(None, help="Such as -created, -metrics.val_acc or params.lr."),
    limit: int = typer.Option(50, "--limit", "-n", min=1, help="At most so many."),
    as_json: bool = JsonFlag,
) -> None:
    """List runs, newest first."""
    with connect() as client:
        runs = client.runs(
            limit=limit,
            experiment=experiment,
            state=state,
            tag=tag,
            recipe=recipe,
            sweep=sweep,
            q=q,
            sort=sort,
        )
        found = [run.data for run in runs]
    if as_json:
        output.print_json(found)
        return
    table = output.table("id", "experiment", "name", "state", "progress", "device", "metrics", "created")
    for run in found:
        table.add_row(
            str(run["id"]),
            output.markup(experiment_of(run)),
            output.markup(run.get("name")),
            output.markup(run["state"], output.STATE_STYLE.get(run["state"], "")),
            progress_text(run),
            output.markup(device_of(run)),
            output.markup(metrics_text(run, 3)),
            output.markup(str(run.get("created_at", ""))[:16].replace("T", " ")),
        )
    output.console().print(table)
    if not found:
        output.note("No runs. Queue one: danlu submit rings --wait")


def show(run_id: int = typer.Argument(metavar="ID", help="The run."), as_json: bool = JsonFlag) -> None:
    """Show a run whole: state and reason, params, metrics, timeline of its times."""
    with connect() as client:
        run = client.run(run_id).data
    if as_json:
        output.print_json(run)
    else:
        print_run(run)


def logs(
    run_id: int = typer.Argument(metavar="ID", help="The run."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on until the run has ended."),
    tail: int = typer.Option(
        None, "--tail", "-n", min=0, metavar="LINES", help="Begin with the last so many lines."
    ),
    as_json: bool = typer.Option(
        False, "--json", help='Print {"run", "offset", "text"} per piece, one per line.'
    ),
) -> None:
    """Print what a run wrote to its stdout and stderr."""

    def emit(text: str, after: int) -> None:
        if as_json:
            print(json.dumps({"run": run_id, "offset": after, "text": text}), flush=True)
        else:
            sys.stdout.write(text)
            sys.stdout.flush()

    with connect() as client:
        run = client.run(run_id)
        offset = 0
        if tail is not None:
            text, offset = run.log(tail=tail)
            emit(text, offset)
        if tail is None or follow:
            for piece, after in run.log_pieces(offset, follow=follow):
                emit(piece, after)


def cancel(
    run_ids: list[int] = typer.Argument(metavar="ID…", help="The runs."),
    wait: bool = typer.Option(False, "--wait", "-w", help="Exit when all of them have ended."),
    as_json: bool = JsonFlag,
) -> None:
    """Ask runs to stop. Asking again changes nothing; a run that has ended stays as it is (exit code 2)."""
    refused: list[ApiError] = []
    runs: list[Run] = []
    with connect() as client:
        for run_id in run_ids:
            try:
                runs.append(client.run(run_id).cancel())
            except ApiError as error:
                if error.status not in {404, 409}:
                    raise
                refused.append(error)
                output.note(f"danlu: run {run_id}: {error}")
        if wait:
            for run in runs:
                run.wait()
    if as_json:
        output.print_json([run.data for run in runs])
    else:
        for run in runs:
            print(f"Run {run.id} is {run.state}{'' if run.ended else ', asked to stop'}")
    if refused:
        raise typer.Exit(int(Exit.USAGE))


def experiment_of(run: Json) -> str:
    """The slug, whichever way the answer holds it."""
    experiment = run.get("experiment")
    return str(experiment.get("slug") if isinstance(experiment, dict) else experiment or "")


def device_of(run: Json) -> str:
    """The device that it runs on, or the one that it asked for."""
    return str(run.get("resolved_device") or run.get("device") or "")


def progress_text(run: Json) -> str:
    """Such as `epoch 3/100` or `120/2000`; empty before there is any."""
    progress = run.get("progress") or {}
    for done, total, label in (("epoch", "epochs", "epoch "), ("step", "total", "")):
        if progress.get(done) is not None:
            whole = f"/{progress[total]}" if progress.get(total) is not None else ""
            return f"{label}{progress[done]}{whole}"
    return ""


def metrics_text(run: Json, limit: int | None = None) -> str:
    """`tag last` of the first tags, by name."""
    metrics = run.get("metrics") or {}
    return "  ".join(f"{tag} {output.number(metrics[tag].get('last'))}" for tag in sorted(metrics)[:limit])


def print_run(run: Json) -> None:
    """The run as rows of name and value."""
    table = output.table("", "")
    table.show_header = False
    state = output.markup(run["state"], output.STATE_STYLE.get(run["state"], ""))
    rows: list[tuple[str, str]] = [
        ("run", output.markup(f"{run['id']}  {run.get('name', '')}  ({experiment_of(run)})")),
        ("state", " ".join(part for part in (state, output.markup(run.get("reason") or "")) if part)),
        ("detail", output.markup(run.get("detail") or run.get("waiting_reason") or "")),
        ("progress", progress_text(run)),
        ("recipe", output.markup(run.get("recipe") or "")),
        ("command", output.markup(command_of(run))),
        ("code", output.markup(code_of(run))),
        ("params", output.markup(json.dumps(run.get("params") or {}, ensure_ascii=False))),
        ("device", output.markup(device_of(run))),
        ("processes", str(run["processes"]) if run.get("processes", 1) > 1 else ""),
        ("seed", output.markup(run.get("seed") if run.get("seed") is not None else "")),
        ("attempt", output.markup(run.get("attempt") or "")),
        ("tags", output.markup(", ".join(run.get("tags") or []))),
        ("notes", output.markup(run.get("notes") or "")),
    ]
    rows += [
        (name, output.markup(run.get(name) or "")) for name in ("created_at", "started_at", "finished_at")
    ]
    for name, shown in rows:
        if shown:
            table.add_row(f"[dim]{name.removesuffix('_at')}[/]", shown)
    output.console().print(table)
    _print_metrics(run.get("metrics") or {})


def command_of(run: Json) -> str:
    """What a script run executes, as a person would type it; empty for a recipe."""
    entrypoint, environment = run.get("entrypoint"), run.get("environment")
    if not entrypoint or environment == "shell":
        return str(entrypoint or "")
    start = ["uv", "run"] if environment == "uv" else ["python"]
    note = f"  ({environment})" if environment not in {None, "worker", "uv"} else ""
    return shlex.join([*start, entrypoint, *run.get("args", ())]) + note


def code_of(run: Json) -> str:
    """The snapshot, and the commit that it was made at."""
    git = run.get("git") or {}
    parts = [(run.get("snapshot") or "")[:12], git.get("branch") or "", (git.get("commit") or "")[:12]]
    return " ".join([*filter(None, parts), *(["with changes"] if git.get("dirty") else [])])


def _print_metrics(metrics: dict[str, Json]) -> None:
    if not metrics:
        return
    table = output.table("metric", "last", "min", "max", "step")
    for tag in sorted(metrics):
        cells = (output.number(metrics[tag].get(name)) for name in ("last", "min", "max", "step"))
        table.add_row(output.markup(tag), *cells)
    output.console().print(table)
