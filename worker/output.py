"""New output of a run, for the supervisor: little of it at a time, and nothing at all while nothing was printed."""

import codecs
from pathlib import Path

from app.runs.logfile import LOG_NAME, log_size, read_log

MOST_BYTES = 1 << 15
"""Read in one look; of more, the end."""


class NewOutput:
    """Follows a run's log from where it ends now: what earlier attempts printed is no news."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._offset = log_size(run_dir)
        self._seen: tuple[int, int, int] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> str:
        """What was printed since the last look, or the end of it; empty where there is nothing.

        Raises:
            OSError: the log cannot be read.
        """
        try:
            status = (self._run_dir / LOG_NAME).lstat()
        except FileNotFoundError:
            return ""
        mark = (status.st_ino, status.st_size, status.st_mtime_ns)
        if mark == self._seen:
            return ""
        self._seen = mark
        total = log_size(self._run_dir)
        if total - self._offset > MOST_BYTES:
            self._offset = total - MOST_BYTES
            self._decoder.reset()
        chunk = read_log(self._run_dir, self._offset, MOST_BYTES)
        self._offset = chunk.next_offset
        return self._decoder.decode(chunk.data)
