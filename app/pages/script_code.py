"""The code of a draft and of a run: read from the snapshot, compared with a parent's, and stored as a snapshot of its own."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy.orm import Session

from app.auth.deps import Principal
from app.config import Settings
from app.db import Database
from app.pages.script_draft import Draft
from app.runs import codediff
from app.runs.queries import git_diff, run_dict, run_exists
from app.runs.views import Json
from app.snapshots import forms, queries, service, store
from app.snapshots.texts import Texts, places, read_text, same
from danlu.packnames import check_path

MOST_SHOWN = 300
"""Files of a snapshot that a run's page lists."""
PROGRAMS = {"uv": "uv run ", "shell": ""}


def entrypoints(session: Session, snapshot: str) -> list[str] | None:
    """The Python files of a snapshot that can be run, the likeliest first; None when there is no such snapshot."""
    found = queries.find(session, snapshot) if snapshot.isascii() and snapshot.isalnum() else None
    return [str(path) for path in found.entrypoints if str(path).endswith(".py")] if found else None


def source_of(settings: Settings, draft: Draft) -> str | None:
    """The text of the draft's entrypoint; None when there is none yet, or when it is no text."""
    text = _text(settings, draft, draft.entrypoint)
    return text if text and text.strip() else None


def finder(settings: Settings, draft: Draft) -> Callable[[str], str | None]:
    """Looks up the source of a module that the entrypoint would import from beside it."""
    beside = PurePosixPath(draft.entrypoint).parent

    def find(module: str) -> str | None:
        path = beside.joinpath(*module.split("."))
        names = (str(path.with_suffix(".py")), str(path / "__init__.py"))
        return next((text for name in names if (text := _text(settings, draft, name)) is not None), None)

    return find


def _text(settings: Settings, draft: Draft, path: str) -> str | None:
    if path in draft.edits:
        return draft.edits[path]
    place = _place(settings, draft, path)
    return None if place is None else read_text(place)


def _place(settings: Settings, draft: Draft, path: str) -> Path | None:
    """Where a file of the snapshot below the draft lies; None when it has none of that name."""
    if not draft.base or not path:
        return None
    try:
        check_path(path)
    except ValueError:  # nothing in a snapshot is called so
        return None
    place = store.folder_of(settings, draft.base) / path
    return place if place.is_file() else None


def compared(settings: Settings, parent: str | None, draft: Draft) -> tuple[Texts, Texts]:
    """The files that may differ between a parent's snapshot and a draft: what the one has, and what the other has."""
    old: Texts = {}
    new: Texts = dict(draft.edits)
    if (
        parent and parent == draft.base
    ):  # then nothing but what was edited can differ, however many files there are
        untouched = replace(draft, edits={})
        there = {path: _place(settings, untouched, path) for path in draft.edits}
        return {path: read_text(place) for path, place in there.items() if place is not None}, new
    before, after = places(settings, parent), places(settings, draft.base)
    for path, place in before.items():
        other = after.get(path)
        if path in draft.edits or other is None or not same(place, other):
            old[path] = read_text(place)
            if path not in draft.edits and other is not None:
                new[path] = read_text(other)
    new |= {path: read_text(place) for path, place in after.items() if path not in before and path not in new}
    return old, new


def stored(db: Database, settings: Settings, draft: Draft, principal: Principal, now: datetime) -> str:
    """Store the draft's code as it stands; the snapshot's id. Code that is known already is not stored again.

    Raises:
        Refused: a name that no file can have.
        BadSyntax: the only script is not Python.
        NoSpace: the disk is full.
    """
    if draft.base and not draft.edits:
        return draft.base
    alone = not draft.base and list(draft.edits) == [draft.filename]
    name = draft.filename if alone else "code.zip"
    made = service.save_edited(db, settings, draft.base or None, draft.edits, name, principal.user_id, now)
    return made.id


def git_of(session: Session, settings: Settings, parent: int | None, snapshot: str) -> Json | None:
    """What git said of a parent's code, when it is this very code; None for changed code, or without git."""
    if parent is None or not run_exists(session, parent):
        return None
    origin = run_dict(session, settings, parent)
    if origin["snapshot"] != snapshot or origin["git"] is None:
        return None
    told: Json = origin["git"] | {"diff": git_diff(session, parent) or ""}
    return told


def code_of(session: Session, settings: Settings, run: Json) -> dict[str, Any] | None:
    """What a run's page shows of its code; None for a run that was not made from a script."""
    if not run["snapshot"]:
        return None
    folder = store.folder_of(settings, run["snapshot"])
    files = store.listing(folder)
    diff = git_diff(session, run["id"])
    return {
        "command": command_of(run),
        "params": {} if _said_by_arguments(folder, run) else run["params"],
        "files": len(files),
        "shown": _shown([str(item["path"]) for item in files], run["entrypoint"]),
        "size": sum(int(str(item["size"])) for item in files),
        "diff": codediff.parse(diff) if diff else [],
    }


def _shown(paths: list[str], entrypoint: str) -> list[str]:
    """The files to list: all, or where there are many, what is run and the other scripts first."""
    if len(paths) <= MOST_SHOWN:
        return paths
    return sorted(paths, key=lambda path: (path != entrypoint, not path.endswith(".py")))[:MOST_SHOWN]


def _said_by_arguments(folder: Path, run: Json) -> bool:
    if run["environment"] == "shell":
        return True
    try:
        return forms.read(folder, run["entrypoint"]).kind not in ("constants", "none")
    except (forms.BadSyntax, OSError):  # it ran, so it was readable once; then the arguments are all there is
        return True


def command_of(run: Json) -> str:
    """How a person would start a script run."""
    if run["environment"] == "shell":
        return str(run["entrypoint"])
    return PROGRAMS.get(run["environment"], "python ") + shlex.join([run["entrypoint"], *run["args"]])
