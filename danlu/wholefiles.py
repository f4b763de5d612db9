"""Files that are whole or absent: written beside their place, forced to the disk, and moved there."""

import io
import os
from pathlib import Path
from typing import Any


class _Whole(io.FileIO):
    """A file without a buffer that writes all it is given; torch's writer does not look at how much that was."""

    trouble: OSError | None = None
    """Why a write failed; torch's writer makes an error of its own of it."""

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.trouble = self.trouble or error
            raise
        return done


class beside:  # noqa: N801 - used as a context manager only
    """A file beside its place, forced to the disk and moved there when the block ends well, removed when not."""

    def __init__(self, path: Path) -> None:
        self._path, self._tmp = path, path.with_name(path.name + ".tmp")

    def __enter__(self) -> Any:
        self._file = _Whole(self._tmp, "w+")
        return self._file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if error is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._tmp.replace(self._path)
            elif self._file.trouble is not None:
                raise self._file.trouble
        finally:
            self._file.close()
            self._tmp.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the names of a folder's files to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
