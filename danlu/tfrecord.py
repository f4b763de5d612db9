"""The files' own format: TFRecord framing, the protobuf primitives of it, and the names of event files."""

import operator
import os
import socket
import struct
import time
from itertools import count
from pathlib import Path
from typing import SupportsIndex

import google_crc32c

_NUMBERS = count()
HEADER = struct.Struct("<QI")
"""A record starts with its length and that length's checksum …"""
FOOTER = struct.Struct("<I")
"""… and ends with its data's checksum."""

_pack_length = struct.Struct("<Q").pack


def masked_crc(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C, rotated and shifted so that a checksum of checksums stays useful."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
    """A protobuf varint of a signed 64-bit integer (negative ones take ten bytes)."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(key: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes((key,)) + varint(len(data)) + data


def check_step(step: SupportsIndex) -> int:
    """The step as a plain integer.

    Raises:
        TypeError: it is no integer.
        ValueError: it does not fit in 64 bits.
    """
    number = operator.index(step)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"step {number} does not fit in 64 bits")
    return number


def check_tag(tag: str) -> str:
    """The tag itself.

    Raises:
        TypeError: it is no string.
        ValueError: it is empty or holds what UTF-8 cannot express.
    """
    if not isinstance(tag, str):
        raise TypeError(f"a tag is a string, not {type(tag).__name__}")
    if not tag:
        raise ValueError("a tag must not be empty")
    try:
        tag.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"tag {tag!r} cannot be written as UTF-8") from error
    return tag


def header(size: int) -> bytes:
    """What stands before a record of ``size`` bytes."""
    length = _pack_length(size)
    return length + FOOTER.pack(masked_crc(length))


def create_event_file(folder: Path) -> tuple[Path, int]:
    """Create the next event file of a folder; readers take a folder's files in the order of their names.

    So the time in the name has microseconds, and is later than that of every file already there, also when the
    clock was set back between two attempts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    latest = max((_stamp(path.name) for path in folder.iterdir()), default=0)
    stamp = max(time.time_ns() // 1000, latest + 1)
    host = socket.gethostname().replace("/", "_")
    while True:
        seconds, micro = divmod(stamp, 1_000_000)
        name = f"events.out.tfevents.{seconds:010d}.{micro:06d}.{host}.{os.getpid()}.{next(_NUMBERS)}"
        path = folder / name
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            stamp += 1


def _stamp(name: str) -> int:
    """The microseconds in an event file's name (ours, or another writer's whole seconds); 0 for other files."""
    parts = name.split(".")
    if parts[:3] != ["events", "out", "tfevents"] or len(parts) < 5 or not parts[3].isdigit():
        return 0
    micro = parts[4] if parts[4].isdigit() and len(parts[4]) == 6 else "999999"
    # A stamp far in the future is no order to keep: names have ten digits of seconds.
    return min(int(parts[3]) * 1_000_000 + int(micro), 9_999_999_998_999_999)
