"""A TensorBoard directory as one archive for the server: event files and `hparams.yaml`, nothing else, links not followed."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["pack_logdir"]

_KEPT = "hparams.yaml"
_MARK = "tfevents"


def pack_logdir(folder: Path, archive: Path, *, everything: bool = False) -> int:
    """Write the archive, a tar.gz; returns how many event files are in it (with `everything`: files).

    Args:
        folder: the directory; nothing is written there.
        archive: written anew.
        everything: all files, as an export needs them.

    Raises:
        OSError: something cannot be read or written.
    """
    count = 0
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in _files(folder):
            mark = _MARK in path.name
            if not (mark or everything or path.name == _KEPT):
                continue
            count += mark or everything
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            with path.open("rb") as file:
                # What grows meanwhile is sent as far as it is now.
                info.size = os.fstat(file.fileno()).st_size
                info.mtime = int(os.fstat(file.fileno()).st_mtime)
                tar.addfile(info, file)
    return count


def _files(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(base) / name
            if path.is_file() and not path.is_symlink():
                yield path
