"""The zip of an export, made while it is sent: one run's curves are in memory at a time, files go through in pieces."""

import json
import logging
import stat
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from app import __version__
from app.config import Settings, run_dir
from app.errors import NotFound
from app.exports.queries import Exported, Place
from app.exports.records import FORMAT, VERSION, exact
from app.exports.tables import runs_table, series_table
from app.runs.files import every_path, open_file
from app.runs.place import folder_of, listed
from danlu.wholeruns import read_curves

log = logging.getLogger(__name__)
_CHUNK = 1 << 20
_STAMP = (1980, 1, 1, 0, 0, 0)


class _Pipe:
    """Takes what zipfile writes and gives it out again; it cannot go back, so zipfile does not either."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep what was written."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        data, self._pieces = b"".join(self._pieces), []
        return data


def stream(settings: Settings, exported: Exported, now: datetime, *, files: bool) -> Iterator[bytes]:
    """The export, piece by piece."""
    pipe = _Pipe()
    with zipfile.ZipFile(cast("IO[bytes]", pipe), "w", zipfile.ZIP_DEFLATED) as archive:
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "danlu": __version__,
            "exported_at": exact(now),
            "experiment": {
                "slug": exported.slug,
                "name": exported.name,
                "description": exported.description,
            },
            "runs": len(exported.runs),
            "files": files,
        }
        _add(archive, "manifest.json", _json(manifest))
        _add(archive, "runs.json", _json({"runs": exported.runs}))
        timelines = [{"run": run["id"], **event} for run in exported.runs for event in run["events"]]
        _add(archive, "events.json", _json({"events": timelines}))
        _add(archive, "runs.parquet", runs_table(exported.runs))
        yield pipe.taken()
        for place in exported.places:
            yield from _run(archive, pipe, settings, exported.slug, place, files=files)
    yield pipe.taken()


def _run(
    archive: zipfile.ZipFile, pipe: _Pipe, settings: Settings, experiment: str, place: Place, *, files: bool
) -> Iterator[bytes]:
    root = folder_of(run_dir(settings, experiment, place.slug), place.logdir)
    folders = place.imported.get("folders") if place.imported and place.logdir else None
    curves = read_curves(root, folders)
    if curves:
        _add(archive, f"series/{place.id}.parquet", series_table(place.id, curves))
    yield pipe.taken()
    if files:
        for path in every_path(root, only=listed(place.logdir, place.imported)):
            yield from _file(archive, pipe, root, path, f"files/{place.id}/{path}")


def _file(archive: zipfile.ZipFile, pipe: _Pipe, root: Path, path: str, name: str) -> Iterator[bytes]:
    """One file; what goes away or grows meanwhile is there as far as it was read."""
    try:
        opened = open_file(root, path)
    except NotFound:
        return
    info = _info(name)
    with opened.file as source, archive.open(info, "w", force_zip64=opened.size > 2**31) as target:
        left = opened.size
        while left > 0 and (piece := source.read(min(_CHUNK, left))):
            left -= len(piece)
            target.write(piece)
            yield pipe.taken()
    yield pipe.taken()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(_info(name), data)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _STAMP)
    # Parquet is packed already.
    info.compress_type = zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "replace")
