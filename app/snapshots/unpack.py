"""Unpacking an upload into a folder of its own, whole or not at all: whatever an archive tries, it ends in a refusal.

Nothing here trusts what an archive says of itself. Entries become plain files and folders only; names are checked
before anything is written, sizes are counted while it is written, and every refusal names the entry.
"""

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from app.errors import Invalid, NoSpace
from app.snapshots.names import is_junk, plain
from danlu.pack import FileFact, size_text
from danlu.packnames import Names, check_path, shown

CHUNK = 1 << 18
_CHECK_DISK_EVERY = 32 << 20
_FREE_OF_RATIO = 32 << 20
"""Bytes up to which an archive may unpack to anything: text and zeros of a small project pack very well."""
MAX_RATIO = 100
_THREADS = 2
_AHEAD = 64
"""Small files that wait for their writing; at most a piece each."""


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
    names, total = Names(), _Total(limits)
    made: list[FileFact] = []
    known_folders = {""}
    with _Writer() as writer:
        for number, entry in enumerate(entries):
            if number >= limits.entries:
                raise Refused(f"The upload has more than {limits.entries} entries.")
            path = _checked(entry, names)
            # A folder is made for the files in it; an empty one holds no code, and no content's name knows it.
            if not path or is_junk(path) or entry.is_folder:
                continue
            _make_folders(folder, path, known_folders)
            size, digest = 0, hashlib.sha256()
            with entry.open() as source, writer.file(folder / path) as target:
                while chunk := source.read(CHUNK):
                    size += len(chunk)
                    total.add(len(chunk))
                    digest.update(chunk)
                    target.write(chunk)
            made.append(FileFact(path, entry.executable, digest.hexdigest(), size))
    if not made:
        raise Refused("The upload holds no file.")
    return made


class _Total:
    """What has been unpacked so far, held against the limits and the disk."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.size = self.unchecked = 0

    def add(self, size: int) -> None:
        self.size += size
        self.unchecked += size
        self.limits.check_size(self.size)
        if self.unchecked > _CHECK_DISK_EVERY:
            self.unchecked = 0
            short = self.limits.shortage()
            if short:
                raise NoSpace(f"Nothing can be uploaded: {short}.", retry_after=60)


class _Writer:
    """Makes files in threads of its own: a new file can cost the kernel more than all that is done with its content.

    When its block ends, however it ends, nothing is being written any more; the first error of a thread is raised.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "unpack")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            self._settle(0)

    def file(self, place: Path) -> "_NewFile":
        """A file to be written in pieces; at its end it is handed over, unless it was too large to be kept so long."""
        return _NewFile(self, place)

    def hand_over(self, place: Path, content: bytes) -> None:
        """Have a small file written."""
        self._waiting.append(self._pool.submit(_write_whole, place, content))
        self._settle(_AHEAD)

    def _settle(self, left: int) -> None:
        while len(self._waiting) > left:
            self._waiting.popleft().result()


class _NewFile:
    """One file on its way: kept while it is one piece, written as it comes from the second on."""

    def __init__(self, writer: _Writer, place: Path) -> None:
        self._writer, self._place = writer, place
        self._piece = b""
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._file is not None:
            self._file.close()
        elif error is None:
            self._writer.hand_over(self._place, self._piece)

    def write(self, piece: bytes) -> None:
        if self._file is None and not self._piece:
            self._piece = piece
            return
        if self._file is None:
            self._file = _new_file(self._place)
            self._file.write(self._piece)
        self._file.write(piece)


def _write_whole(place: Path, content: bytes) -> None:
    with _new_file(place) as file:
        file.write(content)


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


def _make_folders(folder: Path, path: str, known: set[str]) -> None:
    head = path.rpartition("/")[0]
    if head not in known:
        (folder / head).mkdir(parents=True, exist_ok=True, mode=0o755)
        while head:
            known.add(head)
            head = head.rpartition("/")[0]


def _new_file(place: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(place, flags, 0o644), "wb")
