"""Packing a folder of code: what belongs in it, what its content is called, and one archive that is the same each time.

The name of a content, `content_id`, is the SHA-256 over its sorted paths, executable bits and the SHA-256 of each file. It
does not depend on how the files are packed, so that a client knows it before it sends anything.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from danlu.packnames import Names, check_path, shown
from danlu.packrules import Rule, left_out, rules_above, rules_in

MAX_PACKED = 50 * 2**20
"""Bytes of an archive."""
MAX_UNPACKED = 10 * MAX_PACKED
MAX_ENTRIES = 10_000
_LOOKED_AT = 100_000
"""Folders larger than this are given up: somebody packs a home folder."""
_LEVEL = 1
_BLOCKS = 2048
"""Bytes that tar adds to a file, at most, unless its name is long."""
_LARGEST = 5


class PackError(Exception):
    """A folder that cannot be packed; the message says what to do.

    Attributes:
        left_out: what had been left out until then.
    """

    def __init__(self, message: str, left_out: Iterable[LeftOut] = ()) -> None:
        super().__init__(message)
        self.left_out = tuple(left_out)


class FileFact(NamedTuple):
    """One file of a content."""

    path: str
    """Relative, with `/`."""
    executable: bool
    sha256: str
    size: int
    """Bytes."""


class LeftOut(NamedTuple):
    """Something that is not packed; a folder's path ends in `/`."""

    path: str
    reason: str


