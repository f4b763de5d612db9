"""Reading zip, tar.gz and tar archives entry by entry; each says what it cannot be part of code."""

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from app.snapshots.unpack import CHUNK, Entry, Limits, Refused
from danlu.packnames import shown

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"
_END = b"PK\x05\x06"
_END_BYTES = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ENTRY_BYTES = 512
"""Of an archive's table of contents, an entry; generous, and still bounds what is read into memory."""
_HEADER_BYTES = 1 << 20
_TAR_BLOCK = 512
_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others (bzip2, LZMA) are unpacked by `zipfile` without a limit: 500 bytes of bzip2 take a gigabyte of memory."""
_TAR_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError, struct.error,
    NotImplementedError, RuntimeError, UnicodeError, ValueError, OverflowError,
)  # fmt: skip


def kind_of(upload: Path) -> str | None:
    """`zip`, `tar.gz`, `tar`, or None for anything else, by the file's first bytes."""
    with upload.open("rb") as file:
        head = file.read(262 + 6)
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(_GZIP):
        return "tar.gz"
    return "tar" if head[257:262] == b"ustar" else None


@contextmanager
def entries_of(upload: Path, kind: str, scratch: Path, limits: Limits) -> Iterator[Iterator[Entry]]:
    """The entries of an archive, to be read in order and once.

    Args:
        upload: the archive.
        kind: as `kind_of` says.
        scratch: where a tar.gz is decompressed to; removed afterwards.

    Raises (here and while it is read):
        Refused: an entry that is no plain file or folder, or an archive that cannot be read.
    """
    try:
        if kind == "zip":
            with _zip(upload, limits) as archive:
                yield _zip_entries(archive)
            return
        tar = upload if kind == "tar" else _gunzipped(upload, scratch, limits)
        with _Bounded(tar) as file, tarfile.open(fileobj=cast("BinaryIO", file), mode="r:") as reader:
            yield _tar_entries(reader, file)
    except Refused:
        raise
    except _BROKEN as error:
        said = str(error) or type(error).__name__
        raise Refused(f"The upload cannot be read as {kind}: {shown(said)}.") from error
    finally:
        scratch.unlink(missing_ok=True)


# zip


def _zip(upload: Path, limits: Limits) -> zipfile.ZipFile:
    """The archive, opened once its table of contents is known to be small: all of it is read into memory."""
    size = upload.stat().st_size
    with upload.open("rb") as file:
        file.seek(max(0, size - _END_BYTES - 20 - 0xFFFF))
        tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_BYTES:
        raise Refused("The upload cannot be read as zip: its end is missing.")
    count, table = struct.unpack("<HL", tail[place + 10 : place + 16])
    if tail[max(0, place - 20) : place].startswith(_ZIP64_LOCATOR):
        raise Refused("The upload is a zip64 archive, as only huge ones are; pack it as tar.gz.")
    if count > limits.entries or table > limits.entries * _ENTRY_BYTES:
        raise Refused(f"The upload has more than {limits.entries} entries.")
    return zipfile.ZipFile(upload)


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        name = info.orig_filename
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if info.flag_bits & 0x1:
            raise Refused(f"The entry {shown(name)} is encrypted; send an archive without a password.")
        if info.compress_type not in _ZIP_METHODS:
            raise Refused(
                f"The entry {shown(name)} is packed in an unusual way; pack it with deflate, or as tar.gz."
            )
        if info.header_offset < 0:
            raise zipfile.BadZipFile(f"the entry {shown(name)} begins before the archive")
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            what = "a symbolic link" if stat.S_ISLNK(mode) else "a device, a pipe or something else"
            raise Refused(f"The entry {shown(name)} is {what}; only files and folders are taken.")
        is_folder = name.endswith("/") or kind == stat.S_IFDIR
        executable = info.create_system == 3 and bool(mode & stat.S_IXUSR)  # 3: made on a Unix
        yield Entry(name, is_folder, executable, partial(_opened, archive, info))


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast("BinaryIO", archive.open(info))


# tar


class _Bounded(io.FileIO):
    """A tar file that gives out no piece larger than a megabyte: extended headers are read into memory whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "r")

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _HEADER_BYTES:
            raise Refused("The upload has a header of more than 1 MiB.")
        return super().read(size) or b""


def _tar_entries(reader: tarfile.TarFile, file: _Bounded) -> Iterator[Entry]:
    while (member := reader.next()) is not None:
        reader.members = []  # type: ignore[attr-defined]  # nothing is looked up again, and a list of them all is only memory
        what = _TAR_KINDS.get(member.type, "of a kind that is not known")
        plain_file = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not (plain_file or member.isdir()):
            raise Refused(f"The entry {shown(member.name)} is {what}; only files and folders are taken.")
        path = f"{member.name}/" if member.isdir() else member.name
        executable = bool(member.mode & stat.S_IXUSR)
        yield Entry(path, member.isdir(), executable, partial(_extracted, reader, member))
    # A damaged header ends the list as a proper end does; the proper one is a block of zeros.
    file.seek(reader.offset)
    if file.read(_TAR_BLOCK) != bytes(_TAR_BLOCK):
        raise Refused("The upload cannot be read as tar: it ends too early, or is damaged in the middle.")


def _extracted(reader: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    opened = reader.extractfile(member)
    if opened is None:
        raise Refused(f"The entry {shown(member.name)} cannot be read.")
    return cast("BinaryIO", opened)


def _gunzipped(upload: Path, scratch: Path, limits: Limits) -> Path:
    """The tar in a tar.gz, with its checksum verified. Headers and padding count twice of what files may hold at most."""
    total = 0
    padding = limits.entries * 4 * _TAR_BLOCK
    with gzip.open(upload) as packed, scratch.open("xb") as file:
        while chunk := packed.read(CHUNK):
            total += len(chunk)
            limits.check_size(max(0, total - padding))
            file.write(chunk)
    return scratch
