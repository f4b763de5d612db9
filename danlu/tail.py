"""Follow the event files under a folder while they grow, and keep a summary of every scalar curve.

The rules are those of TensorBoard's data server, so that both show the same: files of one folder are read in the
order of their names, a half-written last record waits for its rest, and a corrupt record makes its file dead from
there on while later files are read. Links are not followed. No torch, no numpy: a supervisor runs this.
"""

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary as SummaryProto

from danlu.scalars import scalar_of
from danlu.series import Series, Summary
from danlu.tagnames import prefixes
from danlu.tailfiles import CorruptError, TailFile, TailFolder, is_below, is_utf8, size_of, ways_to
from danlu.tfrecord import FOOTER, HEADER, masked_crc

__all__ = ["EventTail", "Summary"]

POLL_BYTES = 32 << 20
"""Bytes read in one poll; more wait for the next one, so that a poll never takes long."""
_CHUNK_BYTES = 1 << 20
MAX_RECORD_BYTES = 256 << 20
"""A record that claims to be larger is taken for corrupt."""
MAX_TAGS = 10_000
MAX_FOLDERS = 2_000
MAX_DEPTH = 16
_SKIPPED = frozenset({".danlu", ".git", ".venv", "__pycache__"})
"""Folders that hold no event files, and perhaps very many others."""
_SETTLED_SECONDS = 1.0
"""A folder's time of change is trusted once it is this old: a file made within the clock's tick does not move it."""
_OVERHEAD = HEADER.size + FOOTER.size