class Source(NamedTuple):
    """A file that is to be packed."""

    path: str
    place: Path
    executable: bool
    size: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The files of a folder that are to be packed, by path, and what is not."""

    files: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(file.size for file in self.files)


def content_id(files: Iterable[FileFact]) -> str:
    """The name of a content: 64 hexadecimal digits."""
    whole = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path.encode()):
        whole.update(f"{file.path}\0{'x' if file.executable else '-'}\0{file.sha256}\n".encode())
    return whole.hexdigest()


def select(folder: Path) -> Selection:
    """What of a folder is packed.

    Raises:
        PackError: too many files, too large, a name that no snapshot can hold, or a file that cannot be read.
    """
    folder = folder.resolve()
    try:
        chosen = _Walk(folder).walk()
    except OSError as error:
        raise PackError(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    if len(chosen.files) > MAX_ENTRIES:
        raise _too_large(f"{len(chosen.files)} files; at most {MAX_ENTRIES}", folder, chosen)
    if chosen.size > MAX_UNPACKED:
        raise _too_large(f"{size_text(chosen.size)}; at most {size_text(MAX_UNPACKED)}", folder, chosen)
    return chosen


def select_alone(script: Path) -> Selection:
    """A single file, whatever lies beside it.

    Raises:
        PackError: its name, or that it cannot be read.
    """
    try:
        info = script.stat()
        check_path(script.name)
    except OSError as error:
        raise PackError(f"{script} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PackError(f"{shown(script.name)} {error}") from None
    return Selection((Source(script.name, script, bool(info.st_mode & stat.S_IXUSR), info.st_size),), ())


def including(selection: Selection, path: str, place: Path) -> Selection:
    """With that file in any case: a script that is to be run is packed, whatever a .gitignore says.

    Raises:
        PackError: it cannot be read.
    """
    if any(file.path == path for file in selection.files):
        return selection
    alone = select_alone(place).files[0]._replace(path=path)
    files = sorted((*selection.files, alone), key=lambda file: file.path.encode())
    return Selection(tuple(files), tuple(item for item in selection.left_out if item.path != path))


def facts(selection: Selection) -> list[FileFact]:
    """Each file with its hash.

    Raises:
        PackError: a file cannot be read.
    """
    found = []
    for path, place, executable, _ in selection.files:
        try:
            content = place.read_bytes()
        except OSError as error:
            raise PackError(f"{place} cannot be read: {error.strerror}") from error
        found.append(FileFact(path, executable, hashlib.sha256(content).hexdigest(), len(content)))
    return found


def archive(selection: Selection, *, stored: bool = False) -> bytes:
    """The files as tar.gz: the same bytes for the same content, whenever and wherever it is packed.

    Args:
        selection: which.
        stored: not compressed, where that is small enough: for a server on this machine.

    Raises:
        PackError: larger than `MAX_PACKED`, or a file cannot be read.
    """
    made = io.BytesIO()
    level = 0 if stored and selection.size + _BLOCKS * len(selection.files) < MAX_PACKED else _LEVEL
    with (
        gzip.GzipFile(filename="", fileobj=made, mode="wb", compresslevel=level, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, place, executable, _ in selection.files:
            try:
                content = place.read_bytes()
            except OSError as error:
                raise PackError(f"{place} cannot be read: {error.strerror}") from error
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(content))
            if made.tell() > MAX_PACKED:
                raise _too_large(f"more than {size_text(MAX_PACKED)} packed", None, selection)
    if made.tell() > MAX_PACKED:
        raise _too_large(f"more than {size_text(MAX_PACKED)} packed", None, selection)
    return made.getvalue()


def size_text(size: int) -> str:
    """Bytes as a person reads them: 812 B, 3.4 kB, 50 MiB."""
    if size < 1000:
        return f"{size} B"
    if size < 2**20:
        return f"{size / 1000:.3g} kB"
    return f"{size / 2**20:.4g} MiB"


class _Walk:
    """One look through a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Source] = []
        self.out: list[LeftOut] = []
        self.names = Names()
        self.looked_at = 0

    def walk(self) -> Selection:
        self._enter(self.folder, "", rules_above(self.folder))
        self.files.sort(key=lambda file: file.path.encode())
        self.out.sort()
        return Selection(tuple(self.files), tuple(self.out))

    def _enter(self, folder: Path, below: str, above: list[Rule]) -> None:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        if below and "pyvenv.cfg" in names:
            self.out.append(LeftOut(below, "a virtual environment"))
            return
        if below and {"server.lock", "experiments"} <= names:
            self.out.append(LeftOut(below, "a home of Danlu"))
            return
        rules = above + rules_in(folder, below) if names & {".gitignore", ".danluignore"} else above
        self.looked_at += len(entries)
        if self.looked_at > _LOOKED_AT:
            raise PackError(
                f"{self.folder} holds more than {_LOOKED_AT} files; pack a smaller folder (--folder), the script "
                "alone (--alone), or leave folders out with a .danluignore",
                self.out,
            )
        for entry in entries:
            self._take(entry, below + entry.name, rules)

    def _take(self, entry: os.DirEntry[str], path: str, rules: list[Rule]) -> None:
        if entry.name == ".git":
            self.out.append(LeftOut(f"{path}/" if entry.is_dir() else path, "left out by default"))
            return
        if entry.is_dir(follow_symlinks=False):
            reason = left_out(rules, f"{path}/")
            if reason is None:
                self._enter(Path(entry.path), f"{path}/", rules)
            else:
                self.out.append(LeftOut(f"{path}/", reason))
            return
        reason = self._unfit(entry)
        info = entry.stat() if reason is None else None
        if info is not None:
            reason = left_out(rules, path, info.st_size)
        if reason is not None or info is None:
            self.out.append(LeftOut(path, reason or ""))
            return
        try:
            check_path(path)
            self.names.add(path)
        except ValueError as error:
            remedy = "rename it, or leave it out with a line in .danluignore"
            raise PackError(f"{shown(path)} {error}; {remedy}", self.out) from None
        self.files.append(Source(path, Path(entry.path), bool(info.st_mode & stat.S_IXUSR), info.st_size))

    def _unfit(self, entry: os.DirEntry[str]) -> str | None:
        """Why something that is no folder cannot be packed; a link to a file of the folder is packed as that file."""
        if not entry.is_symlink():
            return None if entry.is_file(follow_symlinks=False) else "neither a file nor a folder"
        try:
            target = Path(entry.path).resolve()
        except (OSError, RuntimeError):  # a circle
            return "a link that leads nowhere"
        if not target.is_relative_to(self.folder):
            return "a link that leads out of the folder"
        return None if target.is_file() else "a link to something else than a file"


def _too_large(what: str, folder: Path | None, selection: Selection) -> PackError:
    largest = sorted(selection.files, key=lambda file: -file.size)[:_LARGEST]
    named = ", ".join(f"{shown(file.path)} ({size_text(file.size)})" for file in largest)
    where = f"{folder} holds" if folder else "the folder has"
    return PackError(
        f"{where} {what}. The largest files: {named}. Leave some out with lines in .danluignore, "
        "pack another folder (--folder), or the script alone (--alone)",
        selection.left_out,
    )
