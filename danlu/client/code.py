"""Code on its way to the server: packed, named by its content, and sent only where it is not known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from danlu.client.records import Json, Snapshot
from danlu.errors import ApiError
from danlu.rest import Connection

if TYPE_CHECKING:
    from danlu.pack import Selection

_SECONDS = 300.0
"""For one upload: ten thousand files take their time on a busy disk."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def upload(
    server: Connection, what: str | Path | Selection, entrypoint: str | None, *, alone: bool
) -> Snapshot:
    """See `Client.upload`."""
    from danlu.pack import PackError, Selection, including, select, select_alone

    if isinstance(what, Selection):
        return send(server, what, Path(entrypoint or "code").stem, entrypoint)
    path = Path(what)
    if path.is_dir():
        return send(server, select(path), path.resolve().name or "code", entrypoint)
    if not path.is_file():
        raise PackError(f"{path} is neither a script nor a folder")
    chosen = select_alone(path) if alone else including(select(path.parent), path.name, path)
    return send(server, chosen, path.stem, entrypoint or path.name)


def send(server: Connection, chosen: Selection, name: str, entrypoint: str | None) -> Snapshot:
    """Make sure that the server has these files.

    Args:
        server: where.
        chosen: which.
        name: of the archive, without its ending.
        entrypoint: the script to tell about; None: the likeliest.
    """
    from danlu.pack import archive, content_id, facts

    try:
        return snapshot(server, content_id(facts(chosen)), entrypoint)
    except ApiError as error:
        if error.status != 404:
            raise
    # keep_folder: what is sent has the names that the id was computed of.
    query = {"filename": f"{name}.tar.gz", "keep_folder": "true", "entrypoint": entrypoint}
    # Sent again at will: the same content is the same snapshot.
    return Snapshot(
        server.json(
            "POST",
            "/snapshots",
            params={name: value for name, value in query.items() if value is not None},
            content=archive(chosen, stored=urlsplit(server.url).hostname in _HERE),
            headers={"Content-Type": "application/octet-stream"},
            timeout=_SECONDS,
            retry=True,
        )
    )


def snapshot(server: Connection, snapshot_id: str, entrypoint: str | None) -> Snapshot:
    """What the server says of one."""
    query = {} if entrypoint is None else {"entrypoint": entrypoint}
    return Snapshot(server.json("GET", f"/snapshots/{quote(snapshot_id, safe='')}", params=query))


def file(server: Connection, snapshot_id: str, path: str) -> str:
    """One of its files."""
    address = f"/snapshots/{quote(snapshot_id, safe='')}/files/{quote(path, safe='/')}"
    return server.send("GET", address, headers={"Accept": "text/plain"}).content.decode(errors="replace")


def with_script(server: Connection, script: Path, fields: Json) -> dict[str, Any]:
    """The fields of a submission with a script on this machine in them: uploaded, named, and with what git says."""
    from danlu.gitfacts import git_facts

    if fields.get("snapshot") is not None:
        raise TypeError("a run has a script or a snapshot, not both")
    shell = fields.get("environment") == "shell"  # its entrypoint is a command line, no file
    made = upload(server, script, None if shell else fields.get("entrypoint"), alone=False)
    folder = script if script.is_dir() else script.parent
    git = fields.get("git")
    return {
        **fields,
        "snapshot": made.id,
        "entrypoint": fields.get("entrypoint") or made.entrypoint,
        "git": git if git is not None else git_facts(folder),
    }
