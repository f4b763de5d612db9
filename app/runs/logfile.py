"""The capped log of a run: its first and last bytes are kept, and offsets count the bytes of the whole output.

`stdout.log` holds the head and, right behind it, the tail. What lay between them is the gap, described in
`.danlu/log.json`. The writer rewrites the file when it is full (a new file renamed over the old one), so a reader that
opened it earlier still sees a consistent old one: the sidecar therefore names the gap by the file's inode.
"""

import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.runs.untrusted import read_object

LOG_NAME = "stdout.log"
SIDECAR = Path(".danlu") / "log.json"
HEAD_BYTES = 1 << 20
CHUNK = 1 << 18


class LogChunk(NamedTuple):
    """A piece of the output: it begins at `next_offset - len(data)`."""

    data: bytes
    next_offset: int
    gap: str | None
    """A sentence, where bytes before this piece were dropped and the reader had not been told yet."""


@dataclass(frozen=True)
class _Shape:
    head: int
    """Bytes of the output before the gap; also the place in the file where the tail begins."""
    tail: int
    """Offset in the output of the first byte after the gap; equal to `head` where there is none."""

    @property
    def gap(self) -> int:
        return self.tail - self.head

    def total(self, size: int) -> int:
        """Bytes of output, when the file has this size."""
        return self.tail + max(size - self.head, 0) if self.gap else size


_WHOLE = _Shape(0, 0)


