"""submit: a run of a recipe, or of a script on this machine with the folder that it lies in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from danlu.commands import code, output
from danlu.commands.connect import connect
from danlu.commands.output import Exit, JsonFlag
from danlu.commands.runs import print_run
from danlu.commands.watch import exit_code, watch

if TYPE_CHECKING:
    from danlu.client import Run

Json = dict[str, Any]

SetOption = typer.Option(
    None,
    "--set",
    "-s",
    metavar="KEY=VALUE",
    help="One param; the value is read as JSON, else it is a string.",
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
    With --wait the exit code is 0 when it succeeded, 1 when it failed, 3 when it was cancelled.
    """
    asked = code.Asked(what, args or [], folder, snapshot, environment, shell, alone)
    fields: Json = {
        "name": name, "device": device, "processes": processes, "seed": seed, "tags": tags or None, "notes": notes,
        "priority": priority, "max_retries": max_retries, "timeout_s": timeout, "after": after,
    }  # fmt: skip
    params = read_params(settings or [])
    if not asked.is_script:
        recipe = asked.recipe(dry_run=dry_run)
        with connect() as client:
            _follow_up(
                client.submit(experiment or recipe, recipe, params, **fields), wait=wait, as_json=as_json
            )
        return
    packed = code.pack(asked)
    if dry_run:
        code.show(packed, as_json=as_json)
        return
    with connect() as client:
        run = code.submit(client, asked, packed, experiment, params, fields)
        _follow_up(run, wait=wait, as_json=as_json)


def _follow_up(run: Run, *, wait: bool, as_json: bool) -> None:
    """Print the run; with `wait`, once it has ended, and exit by how it ended."""
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


def read_params(settings: list[str]) -> Json:
    """`["lr=0.1", "name=x"]` as params: the value is JSON where it is valid JSON, else a string."""
    params: Json = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            output.fail(f"--set takes KEY=VALUE, not {setting!r}", Exit.USAGE)
        params[key.strip()] = read_value(text)
    return params


def read_value(text: str) -> object:
    """JSON, else the text itself. What cannot be sent as JSON (NaN, 1e400) stays text, for the server to refuse by name."""

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    def real(digits: str) -> object:
        number = float(digits)
        return number if math.isfinite(number) else refuse(digits)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=real)
    except (ValueError, RecursionError):
        return text
