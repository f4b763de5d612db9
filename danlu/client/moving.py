"""Experiments on their way in and out: uploads of event files and exports, downloads of exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from danlu.client.fields import segment
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


def import_folder(server: Connection, body: Json) -> Json:
    """See `Client.import_folder`. The same request again goes on, whatever became of an earlier one."""
    added: list[Json] = []
    updated: list[Json] = []
    counts = {"added": 0, "updated": 0}
    while True:
        report = server.json("POST", "/import", json=body, retry=True, timeout=READING_SECONDS)
        before = sum(counts.values())  # what earlier answers told of is unchanged by now
        added += report["added"]
        updated += report["updated"]
        counts = {name: number + report["counts"][name] for name, number in counts.items()}
        if report["complete"] or report["dry_run"]:
            unchanged = max(report["unchanged"] - before, 0)
            return report | {"added": added, "updated": updated, "counts": counts, "unchanged": unchanged}


def export(server: Connection, slug: str, to: Path, *, files: bool) -> int:
    """See `Client.export`."""
    part = to.with_name(f".{to.name}.part")
    query = {"files": "true" if files else "false"}
    address = f"/experiments/{segment(slug)}/export"
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
