"""Series as compact columns for the browser; `static/js/columns.js` reads them. The format is told in docs/compare.md.

    4 bytes   length of the head, little-endian
    head      JSON, padded with spaces so that the data begins at a multiple of 8
    data      arrays, little-endian, each beginning at a multiple of 8

A column in the head is `[type, count, at, base, divisor]`: `count` numbers of `type` (u8, u16, u32, f32, f64) lie `at` bytes
into the data, and stand for `(base + number) / divisor`. A column of type "range" has no data: `base`, `base + divisor`, … A column
that several series share is there once. A value is f64 only where f32 would change it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from app.metrics.series import Series

MEDIA_TYPE = "application/vnd.danlu.columns"
ALIGN = 8
INTEGERS: tuple[tuple[str, type[np.unsignedinteger[Any]]], ...] = (
    ("u8", np.uint8), ("u16", np.uint16), ("u32", np.uint32),
)  # fmt: skip
LARGEST_EXACT = 2**53
MILLI, FINE = 1000, 10_000  # wall times, and seconds and epochs as x, have three and four decimals

Column = list[str | int | float]


def encode(found: Sequence[Series], **more: object) -> bytes:
    """The series as one body.

    Args:
        found: the series.
        more: JSON-ready values for the head.
    """
    columns = _Columns()
    tags = {tag: place for place, tag in enumerate(dict.fromkeys(series.tag for series in found))}
    head: dict[str, object] = {
        **more,
        "tags": list(tags),
        "run": [series.run for series in found],
        "tag": [tags[series.tag] for series in found],
        "step": [columns.add(series.step, 1) for series in found],
        "wall": [columns.add(series.wall, MILLI) for series in found],
        "value": [columns.add(series.value, None) for series in found],
        "total": [series.total for series in found],
        "sampled": [place for place, series in enumerate(found) if series.sampled],
    }
    # x is left out where it is the step.
    if any(series.x is not series.step for series in found):
        head["x"] = [columns.add(series.x, MILLI if series.x is series.wall else FINE) for series in found]
    if any(series.asked for series in found):
        head["before"] = [series.before for series in found]
        head["anchor"] = [series.anchor for series in found]
    head["columns"] = columns.heads
    text = to_json(head, inf_nan_mode="null")
    text += b" " * (-(4 + len(text)) % ALIGN)
    return b"".join([len(text).to_bytes(4, "little"), text, *columns.parts])


class _Columns:
    """Columns as they are put one behind the other, each different one once."""

    def __init__(self) -> None:
        self.heads: list[Column] = []
        self.parts: list[bytes] = []
        self._size = 0
        self._objects: dict[int, tuple[int, NDArray[Any]]] = {}
        self._bytes: dict[tuple[object, ...], int] = {}

    def add(self, array: NDArray[Any], divisor: int | None) -> int:
        """The number of a column that holds these values.

        Args:
            array: the values.
            divisor: they are whole numbers of its parts; None: any values.
        """
        known = self._objects.get(id(array))
        if known is None:
            number = self._floats(array) if divisor is None else self._decimals(array, divisor)
            # The array is held as well: as long as it lives, nobody else has its id.
            known = self._objects[id(array)] = (number, array)
        return known[0]

    def _decimals(self, array: NDArray[Any], divisor: int) -> int:
        if not len(array):
            return self._put("range", 0, b"", 0, 0)
        with np.errstate(over="ignore"):
            scaled = array if array.dtype.kind == "i" else np.rint(array * divisor)
        if not np.isfinite(scaled).all():  # a moment that a script made up
            return self._floats(array.astype(np.float64))
        low, high = scaled.min(), scaled.max()
        if max(-int(low), int(high)) >= LARGEST_EXACT or high - low >= 2**32:
            return self._floats(array.astype(np.float64))
        base = int(low)
        if divisor == 1 and (stride := _stride(scaled)) is not None:
            return self._put("range", len(scaled), b"", int(scaled[0]), stride)
        name, kind = next(pair for pair in INTEGERS if high - low <= np.iinfo(pair[1]).max)
        return self._put(name, len(scaled), (scaled - low).astype(kind).tobytes(), base, divisor)

    def _floats(self, array: NDArray[Any]) -> int:
        if array.dtype != np.float32:
            with np.errstate(over="ignore"):
                narrow = array.astype(np.float32)
            if not np.array_equal(narrow.astype(np.float64), array, equal_nan=True):
                return self._put("f64", len(array), array.astype("<f8").tobytes(), 0, 1)
            array = narrow
        return self._put("f32", len(array), array.astype("<f4", copy=False).tobytes(), 0, 1)

    def _put(self, name: str, count: int, content: bytes, base: int, divisor: int) -> int:
        key = (name, count, content, base, divisor)
        number = self._bytes.get(key)
        if number is None:
            number = self._bytes[key] = len(self.heads)
            self.heads.append([name, count, self._size, base, divisor])
            self.parts.append(content)
            padding = -len(content) % ALIGN
            if padding:
                self.parts.append(bytes(padding))
            self._size += len(content) + padding
        return number


def _stride(numbers: NDArray[np.int64]) -> int | None:
    """The one difference between neighbours; None when there are several."""
    if len(numbers) < 2:
        return 1
    stride = int(numbers[1] - numbers[0])
    if numbers[-1] - numbers[0] != stride * (len(numbers) - 1):
        return None
    return stride if (np.diff(numbers) == stride).all() else None
