"""Unpacking an upload into a folder of its own, whole or not at all: whatever an archive tries, it ends in a refusal.

Nothing here trusts what an archive says of itself. Entries become plain files and folders only; names are checked
before anything is written, sizes are counted while it is written, and every refusal names the entry.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.errors import Invalid, NoSpace
from app.snapshots.names import is_junk, plain
from danlu.pack import FileFact, size_text
from danlu.packnames import Names, check_path, shown

CHUNK = 1 << 18
_CHECK_DISK_EVERY = 32 << 20
_FREE_OF_RATIO = 32 << 20
"""Bytes up to which an archive may unpack to anything: text and zeros of a small project pack very well."""
MAX_RATIO = 100


class Refused(Invalid):
    """An upload that is not taken; nothing of it is kept."""

    code = "bad_archive"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, fields={"body": detail})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload may hold.

    Attributes:
        packed: bytes of the upload itself, for the ratio.
        entries: files and folders.
        unpacked: bytes of all files together.
        shortage: says what is wrong with the disk, or None; asked every 32 MiB.
    """

    packed: int
    entries: int
    unpacked: int
    shortage: Callable[[], str | None] = lambda: None

    def check_size(self, unpacked: int) -> None:
        """Refuse what has become too large.

        Raises:
            Refused: over the limit, or a bomb.
        """
        if unpacked > self.unpacked:
            raise Refused(f"The upload unpacks to more than {size_text(self.unpacked)}.")
        if unpacked > _FREE_OF_RATIO and unpacked > MAX_RATIO * self.packed:
            raise Refused(f"The upload unpacks to more than {MAX_RATIO} times its size; nothing was kept.")


class Entry(NamedTuple):
    """One entry of an archive, as its reader found it."""

    path: str
    is_folder: bool
    executable: bool
    open: Callable[[], BinaryIO]
    """Its content."""


def write(entries: Iterator[Entry], folder: Path, limits: Limits) -> list[FileFact]:
    """Write the entries below `folder`, which is made.

    Raises:
        Refused: a name, a clash, too many, too large, or no file at all.
        NoSpace: the disk's floor was reached.
    """
    folder.mkdir()
    names = Names()
    made: list[FileFact] = []
    seen = total = unchecked = 0
    known_folders = {""}
    for entry in entries:
        seen += 1
        if seen > limits.entries:
            raise Refused(f"The upload has more than {limits.entries} entries.")
        path = _checked(entry, names)
        if not path or is_junk(path):
            continue
        if entry.is_folder:
            continue  # made for the files in it; an empty one holds no code, and no content's name knows it
        _make_folders(folder, path, known_folders)
        size, digest = 0, hashlib.sha256()
        with entry.open() as source, _new_file(folder / path) as target:
            while chunk := source.read(CHUNK):
                size, total, unchecked = size + len(chunk), total + len(chunk), unchecked + len(chunk)
                limits.check_size(total)
                if unchecked > _CHECK_DISK_EVERY:
                    _check_disk(limits)
                    unchecked = 0
                digest.update(chunk)
                target.write(chunk)
        made.append(FileFact(path, entry.executable, digest.hexdigest(), size))
    if not made:
        raise Refused("The upload holds no file.")
    return made


def edited(folder: Path | None, edits: Mapping[str, str]) -> Iterator[Entry]:
    """The files of a folder, with some of them replaced and others added; of the new ones alone without a folder."""
    there = set()
    for base, _, names in os.walk(folder) if folder else ():
        for name in names:
            place = Path(base) / name
            path = place.relative_to(folder or base).as_posix()
            there.add(path)
            content = partial(_text, path, edits[path]) if path in edits else partial(_binary, place)
            yield Entry(path, False, bool(place.stat().st_mode & 0o100), content)
    for path in sorted(edits.keys() - there):
        yield Entry(path, False, False, partial(_text, path, edits[path]))


def _binary(place: Path) -> BinaryIO:
    return place.open("rb")


def _text(path: str, text: str) -> BinaryIO:
    try:
        return io.BytesIO(text.encode())
    except UnicodeEncodeError as error:
        raise Refused(f"{shown(path)} holds half of a surrogate pair.") from error


def _checked(entry: Entry, names: Names) -> str:
    """The entry's path, "" for the archive's own root."""
    path = plain(entry.path)
    if not path:
        return ""
    try:
        check_path(path)
        names.add(path, folder=entry.is_folder)
    except ValueError as error:
        raise Refused(f"The entry {shown(entry.path)} {error}.") from None
    return path


def _check_disk(limits: Limits) -> None:
    short = limits.shortage()
    if short:
        raise NoSpace(f"Nothing can be uploaded: {short}.", retry_after=60)


def _make_folders(folder: Path, path: str, known: set[str]) -> None:
    head = path.rpartition("/")[0]
    if head not in known:
        (folder / head).mkdir(parents=True, exist_ok=True, mode=0o755)
        while head:
            known.add(head)
            head = head.rpartition("/")[0]


def _new_file(place: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(place, flags, 0o644), "wb", buffering=0)
