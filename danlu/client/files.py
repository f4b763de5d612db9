"""A run's files: whole on this disk or not at all, and gone on with where a connection broke."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote

from danlu.client.patience import Patience
from danlu.errors import ApiError
from danlu.rest import Connection


def download(server: Connection, run_id: int, path: str, to: Path, patience: Patience) -> Path:
    """Write one file of a run to `to`, whose folder is made when missing.

    Raises:
        ApiError: there is no such file, or the server was away for too long; nothing is left behind.
        OSError: it cannot be written.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    etag = ""
    try:
        with part.open("wb") as file:
            while True:
                headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
                if etag and file.tell():
                    headers |= {"Range": f"bytes={file.tell()}-", "If-Range": etag}
                try:
                    with server.opened(file_path(run_id, path), headers=headers) as answer:
                        if (
                            answer.status_code != 206
                        ):  # from the beginning: it is new to us, or it has changed
                            file.seek(0)
                            file.truncate()
                        etag = answer.headers.get("ETag", "")
                        for piece in answer.iter_bytes():
                            file.write(piece)
                            patience.heard()
                    break
                except ApiError as error:
                    patience.forgive(error)
                    patience.pause()
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return to


def inside(folder: Path, path: str) -> Path:
    """Where a file of a run belongs below a folder.

    Raises:
        ValueError: its path leads out of the folder.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"{path!r} is no path of a run's file")
    return folder.joinpath(*parts)


def file_path(run_id: int, path: str) -> str:
    """The call that answers with a file."""
    return f"/runs/{run_id}/files/{quote(path, safe='/')}"
