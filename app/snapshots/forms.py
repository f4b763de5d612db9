"""What the scripts of a snapshot can be told: read from their source, kept with the snapshot, nothing executed."""

import difflib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from app.errors import Invalid
from app.models import Snapshot
from app.snapshots.entrypoints import MAX_SOURCE
from danlu.packnames import check_path
from danlu.scriptform import ScriptError, ScriptForm, decode, read_form

MAX_FORMS = 8
"""Entrypoints whose form is read at the upload; that of any other is read when it is asked for."""
NOTHING = ScriptForm(kind="none")


class BadSyntax(Invalid):
    """A script that Python cannot read."""

    code = "syntax_error"

    def __init__(self, path: str, error: ScriptError) -> None:
        super().__init__(
            f"{path}: {error}.",
            fields={"entrypoint": f"{path}: {error}", "line": str(error.line), "column": str(error.column)},
        )


def forms_of(folder: Path, entrypoints: list[str]) -> dict[str, Any]:
    """The forms of the likeliest entrypoints, as JSON. One that is not Python has none: it may be a template.

    Raises:
        BadSyntax: the only one is not Python.
    """
    found: dict[str, Any] = {}
    for path in entrypoints[:MAX_FORMS]:
        try:
            found[path] = read(folder, path).to_dict()
        except BadSyntax:
            if len(entrypoints) == 1:
                raise
    return found


def form_of(snapshot: Snapshot, folder: Path, entrypoint: str) -> ScriptForm:
    """The form of an entrypoint of a stored snapshot.

    Raises:
        BadSyntax: it is not Python.
        Invalid: there is no such file.
    """
    known = snapshot.forms.get(entrypoint)
    return ScriptForm.from_dict(known) if known is not None else read(folder, entrypoint)


def read(folder: Path, entrypoint: str) -> ScriptForm:
    """The form of a script in a folder; one that is no Python file has none.

    Raises:
        BadSyntax: it is not Python.
    """
    if PurePosixPath(entrypoint).suffix != ".py":
        return NOTHING
    place = folder / entrypoint
    if place.stat().st_size > MAX_SOURCE:
        return NOTHING
    try:
        return read_form(decode(place.read_bytes()), entrypoint, find=_beside(folder, entrypoint))
    except ScriptError as error:
        raise BadSyntax(entrypoint, error) from error


def check_entrypoint(snapshot: Snapshot, folder: Path, entrypoint: str) -> str:
    """An entrypoint as the snapshot has it.

    Raises:
        Invalid: no such file, with those that come close.
    """
    path = str(PurePosixPath(entrypoint))
    if path in snapshot.entrypoints or (_may_be_there(path) and (folder / path).is_file()):
        return path
    close = difflib.get_close_matches(path, snapshot.entrypoints, n=3, cutoff=0.5)
    offered = " or ".join(close) or ", ".join(snapshot.entrypoints[:5])
    remedy = f"; did you mean {offered}?" if offered else "; it holds no script"
    message = f"is not a file of the snapshot{remedy}"
    raise Invalid(f"{entrypoint[:200]} {message}", fields={"entrypoint": message})


def _may_be_there(path: str) -> bool:
    """Whether any snapshot could have such a path; the others lead out of it, or cannot even be asked for."""
    try:
        check_path(path)
    except ValueError:
        return False
    return True


def _beside(folder: Path, entrypoint: str) -> Callable[[str], str | None]:
    """Looks up a module that the script would import from its own folder."""
    base = PurePosixPath(entrypoint).parent

    def find(module: str) -> str | None:
        path = base.joinpath(*module.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            place = folder / candidate
            if place.is_file() and place.stat().st_size <= MAX_SOURCE:
                try:
                    return decode(place.read_bytes())
                except ScriptError:
                    return None
        return None

    return find
