"""`danlu import`: TensorBoard directories and exports become runs, where they lie or uploaded."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from danlu.commands import output
from danlu.commands.output import Exit, JsonFlag
from danlu.profile import default_home, load_profile

if TYPE_CHECKING:
    from app.imports.service import Report, Wish

Json = dict[str, Any]
_SHOWN = 20


def import_(
    path: Path = typer.Argument(
        metavar="LOGDIR|EXPORT", help="A TensorBoard directory, or an export (folder or zip)."
    ),
    experiment: str = typer.Option(
        None, "--experiment", "-e", help="Slug or name; made when it is new. An export brings its own."
    ),
    tags: list[str] = typer.Option(None, "--tag", "-t", help="A label of the new runs; may be repeated."),
    per_folder: bool = typer.Option(
        False, "--per-folder", help="Each folder with event files is a run, whatever it is called."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would be done."),
    upload: bool = typer.Option(
        False, "--upload", help="Send the event files to the server, instead of reading them where they lie."
    ),
    as_json: bool = JsonFlag,
) -> None:
    """Make runs of what was trained elsewhere. Nothing is ever written into the directory.

    On the server's machine the runs stay where they are and are read there. Importing again adds what is new and reads
    again what has grown. With --upload, and from other machines, the event files are sent and kept by the server.
    """
    if not path.exists():
        output.fail(f"{path} is not there", Exit.USAGE)
    export = _is_export(path)
    if experiment is None and not export:
        output.fail("name the experiment: --experiment NAME", Exit.USAGE)
    _check(experiment, tags or [])
    local = load_profile(default_home()).local
    if not upload and not local:
        output.fail("the server is on another machine: add --upload to send the files", Exit.USAGE)
    if upload and dry_run:
        output.fail("--dry-run shows what would be done here; leave --upload out", Exit.USAGE)
    fields: Json = {"experiment": experiment, "tags": tuple(tags or ()), "per_folder": per_folder}
    report = _uploaded(path, fields, export=export) if upload else _in_place(path, fields, dry_run=dry_run)
    if as_json:
        output.print_json(report)
    else:
        _print(report)


def _in_place(path: Path, fields: Json, *, dry_run: bool) -> Json:
    """In the home's own database, whether the server runs or not."""
    from app.config import load_settings
    from app.errors import AppError
    from app.imports.service import Wish
    from danlu.commands.local import open_database

    settings = load_settings()
    wish = Wish(
        experiment=fields["experiment"] or "",
        tags=fields["tags"],
        per_folder=fields["per_folder"],
        dry_run=dry_run,
        progress=None if not sys.stderr.isatty() else _progress,
    )
    try:
        with open_database(settings) as database:
            return _import(database, settings, path.resolve(), wish).body()
    except AppError as error:
        output.fail(error.detail, Exit.USAGE)


def _import(database: Any, settings: Any, path: Path, wish: Wish) -> Report:
    from app.clock import utcnow
    from app.files import remove_tree
    from app.imports import restore
    from app.imports.service import import_folder
    from app.imports.upload import import_archive, new_scratch

    settings.uploads_dir.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        scratch = new_scratch(settings)
        try:
            # A link of its own: the archive is read, never moved.
            (scratch / "upload").symlink_to(path)
            return import_archive(database, settings, scratch / "upload", path.name, wish, utcnow())
        finally:
            remove_tree(scratch)
    if restore.is_export(path):
        return restore.import_export(database, settings, path, wish, utcnow())
    return import_folder(database, settings, path, wish, utcnow())


def _uploaded(path: Path, fields: Json, *, export: bool) -> Json:
    """Over REST: an archive as it is, of a folder what belongs to its runs."""
    from danlu.commands.connect import connect
    from danlu.logpack import pack_logdir

    query: list[tuple[str, str]] = [("tag", tag) for tag in fields["tags"]]
    if fields["experiment"]:
        query.append(("experiment", fields["experiment"]))
    if fields["per_folder"]:
        query.append(("per_folder", "true"))
    with tempfile.TemporaryDirectory(prefix="danlu-") as scratch, connect() as client:
        archive = path
        if path.is_dir():
            archive = Path(scratch) / f"{path.resolve().name or 'logs'}.tar.gz"
            if not pack_logdir(path, archive, everything=export):
                output.fail(f"there is no event file in {path}", Exit.USAGE)
        return client.import_archive(archive, query)


def _is_export(path: Path) -> bool:
    if path.is_dir():
        return (path / "manifest.json").is_file() and (path / "runs.json").is_file()
    return path.suffix == ".zip"


def _check(experiment: str | None, tags: list[str]) -> None:
    """Refuse what the server would refuse, before anything is read."""
    if experiment is not None and not (0 < len(experiment.strip()) <= 200 and experiment.isprintable()):
        output.fail("--experiment has 1 to 200 printable characters", Exit.USAGE)
    for tag in tags:
        if not (0 < len(tag) <= 64 and tag.isprintable()):
            output.fail(f"--tag {tag!r}: a tag has 1 to 64 printable characters", Exit.USAGE)


def _progress(done: int, whole: int) -> None:
    end = "\n" if done >= whole else ""
    print(f"\r{done} of {whole} runs", end=end, file=sys.stderr, flush=True)


def _print(report: Json) -> None:
    verb = "would be " if report["dry_run"] else ""
    table = output.table("", "run", "path", "event files")
    rows = [("new", item) for item in report["added"]] + [("grown", item) for item in report["updated"]]
    for what, item in rows[:_SHOWN]:
        folders = ", ".join(folder or "." for folder in item["folders"])
        table.add_row(what, str(item["run"] or ""), output.markup(item["path"]), output.markup(folders))
    if rows:
        output.console().print(table)
    counts = report["counts"]
    if sum(counts.values()) > _SHOWN:
        output.note(f"… and {sum(counts.values()) - _SHOWN} more")
    for text in report["notes"]:
        output.note(f"note: {text}")
    where = f" in {report['experiment']}" if report["experiment"] else ""
    print(
        f"{counts['added']} {verb}added, {counts['updated']} {verb}updated, {report['unchanged']} unchanged"
        f"{output.plain(where)}"
    )
