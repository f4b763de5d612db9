"""Checkpoints that are whole or absent: written beside, forced to the disk, renamed, and vouched for by a manifest.

`last-350-7.pt` is the state after step 350, the seventh file of its folder; `last-350-7.json` holds its SHA-256 and what
it is. A file counts only with its manifest, so that a kill at any moment leaves the checkpoint before or this one.
Nothing of a checkpoint is ever executed: they are read with torch's `weights_only=True`.
"""

import errno
import hashlib
import json
import logging
import os
import pickle
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from danlu.recipe import CheckpointUnreadable
from danlu.wholefiles import beside, sync_folder

log = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<step>\d+)-(?P<serial>\d+)\.(?P<ending>pt|json)(?P<tmp>\.tmp)?")
_CHUNK = 8 << 20
_ALLOWED = "a checkpoint may hold tensors, numbers, strings, lists and dicts only"


@dataclass(frozen=True)
class Entry:
    """A checkpoint as its manifest describes it; nothing of the file itself was read."""

    path: Path
    kind: str
    """`last` or `best`."""
    serial: int
    """Counts the files of a folder."""
    sha256: str
    bytes: int
    meta: dict[str, Any]
    """What the writer said about it: epoch, step, monitored value, …"""


def save(folder: Path, kind: str, state: Mapping[str, Any], meta: Mapping[str, Any]) -> Entry:
    """Write a new checkpoint into `folder` (made when missing); a kill at any moment leaves it whole or absent.

    Args:
        folder: where.
        kind: lower-case letters: the beginning of its name.
        state: tensors, numbers, strings, None, and lists, tuples and dicts of these.
        meta: JSON for the manifest; its `step` becomes part of the name.

    Raises:
        OSError: it cannot be written; what was there stays.
        TypeError: the state holds something that could not be loaded again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    serial = 1 + max((int(found["serial"]) for _, found in _named(folder)), default=0)
    path = folder / f"{kind}-{int(meta.get('step', 0))}-{serial}.pt"
    digest, size = _write_state(path, state)
    manifest = {
        "file": path.name, "sha256": digest, "bytes": size, "torch": torch.__version__, "saved_at": time.time(), **meta,
    }  # fmt: skip
    try:
        with beside(path.with_suffix(".json")) as file:
            file.write(json.dumps(manifest, indent=1).encode() + b"\n")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return Entry(path, kind, serial, digest, size, dict(meta))


def entries(folder: Path, kind: str) -> list[Entry]:
    """The checkpoints of a kind that have a readable manifest, newest first. They may still be damaged: see `load`."""
    found = []
    for path, name in _named(folder):
        if name["kind"] != kind or name["ending"] != "json" or name["tmp"]:
            continue
        try:
            value = json.loads(path.read_bytes())
            found.append(
                Entry(
                    path.with_suffix(".pt"),
                    kind,
                    int(name["serial"]),
                    value["sha256"],
                    int(value["bytes"]),
                    value,
                )
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is no manifest of a checkpoint: %s", path, error)
    return sorted(found, key=lambda entry: entry.serial, reverse=True)


def load(entry: Entry) -> dict[str, Any]:
    """The state of a checkpoint, its tensors on the CPU.

    Raises:
        CheckpointUnreadable: it is missing, or not what was written.
    """
    try:
        with entry.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointUnreadable(f"{entry.path} cannot be read: {error.strerror}") from error
    if digest != entry.sha256:
        raise CheckpointUnreadable(f"{entry.path} is damaged: its SHA-256 is not that of its manifest")
    return read_file(entry.path)


def read_file(path: Path) -> dict[str, Any]:
    """What torch saved in a file, its tensors on the CPU.

    Raises:
        CheckpointUnreadable: it cannot be read, or holds more than plain data.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile file makes the reader raise
        raise CheckpointUnreadable(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(state, dict):
        raise CheckpointUnreadable(f"{path} holds no state but a {type(state).__name__}")
    return state


def newest(folder: Path, kind: str) -> tuple[Entry, dict[str, Any]] | None:
    """The newest checkpoint that is whole, and its state; None where none was ever finished.

    A damaged one is a logged warning, and the one before is taken.

    Raises:
        CheckpointUnreadable: there are some, and not one of them is whole: a silent start from zero would be worse.
    """
    found = entries(folder, kind)
    vouched = {entry.path for entry in found}
    for path, name in _named(folder):
        # One with .tmp is being written just now, by another process of the run, or was cut off by a kill.
        if name["kind"] == kind and name["ending"] == "pt" and not name["tmp"] and path not in vouched:
            log.warning("%s was never finished, or has lost its manifest: it is not used", path.name)
    trouble = []
    for entry in found:
        try:
            return entry, load(entry)
        except CheckpointUnreadable as error:
            log.warning("%s; the one before is tried", error)
            trouble.append(str(error))
    if trouble:
        raise CheckpointUnreadable(f"no checkpoint in {folder} is whole: {trouble[0]}")
    return None


def prune(folder: Path, kind: str, keep: int, spare: Iterable[str] = ()) -> None:
    """Remove all but the newest `keep` checkpoints of a kind, and what unfinished saves left.

    Args:
        spare: names of files that stay.
    """
    spared = set(spare)
    kept = {entry.path.stem for entry in entries(folder, kind)[:keep]} | {Path(name).stem for name in spared}
    for path, name in _named(folder):
        stem = path.name.partition(".")[0]
        if name["kind"] == kind and (stem not in kept or name["tmp"]):
            path.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove every checkpoint of a folder, and nothing else."""
    # Manifests first: a kill in between leaves files that nothing vouches for.
    for path, _ in sorted(_named(folder), key=lambda item: item[0].suffix):
        path.unlink(missing_ok=True)


def _named(folder: Path) -> list[tuple[Path, dict[str, str]]]:
    """The files of a folder that are named as checkpoints are, and the parts of their names."""
    if not folder.is_dir():
        return []
    found = ((path, _NAME.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    return [(path, match.groupdict()) for path, match in found if match]


def _write_state(path: Path, state: Mapping[str, Any]) -> tuple[str, int]:
    """Write and name the file; its SHA-256 and size."""
    with beside(path) as file:
        hashed = _Hashed(file)
        try:
            torch.save(dict(state), hashed)  # type: ignore[arg-type] # write and flush are all it uses
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise TypeError(f"{_ALLOWED}: {_first_line(error)}") from error
        finally:
            hashed.finish()
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(file.name)
        if unsafe:
            raise TypeError(f"{_ALLOWED}; this state also has {', '.join(unsafe)}")
    if hashed.hashed != hashed.written:
        raise OSError(errno.EIO, "what was written cannot be read back", str(path))
    return hashed.digest, hashed.written


class _Hashed:
    """A file that is written in order, and read back from the page cache by a thread that hashes it meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._news = threading.Condition()
        self._over = False
        self.written = self.hashed = 0
        self._thread = threading.Thread(
            target=self._follow, name="danlu-digest", daemon=True
        )  # a Ctrl-C may lose it
        self._thread.start()

    def write(self, data: Any) -> int:
        count = self._file.write(data)
        with self._news:
            self.written += count
            self._news.notify()
        return count

    def flush(self) -> None:
        self._file.flush()

    def finish(self) -> None:
        """Everything is written: wait for the disk and for the digest, side by side."""
        self._file.flush()
        with self._news:
            self._over = True
            self._news.notify()
        try:
            os.fsync(self._file.fileno())
        finally:
            self._thread.join()

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()

    def _follow(self) -> None:
        # Large pieces: torch's writer holds the interpreter's lock most of the time.
        buffer = memoryview(bytearray(_CHUNK))
        done = 0
        while not self._over or done < self.written:
            with self._news:
                while not self._over and self.written - done < _CHUNK:
                    self._news.wait()
                until = self.written
            while done < until:
                count = os.preadv(self._file.fileno(), [buffer[: until - done]], done)
                if not count:
                    return
                self._sha256.update(buffer[:count])
                done = self.hashed = done + count


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
