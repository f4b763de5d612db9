"""A child's stderr: always drained, kept in a capped file and as a short tail for error messages."""

import logging
import os
import re
import threading
from collections import deque
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

LIMIT_BYTES = 1 << 20
TAIL_LINES = 20
LINE_BYTES = 2000
_PORT = re.compile(rb" at https?://[^\s/]+:(\d+)/")
# What a data server with -v says each second; heard, but not kept.
_CYCLE = re.compile(rb"^\[(\S+)[^\n]*\] (Starting|Finished) load cycle[^\n]*\n?", re.MULTILINE)


class StderrLog:
    """Drains a pipe in a thread of its own until its end.

    An undrained pipe stops the child at 64 KiB, and a child that complains on each reload would fill the disk:
    so all is read, and at most twice `limit` bytes are kept (the file and its predecessor, `.1`).

    Args:
        pipe: read end of the child's stderr; closed here at its end.
        path: the log file, truncated now.
        limit: bytes after which the file is rotated.
    """

    def __init__(self, pipe: IO[bytes], path: Path, *, limit: int = LIMIT_BYTES) -> None:
        self.path = path
        self._pipe = pipe
        self._limit = limit
        self._lines: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._partial = b""
        self._port: int | None = None
        self._cycle = 0.0
        self._read_until = 0.0
        self._file: FileIO | None = None
        self._broken = False
        self._thread = threading.Thread(target=self._drain, name=f"stderr-{path.parent.name}", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int | None:
        """The port in the first line that announces one (`… at http://HOST:PORT/`); None until then."""
        return self._port

    @property
    def read_until(self) -> float:
        """When the data server's last whole look at its files began (seconds since 1970); 0 before the first has ended.

        What was in the files by then, it has read. The moment is the server's own, cut to the second: it is never
        later than the look, however late the line is read here.
        """
        return self._read_until

    def tail(self) -> list[str]:
        """The last lines, cut to a sane length."""
        lines = [*self._lines, self._partial]
        return [line.decode("utf-8", "replace").rstrip() for line in lines if line.strip()]

    def join(self, timeout: float) -> None:
        """Wait until the pipe has ended, so that the last words are in `tail`; seconds."""
        self._thread.join(timeout)

    def _drain(self) -> None:
        try:
            while chunk := os.read(self._pipe.fileno(), 1 << 16):
                self._split(chunk)
                self._keep(_CYCLE.sub(b"", chunk))
        finally:
            if self._file:
                self._file.close()
            self._pipe.close()

    def _keep(self, chunk: bytes) -> None:
        """Write to the file; when that fails (folder removed, disk full) go on without it: the child must not block."""
        if self._broken:
            return
        try:
            if self._file and self._file.tell() + len(chunk) > self._limit:
                self._file.close()
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                self._file = None
            if self._file is None:
                self._file = self.path.open("wb", buffering=0)
            self._file.write(chunk[: self._limit])
        except OSError as error:
            self._broken = True
            log.warning("%s is not written any more: %s", self.path, error.strerror)

    def _split(self, chunk: bytes) -> None:
        *whole, rest = (self._partial + chunk).split(b"\n")
        for line in whole:
            if cycle := _CYCLE.match(line):
                self._looked(cycle.group(1), cycle.group(2))
                continue
            if self._port is None and (found := _PORT.search(line)):
                self._port = int(found.group(1))
            self._lines.append(line[:LINE_BYTES])
        self._partial = rest[:LINE_BYTES]

    def _looked(self, at: bytes, what: bytes) -> None:
        if what == b"Finished":
            self._read_until = self._cycle
            return
        try:
            self._cycle = datetime.fromisoformat(at.decode("ascii")).timestamp()
        except ValueError:
            self._cycle = (
                0.0  # another version's way to tell the time: then nothing is known of what it has read
            )