class LogWriter:
    """Appends to the log of one run, from one process at a time; a later attempt continues it.

    Args:
        run_dir: the run's folder.
        limit: most bytes that the file may hold, at least 4 KiB.

    Writing never raises: bytes that found no place (a full disk) become part of the gap, and writing goes on behind
    it, because a run must not end for its log. `trouble` says what happened last.
    """

    def __init__(self, run_dir: Path, limit: int) -> None:
        self._path = run_dir / LOG_NAME
        self._sidecar = run_dir / SIDECAR
        self._sidecar.parent.mkdir(parents=True, exist_ok=True)
        self._limit = max(limit, 4096)
        self.chunk = min(CHUNK, self._limit // 4)
        if self._path.is_symlink() or (self._path.exists() and not self._path.is_file()):
            self._path.rename(self._path.with_name(LOG_NAME + ".replaced"))  # an earlier attempt's doing
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        self.trouble: str | None = None
        found = os.fstat(self._fd)
        self._shape = _shape_of(self._sidecar, found.st_ino)
        self._size = found.st_size
        os.lseek(self._fd, self._size, os.SEEK_SET)

    @property
    def total(self) -> int:
        """Bytes of output so far, dropped ones included."""
        return self._shape.total(self._size)

    def fileno(self) -> int:
        """The file's descriptor, for a forked process to close."""
        return self._fd

    def write(self, data: bytes) -> None:
        """Append, dropping from the middle of what is kept where the limit is reached."""
        view = memoryview(data)
        for start in range(0, len(view), self.chunk):
            piece = view[start : start + self.chunk]
            if self._size + len(piece) > self._limit:
                self._guarded(self._compact)
            if self._size + len(piece) > self._limit:  # compacting met a full disk
                self._drop_tail(0)
            self._append(piece)

    def close(self) -> None:
        """Leave a sidecar that holds for any copy of the file, and close."""
        if self._shape.gap:
            self._guarded(lambda: self._describe({"": self._shape}))
        os.close(self._fd)

    def _append(self, piece: memoryview) -> None:
        try:
            while piece:
                written = os.write(self._fd, piece)
                self._size += written
                piece = piece[written:]
        except OSError as error:
            self.trouble = str(error)
            self._guarded(lambda: self._drop_tail(len(piece)))

    def _drop_tail(self, unwritten: int) -> None:
        """The disk is full: what was kept of the tail, and these bytes, become the gap; the freed space is used again."""
        total = self.total + unwritten
        head = self._shape.head if self._shape.gap else min(self._size, self._head())
        os.ftruncate(self._fd, head)
        os.lseek(self._fd, head, os.SEEK_SET)
        self._size, self._shape = head, _Shape(head, total)
        self._guarded(lambda: self._describe({"": self._shape}))

    def _head(self) -> int:
        return min(HEAD_BYTES, self._limit // 4)

    def _compact(self) -> None:
        """Copy the head and the newer half of the rest to a new file, and put it in the place of the old one."""
        head = self._shape.head if self._shape.gap else min(self._head(), self._size)
        keep = (self._limit - head) // 2
        after = _Shape(head, self.total - keep)
        new = self._path.with_name(LOG_NAME + ".new")
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            _copy(self._fd, fd, 0, head)
            _copy(self._fd, fd, self._size - keep, keep)
            old_ino, new_ino = os.fstat(self._fd).st_ino, os.fstat(fd).st_ino
            self._describe({"": after, str(old_ino): self._shape, str(new_ino): after})
            new.rename(self._path)
        except BaseException:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        os.close(self._fd)
        self._fd, self._shape, self._size = fd, after, head + keep

    def _describe(self, shapes: dict[str, _Shape]) -> None:
        text = json.dumps({ino: [shape.head, shape.tail] for ino, shape in shapes.items()})
        new = self._sidecar.with_name("log.json.new")
        new.write_text(text)
        new.rename(self._sidecar)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Run it; where the disk refuses, it just did not happen."""
        try:
            action()
        except OSError as error:
            self.trouble = str(error)


def read_log(run_dir: Path, offset: int = 0, limit: int = 1 << 16) -> LogChunk:
    """Read at most `limit` bytes of the run's output, from `offset` on.

    Where `offset` lies in the dropped middle, the answer begins behind it and carries a sentence about the gap. A run
    without output yet, or an offset beyond the end, answers no bytes and the end's offset.
    """
    opened = _open(run_dir)
    if opened is None:
        return LogChunk(b"", 0, None)
    fd, shape, size = opened
    try:
        offset = max(offset, 0)
        note = None
        if shape.gap and shape.head <= offset < shape.tail:
            note = gap_note(shape.head, shape.tail)
            offset = shape.tail
        total = shape.total(size)
        if offset >= total:
            return LogChunk(b"", total, note)
        if shape.gap and offset < shape.head:
            limit = min(limit, shape.head - offset)
        place = offset if offset < shape.head or not shape.gap else shape.head + offset - shape.tail
        data = os.pread(fd, limit, place)
        return LogChunk(data, offset + len(data), note)
    finally:
        os.close(fd)


def tail_log(run_dir: Path, lines: int, max_bytes: int = 1 << 18) -> LogChunk:
    """The last `lines` lines of the output, at most `max_bytes` of them; never reaches back over the gap."""
    total = log_size(run_dir)
    chunk = read_log(run_dir, max(total - max_bytes, 0), max_bytes)
    if chunk.next_offset < total:  # the piece ended before the gap
        chunk = read_log(run_dir, chunk.next_offset, max_bytes)
    data = chunk.data
    place = len(data) - (1 if data.endswith(b"\n") else 0)
    for _ in range(max(lines, 0)):
        place = data.rfind(b"\n", 0, place)
        if place < 0:
            break
    return chunk._replace(data=data[place + 1 :] if lines > 0 else b"")


def log_size(run_dir: Path) -> int:
    """Bytes of output so far, dropped ones included; 0 where there is none."""
    opened = _open(run_dir)
    if opened is None:
        return 0
    fd, shape, size = opened
    os.close(fd)
    return shape.total(size)


def gap_note(start: int, end: int) -> str:
    """What a reader is told in the place of the dropped bytes.

    >>> gap_note(1000, 3500)
    '… 2,500 bytes of output were dropped here: the log keeps its beginning and its end …'
    """
    return f"… {end - start:,} bytes of output were dropped here: the log keeps its beginning and its end …"


def _open(run_dir: Path) -> tuple[int, _Shape, int] | None:
    try:
        # The run may have put anything in the place of its log: never wait on a FIFO, never follow a link out.
        fd = os.open(run_dir / LOG_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
            return None
        raise
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        return None
    return fd, _shape_of(run_dir / SIDECAR, found.st_ino), found.st_size


def _shape_of(sidecar: Path, ino: int) -> _Shape:
    """The gap of the file with this inode; an unreadable sidecar (a run can scribble on it) means no gap."""
    shapes = read_object(sidecar)
    match shapes.get(str(ino), shapes.get("")):
        case [int(head), int(tail)] if 0 <= head <= tail < 1 << 62:
            return _Shape(head, tail)
        case _:
            return _WHOLE


def _copy(source: int, target: int, start: int, count: int) -> None:
    while count > 0:
        data = os.pread(source, min(count, 1 << 20), start)
        if not data:
            raise OSError(errno.EIO, "the log is shorter than it was")
        start += len(data)
        count -= len(data)
        while data:
            data = data[os.write(target, data) :]
