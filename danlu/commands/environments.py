"""`danlu environment`: the Pythons that scripts may ask for by name, on the machine itself with the home's own rights."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from danlu.commands import output
from danlu.commands.local import open_database
from danlu.commands.output import Exit, JsonFlag
from danlu.commands.serve import HomeOption, settings_from

app = typer.Typer(
    no_args_is_help=True,
    help="Virtual environments that scripts ask for as `venv:NAME`; on the server's own machine: no login is needed.",
)
_ACTOR = "this machine"


@app.command()
def add(
    name: str = typer.Argument(help="Scripts ask for it as `venv:NAME`."),
    python: Path = typer.Argument(help="Its folder, or its interpreter."),
    home: Path = HomeOption,
    as_json: bool = JsonFlag,
) -> None:
    """Offer an environment of this machine to scripts."""
    from pydantic import ValidationError

    from app.clock import utcnow
    from app.environments import store
    from app.environments.schemas import EnvironmentCreate, environment_json
    from app.errors import Conflict

    path = python.expanduser().absolute()
    path = path / "bin" / "python" if path.is_dir() else path
    if not os.access(path, os.X_OK):
        output.fail(f"{path} is no interpreter that can be executed", Exit.USAGE)
    try:
        wanted = EnvironmentCreate(name=name, python=str(path))
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        output.fail(f"{error.errors()[0]['loc'][0]} {said}", Exit.USAGE)
    with open_database(settings_from(home=home)) as database, database.write() as session:
        try:
            made = environment_json(
                store.add(session, wanted.name, wanted.python, actor=_ACTOR, now=utcnow())
            )
        except Conflict as taken:
            output.fail(taken.detail, Exit.USAGE)
    if as_json:
        output.print_json(made)
    else:
        print(f"Scripts can ask for venv:{wanted.name} ({wanted.python}).")


@app.command(name="list")
def list_(home: Path = HomeOption, as_json: bool = JsonFlag) -> None:
    """List the environments that are offered."""
    from app.environments import store
    from app.environments.schemas import environment_json

    with open_database(settings_from(home=home)) as database, database.read() as session:
        found = [environment_json(environment) for environment in store.all_environments(session)]
    if as_json:
        output.print_json(found)
        return
    table = output.table("name", "interpreter", "since", "by")
    for item in found:
        table.add_row(
            output.markup(item["name"]),
            output.markup(item["python"]),
            item["created_at"][:16].replace("T", " "),
            output.markup(item["created_by"]),
        )
    output.console().print(table)


@app.command()
def remove(name: str = typer.Argument(help="As `list` shows it."), home: Path = HomeOption) -> None:
    """Offer an environment no more. Its files are not touched."""
    from app.environments import store
    from app.errors import NotFound

    with open_database(settings_from(home=home)) as database, database.write() as session:
        try:
            store.remove(session, name)
        except NotFound as missing:
            output.fail(missing.detail, Exit.USAGE)
    print(f"Scripts cannot ask for venv:{name} any more.")