class EventTail:
    """Reads on in the event files under ``root`` with every :meth:`poll`.

    Curves of several folders are told apart by what `danlu.tagnames` makes of the folders' paths.

    Args:
        root: the run's folder.
        poll_bytes: about how much one poll reads.
        folders: only the event files of these folders below the root ("" is the root itself) and not those of the
            folders in them; None for all.

    Attributes:
        behind: whether the last poll stopped at its limit with more to read.
        renamed: whether names that were told before are wrong by now, because another folder came or one went; the
            last poll has then returned every curve.
        notes: what could not be read and why, one sentence each, in the order of discovery.
    """

    most_tags = MAX_TAGS
    """Scalar tags that are followed."""

    def __init__(
        self, root: Path | str, *, poll_bytes: int = POLL_BYTES, folders: Collection[str] | None = None
    ) -> None:
        self._root = Path(root)
        self._poll_bytes = poll_bytes
        self._only = None if folders is None else frozenset(folders)
        self._ways = ways_to(self._only or ())
        self._folders: dict[Path, TailFolder] = {}
        self._series: dict[str, dict[str, Series]] = {}
        self._prefixes: dict[str, str] = {}
        self._not_scalar: set[tuple[str, str]] = set()
        self.behind = False
        self.renamed = False
        self.notes: list[str] = []

    def poll(self) -> dict[str, Summary]:
        """Read what is new, and return the summaries of the tags that got points since the last poll."""
        changed: set[tuple[str, str]] = set()
        budget = self._poll_bytes
        self.behind = False
        for file in self._files():
            if file.dead:
                continue
            if budget <= 0:
                self.behind = True
                break
            budget -= self._read_on(file, budget, changed)
        self._name()
        if self.renamed:
            changed = {(folder, tag) for folder, tags in self._series.items() for tag in tags}
        return {
            self._prefixes[folder] + tag: self._series[folder][tag].summary()
            for folder, tag in sorted(changed)
        }

    def _name(self) -> None:
        """Name the folders anew when there are others than before."""
        if self._series.keys() == self._prefixes.keys():
            self.renamed = False
            return
        before, self._prefixes = self._prefixes, prefixes(self._series.keys())
        self.renamed = any(self._prefixes.get(folder) != prefix for folder, prefix in before.items())

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    # -- finding files

    def _files(self) -> Iterator[TailFile]:
        """Every known event file, folder by folder, in the order of names."""
        waiting = [(self._root, "", 0)]
        seen = 0
        while waiting:
            path, prefix, depth = waiting.pop()
            folder = self._listed(path, prefix)
            if folder is None:
                continue
            seen += 1
            yield from (folder.files[name] for name in sorted(folder.files))
            if folder.folders and (depth >= MAX_DEPTH or seen + len(waiting) >= MAX_FOLDERS):
                self._note(f"{path}: too many folders below it, they are not read")
                continue
            waiting += [(sub, f"{prefix}{sub.name}/", depth + 1) for sub in reversed(folder.folders)]

    def _listed(self, path: Path, prefix: str) -> TailFolder | None:
        """The folder as last listed, listed anew when it changed; None when it is gone (or not there yet)."""
        folder = self._folders.setdefault(path, TailFolder())
        try:
            changed_ns = path.stat(follow_symlinks=path == self._root).st_mtime_ns
            if changed_ns != folder.changed_ns:
                settled = time.time_ns() - changed_ns > _SETTLED_SECONDS * 1e9
                self._list(path, prefix, folder)
                folder.changed_ns = changed_ns if settled else -1
        except (FileNotFoundError, NotADirectoryError):
            del self._folders[path]
            self._forget(prefix.rstrip("/"), below=True)
            return None
        except OSError as error:
            self._note(f"{path}: {error.strerror}")
            return None
        return folder

    def _list(self, path: Path, prefix: str, folder: TailFolder) -> None:
        folders: list[Path] = []
        names: set[str] = set()
        reads = self._only is None or prefix.rstrip("/") in self._only
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if self._leads_on(prefix, entry.name) and is_utf8(entry.name):
                        folders.append(path / entry.name)
                elif reads and "tfevents" in entry.name and entry.is_file(follow_symlinks=False):
                    names.add(entry.name)
        for gone in set(folder.folders).difference(folders):
            self._folders.pop(gone, None)
            self._forget(f"{prefix}{gone.name}", below=True)
        folder.folders = sorted(folders)
        if folder.files and not names & folder.files.keys():
            self._forget(prefix.rstrip("/"))
        for name in names - folder.files.keys():
            folder.files[name] = TailFile(path / name, prefix.rstrip("/"))
        for name in folder.files.keys() - names:
            del folder.files[name]

    def _leads_on(self, prefix: str, name: str) -> bool:
        """Whether a folder may hold event files that are to be read."""
        return name not in _SKIPPED if self._only is None else f"{prefix}{name}" in self._ways

    def _forget(self, folder: str, *, below: bool = False) -> None:
        """Its event files are gone, and so are their curves."""
        gone = [name for name in self._series if name == folder or (below and is_below(name, folder))]
        for name in gone:
            del self._series[name]

    # -- reading

    def _read_on(self, file: TailFile, budget: int, changed: set[tuple[str, str]]) -> int:
        """Read whole records from the file's offset on, at most about ``budget`` bytes; returns how many."""
        start = file.offset
        try:
            size = size_of(file)
            if size > start:
                handle = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    self._read_records(handle, size, file, start + budget, changed)
                finally:
                    os.close(handle)
        except FileNotFoundError:
            pass  # deleted since it was listed; the next listing forgets it
        except PermissionError as error:
            self._note(f"{file.path}: {error.strerror}")
        except (CorruptError, OSError) as error:
            file.dead = True
            self._note(f"{file.path}: not read from byte {file.offset} on: {error}")
        return file.offset - start

    def _read_records(
        self, handle: int, size: int, file: TailFile, until: int, changed: set[tuple[str, str]]
    ) -> None:
        want = _CHUNK_BYTES
        while file.offset < size:
            if file.offset >= until:
                self.behind = True
                return
            chunk = os.pread(handle, min(want, size - file.offset), file.offset)
            used, missing = self._parse_chunk(chunk, file, changed)
            if used == 0 and file.offset + len(chunk) >= size:
                return  # half a record: its rest is not written yet
            want = max(_CHUNK_BYTES, missing)

    def _parse_chunk(self, chunk: bytes, file: TailFile, changed: set[tuple[str, str]]) -> tuple[int, int]:
        """Take the whole records at the start of a chunk.

        Returns:
            bytes taken, and how many the first record that is not whole needs (0: not known).
        """
        start = position = 0
        while position + HEADER.size <= len(chunk):
            length, crc = HEADER.unpack_from(chunk, position)
            if masked_crc(chunk[position : position + 8]) != crc:
                raise CorruptError("a record's length does not match its checksum")
            if length > MAX_RECORD_BYTES:
                raise CorruptError(f"a record of {length} bytes is too long")
            end = position + length + _OVERHEAD
            if end > len(chunk):
                return position - start, length + _OVERHEAD
            data = chunk[position + HEADER.size : end - FOOTER.size]
            if masked_crc(data) != FOOTER.unpack_from(chunk, end - FOOTER.size)[0]:
                raise CorruptError("a record does not match its checksum")
            try:
                event = Event.FromString(data)
            except DecodeError as error:
                raise CorruptError("a record is no event") from error
            self._see(event, file.folder, changed)
            position = end
            file.offset += length + _OVERHEAD
        return position - start, 0

    def _see(self, event: Event, folder: str, changed: set[tuple[str, str]]) -> None:
        """Every event passes here, in the order of the files."""
        if event.HasField("summary"):
            self._take(event, folder, changed)

    def _take(self, event: Event, folder: str, changed: set[tuple[str, str]]) -> None:
        """Add the scalars of one event to their curves."""
        for value in event.summary.value:
            tag = value.tag
            known = self._series.get(folder, {}).get(tag)
            number = scalar_of(value, known=known is not None) if self._may_be_scalar(folder, value) else None
            if number is None:
                continue
            if known is None:
                if sum(map(len, self._series.values())) >= self.most_tags:
                    self._note(f"{self._root}: more than {self.most_tags} scalar tags, the rest is left out")
                    continue
                known = self._series.setdefault(folder, {})[tag] = Series()
            known.add(event.step, number)
            self._point(folder, tag, event, number)
            changed.add((folder, tag))

    def _point(self, folder: str, tag: str, event: Event, number: float) -> None:
        """A point was added to a curve; for those who want all of them."""

    def _may_be_scalar(self, folder: str, value: SummaryProto.Value) -> bool:
        """Only a tag's first event tells its plugin: what was no scalar then never becomes one."""
        if (folder, value.tag) in self._not_scalar:
            return False
        plugin = value.metadata.plugin_data.plugin_name
        if plugin not in {"", "scalars"} and len(self._not_scalar) < MAX_TAGS:
            self._not_scalar.add((folder, value.tag))
        return plugin in {"", "scalars"}
