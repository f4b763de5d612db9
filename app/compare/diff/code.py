"""The code of two runs: the same snapshot, two of them file by file, or recipes by their names."""

from typing import Any

from app.compare.diff.values import Json, paths
from app.config import Settings
from app.runs import codediff
from app.snapshots import store
from app.snapshots.texts import differing, places


def compare(settings: Settings, a: Json, b: Json) -> Json:
    """What of their code differs.

    Args:
        a, b: runs as JSON.

    Returns:
        `{kind, note, same, files, unchanged}`; kind: recipes, snapshots, or mixed where there is nothing to compare line
        by line; `files` as in `app.compare.diff.values.paths`.
    """
    if a["snapshot"] and b["snapshot"]:
        return _snapshots(settings, a, b)
    if not a["snapshot"] and not b["snapshot"]:
        return _recipes(a, b)
    return _found(
        "mixed", f"{_what(a)} and {_what(b)}: there is nothing to compare line by line.", same=False
    )


def _recipes(a: Json, b: Json) -> Json:
    if not a["recipe"] or not b["recipe"]:
        missing = " and ".join(f"run {run['id']}" for run in (a, b) if not run["recipe"])
        return _found("recipes", f"No code is known of {missing}.", same=None)
    if a["recipe"] == b["recipe"]:
        note = f"Both are of the recipe {a['recipe']}; its code is the server's and is not kept with a run."
        return _found("recipes", note, same=None)
    return _found("recipes", f"Two recipes: {a['recipe']} and {b['recipe']}.", same=False)


def _snapshots(settings: Settings, a: Json, b: Json) -> Json:
    if a["snapshot"] == b["snapshot"]:
        note = f"The same snapshot {a['snapshot'][:12]}: not a byte of the code differs."
        if a["entrypoint"] != b["entrypoint"]:
            note += f" What is run does: {a['entrypoint']} and {b['entrypoint']}."
        return _found("snapshots", note, same=True)
    gone = [run["snapshot"][:12] for run in (a, b) if not store.folder_of(settings, run["snapshot"]).is_dir()]
    if gone:
        return _found("snapshots", f"The files of snapshot {' and '.join(gone)} are gone.", same=False)
    old, new = differing(settings, a["snapshot"], b["snapshot"])
    files = codediff.files(old, new)
    unchanged = len(places(settings, b["snapshot"]).keys() - new.keys())
    count = len(files)
    note = f"{count} file{' differs' if count == 1 else 's differ'}, {unchanged} {'is' if unchanged == 1 else 'are'} the same."
    return _found("snapshots", note, same=False, files=paths(files), unchanged=unchanged)


def _what(run: Json) -> str:
    if run["snapshot"]:
        return f"Run {run['id']} is of the script {run['entrypoint']}"
    return (
        f"run {run['id']} is of the recipe {run['recipe']}"
        if run["recipe"]
        else f"of run {run['id']} no code is known"
    )


def _found(kind: str, note: str, *, same: bool | None, files: Any = (), unchanged: int = 0) -> Json:
    return {
        "kind": kind,
        "note": note[:1].upper() + note[1:],
        "same": same,
        "files": list(files),
        "unchanged": unchanged,
    }
