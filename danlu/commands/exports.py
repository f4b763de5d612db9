"""`danlu export`: an experiment as a folder or a zip of Parquet and JSON."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath

import typer

from danlu.commands import output
from danlu.commands.connect import connect
from danlu.commands.output import Exit, JsonFlag


def export(
    experiment: str = typer.Argument(metavar="EXPERIMENT", help="Its slug."),
    target: Path = typer.Argument(metavar="FOLDER|FILE.zip", help="What to write; must not be there yet."),
    files: bool = typer.Option(False, "--files", help="With every file of the runs, checkpoints too."),
    as_json: bool = JsonFlag,
) -> None:
    """Write an experiment: runs, params, curves, timelines. `danlu import` takes it back, here or elsewhere."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        output.fail(f"{target} is there already", Exit.USAGE)
    zipped = target.suffix == ".zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    archive = target if zipped else target.with_name(f".{target.name}.part.zip")
    try:
        with connect() as client:
            size = client.export(experiment, archive, files=files)
        if not zipped:
            _unpack(archive, target)
    finally:
        if not zipped:
            archive.unlink(missing_ok=True)
    if as_json:
        output.print_json({"experiment": experiment, "path": str(target), "bytes": size})
    else:
        print(f"{experiment} is in {target}")


def _unpack(archive: Path, target: Path) -> None:
    """Write the files of the export; a server of somebody else's could name them as it likes."""
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            parts = PurePosixPath(info.filename).parts
            if info.filename.startswith("/") or ".." in parts or "\\" in info.filename or not parts:
                output.fail(f"{info.filename!r} is no path of an export", Exit.FAILED)
            place = target.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(info) as source, place.open("wb") as file:
                shutil.copyfileobj(source, file)
