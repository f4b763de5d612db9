"""The files and folders that `danlu.tail` follows, and what it asks of their names."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


class CorruptError(Exception):
    """What is wrong with the record at the current offset."""


@dataclass
class TailFile:
    """An event file, and how far it was read."""

    path: Path
    folder: str
    """Relative to the root, with `/` between names; "" is the root."""
    offset: int = 0
    dead: bool = False


@dataclass
class TailFolder:
    """A folder, as it was listed last."""

    changed_ns: int = -1
    """The folder's own time of change when it was listed; -1: list it again."""
    folders: list[Path] = field(default_factory=list)
    files: dict[str, TailFile] = field(default_factory=dict)


def size_of(file: TailFile) -> int:
    """The file's size now; raises when it cannot be the file that was read before."""
    status = file.path.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise CorruptError("it is no plain file")
    if status.st_size < file.offset:
        raise CorruptError(f"it shrank from {file.offset} to {status.st_size} bytes")
    return status.st_size


def ways_to(folders: Iterable[str]) -> frozenset[str]:
    """The folders, and those that lead to them."""
    parts = [folder.split("/") for folder in folders if folder]
    return frozenset("/".join(part[:count]) for part in parts for count in range(1, len(part) + 1))


def is_below(name: str, folder: str) -> bool:
    """Whether one folder lies in another."""
    return not folder or name.startswith(folder + "/")


def is_utf8(name: str) -> bool:
    """Whether TensorBoard, too, can say the name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
