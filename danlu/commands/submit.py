"""submit: a run of a recipe, or of a script on this machine with the folder that it lies in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from danlu.commands import code, output
from danlu.commands.connect import connect
from danlu.commands.grid import read_grid
from danlu.commands.output import Exit, JsonFlag
from danlu.commands.runs import print_run
from danlu.commands.values import read_params
from danlu.commands.watch import exit_code, watch, watch_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from danlu.client import Client, Run, Sweep

Json = dict[str, Any]

SetOption = typer.Option(
    None,
    "--set",
    "-s",
    metavar="KEY=VALUE",
    help="One param; the value is read as JSON, else it is a string.",
)

GridOption = typer.Option(
    None,
    "--grid",
    metavar="KEY=VALUES",
    help="Runs for all of these values, each in turn with those of other --grid: lr=0.1,0.01 or seed=1..5.",
)


def submit(
    what: str = typer.Argument(
        None, metavar="RECIPE|SCRIPT", help="Name of a recipe, such as rings; or a script or folder of yours."
    ),
    args: list[str] = typer.Argument(
        None, metavar="[-- ARGUMENT…]", help="Of a script: what stands behind its name, as it is."
    ),
    *,
    settings: list[str] = SetOption,
    grid: list[str] = GridOption,
    experiment: str = typer.Option(
        None,
        "--experiment",
        "-e",
        help="Experiment; made when it is new. Default: the recipe's name, or that of the script's folder.",
    ),
    name: str = typer.Option(None, help="Name of the run. Default: the recipe's or the script's name."),
    folder: Path = typer.Option(
        None,
        file_okay=False,
        exists=True,
        help="Of a script: what is packed. Default: the folder that it lies in.",
    ),
    alone: bool = typer.Option(False, "--alone", help="Of a script: nothing but the script is packed."),
    snapshot: str = typer.Option(
        None, metavar="ID", help="Code that the server has already; the script is one of its files."
    ),
    environment: str = typer.Option(
        None, help="What executes a script: worker (default; warm), cold, uv, or venv:NAME."
    ),
    shell: str = typer.Option(
        None, metavar="COMMAND", help="A command line for bash in the folder, such as 'bash train.sh'."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="List what would be packed and what not; send nothing."
    ),
    after: int = typer.Option(None, metavar="ID", help="Start only when that run has succeeded."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:N or mps."),
    processes: int = typer.Option(
        None, help="1 to 64 that train together on one machine; on CUDA each has its own GPU. Default: 1."
    ),
    seed: int = typer.Option(None, help="0 to 2^32-1. Default: drawn at random and recorded."),
    tags: list[str] = typer.Option(None, "--tag", "-t", help="A label; may be repeated."),
    notes: str = typer.Option(None, help="Free text."),
    priority: int = typer.Option(None, help="-100 to 100; higher starts earlier."),
    max_retries: int = typer.Option(None, help="How often to run again after a failure of its own."),
    timeout: int = typer.Option(None, metavar="SECONDS", help="Stop the training after so many seconds."),
    wait: bool = typer.Option(False, "--wait", "-w", help="Show progress and exit when the run has ended."),
    as_json: bool = JsonFlag,
) -> None:
    """Queue a run of a recipe, or of a script.

    danlu submit rings --set lr=0.1, or danlu submit train.py -- --lr 0.1. What exists as a file, ends in .py or .sh, or
    has a slash in it (a folder: proj/) is a script.
    With --grid it makes one run for each combination of the values, all of them or none.
    With --wait the exit code is 0 when it succeeded, 1 when it failed, 3 when it was cancelled; of several runs, 1 when any failed.
    """
    asked = code.Asked(what, args or [], folder, snapshot, environment, shell, alone)
    fields: Json = {
        "name": name, "device": device, "processes": processes, "seed": seed, "tags": tags or None, "notes": notes,
        "priority": priority, "max_retries": max_retries, "timeout_s": timeout, "after": after,
    }  # fmt: skip
    params, sweep = read_params(settings or []), _grid(grid or [])
    if not asked.is_script:
        recipe = asked.recipe(dry_run=dry_run)
        with connect() as client:
            made = _sender(client, sweep)(experiment or recipe, recipe, params, **fields)
            _follow_up(made, wait=wait, as_json=as_json)
        return
    packed = code.pack(asked)
    if dry_run:
        code.show(packed, as_json=as_json)
        return
    with connect() as client:
        made = code.submit(_sender(client, sweep), client, asked, packed, experiment, params, fields)
        _follow_up(made, wait=wait, as_json=as_json)


def _sender(client: Client, grid: dict[str, list[object]]) -> Callable[..., Run | Sweep]:
    return partial(client.sweep, grid=grid) if grid else client.submit


def _grid(settings: list[str]) -> dict[str, list[object]]:
    try:
        return read_grid(settings)
    except ValueError as error:
        output.fail(str(error), Exit.USAGE)


def _follow_up(made: Run | Sweep, *, wait: bool, as_json: bool) -> None:
    """Print what was made; with `wait`, once it has ended, and exit by how it ended."""
    from danlu.client import Sweep

    if isinstance(made, Sweep):
        _follow_sweep(made, wait=wait, as_json=as_json)
    else:
        _follow_run(made, wait=wait, as_json=as_json)


def _follow_sweep(sweep: Sweep, *, wait: bool, as_json: bool) -> None:
    first, last = sweep.runs[0], sweep.runs[-1]
    where = f"{first.url.rpartition('/runs/')[0]}/experiments/{first.experiment}?sweep={sweep.id}"
    count = (
        f"{len(sweep.runs)} runs, {first.id} to {last.id}" if len(sweep.runs) > 1 else f"1 run, {first.id}"
    )
    if wait:
        output.note(f"Sweep of {count}: {where}")
        watch_sweep(sweep, quiet=as_json)
    if as_json:
        output.print_json({"sweep": sweep.id, "items": [run.data for run in sweep.runs]})
    else:
        if not wait:
            print(f"Sweep of {count}: {where}")
        for run in sweep.runs:
            print(output.plain(f"Run {run.id} is {run.state}: {run.name}"))
    if wait:
        codes = {exit_code(run.data) for run in sweep.runs}
        raise typer.Exit(int(Exit.FAILED if Exit.FAILED in codes else max(codes)))


def _follow_run(run: Run, *, wait: bool, as_json: bool) -> None:
    if wait:
        output.note(f"Run {run.id}: {run.url}")
        watch(run, quiet=as_json)
    if as_json:
        output.print_json(run.data)
    elif wait:
        print_run(run.data)
    else:
        print(f"Run {run.id} is {run.state}: {run.url}")
    if wait:
        raise typer.Exit(int(exit_code(run.data)))
