"""Experiments on their way in and out: uploads of event files and exports, downloads of exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from danlu.client.records import Json
from danlu.rest import Connection

READING_SECONDS = 1800.0
"""How long a server may read what was uploaded before it answers."""
_CHUNK = 1 << 20


def import_archive(server: Connection, archive: Path, query: Sequence[tuple[str, str]]) -> Json:
    """See `Client.import_archive`. Sent once: nobody knows how far a lost one came, and the same again adds nothing."""
    with archive.open("rb") as file:

        def pieces() -> Iterator[bytes]:
            while piece := file.read(_CHUNK):
                yield piece

        return server.json(
            "POST",
            "/import/upload",
            params=[("filename", archive.name), *query],
            content=pieces(),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(archive.stat().st_size),
            },
            timeout=READING_SECONDS,
        )


def export(server: Connection, slug: str, to: Path, *, files: bool) -> int:
    """See `Client.export`."""
    part = to.with_name(f".{to.name}.part")
    query = {"files": "true" if files else "false"}
    address = f"/experiments/{quote(slug, safe='')}/export"
    try:
        with (
            part.open("wb") as file,
            server.opened(address, params=query, headers={"Accept": "*/*"}, quiet=READING_SECONDS) as answer,
        ):
            for piece in answer.iter_bytes():
                file.write(piece)
            size = file.tell()
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return size
