"""The data server's answer to ReadScalars, taken apart without an object per point.

Three of the numbers of a point are packed in three fields: wall times and values as little-endian floats, which numpy
reads where they lie, and steps as varints. Runs that log at the same steps have the same bytes there, so those are
decoded once and then shared: a comparison of a hundred runs holds one column of steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LENGTH_DELIMITED = 2
WIDTHS = {0: 0, 1: 8, 5: 4}  # of the other wire types; 0: a varint


@dataclass(frozen=True, eq=False)
class Points:
    """One series as it was written: steps ascending, wall times in seconds since 1970 (to the millisecond), values with
    NaN and inf.

    The arrays may be shared with other series and are read-only.
    """

    step: NDArray[np.int64]
    wall: NDArray[np.float64]
    value: NDArray[np.float32] | NDArray[np.float64]


class MalformedError(ValueError):
    """Not an answer of a data server."""


def scalars(answer: bytes, steps: dict[bytes, NDArray[np.int64]]) -> dict[str, dict[str, Points]]:
    """Run name → tag → points.

    Args:
        answer: a serialized ReadScalarsResponse.
        steps: columns of steps that are known by their bytes; new ones are added.

    Raises:
        MalformedError: cut off, or something else.
    """
    view = memoryview(answer)
    found: dict[str, dict[str, Points]] = {}
    for number, run in _fields(view):
        if number == 1:
            name, tags = "", {}
            for inner, part in _fields(run):
                if inner == 1:
                    name = str(part, "utf-8")
                elif inner == 2:
                    tag, points = _tag(part, steps)
                    tags[tag] = points
            found[name] = tags
    return found


def _tag(entry: memoryview, steps: dict[bytes, NDArray[np.int64]]) -> tuple[str, Points]:
    name, data = "", memoryview(b"")
    for number, part in _fields(entry):
        if number == 1:
            name = str(part, "utf-8")
        elif number == 2:
            data = part
    columns = dict(_fields(data))
    empty = memoryview(b"")
    packed = bytes(columns.get(1, empty))
    step = steps.get(packed)
    if step is None:
        step = steps[packed] = _varints(packed)
    # Milliseconds are enough, and half as long in JSON.
    wall = np.round(np.frombuffer(columns.get(2, empty), "<f8"), 3)
    value = np.frombuffer(columns.get(3, empty), "<f4").copy()  # not a view: the answer is not to be kept
    if not len(step) == len(wall) == len(value):
        raise MalformedError(f"columns of {len(step)}, {len(wall)} and {len(value)} points")
    wall.flags.writeable = value.flags.writeable = False
    return name, Points(step, wall, value)


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field that has a length; others are skipped."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at)
        if key & 7 == LENGTH_DELIMITED:
            length, at = _varint(view, at)
            if at + length > end:
                raise MalformedError("cut off")
            yield key >> 3, view[at : at + length]
            at += length
        elif (width := WIDTHS.get(key & 7)) is None:
            raise MalformedError(f"wire type {key & 7}")
        else:
            at = at + width if width else _varint(view, at)[1]


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while True:
            byte = view[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
    except IndexError:
        raise MalformedError("cut off") from None


def _varints(packed: bytes) -> NDArray[np.int64]:
    """All numbers of a packed int64 field: the bytes of each are shifted to their place and summed."""
    raw = np.frombuffer(packed, np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    if not len(ends):
        if len(raw):
            raise MalformedError("cut off")
        return np.zeros(0, np.int64)
    if ends[-1] != len(raw) - 1:
        raise MalformedError("cut off")
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    place = np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)
    parts = (raw & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
    numbers = np.add.reduceat(parts, starts).view(np.int64)
    numbers.flags.writeable = False
    return numbers
