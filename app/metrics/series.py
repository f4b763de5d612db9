"""Series for drawing: thinned without losing a spike, with an x-axis, and with NaN and inf set apart. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.dataserver import Points
from app.metrics.words import XAxis

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One run's one tag.

    Attributes:
        run: id of the run.
        tag: with the folder before it ("eval/loss") when the event file lies below the run's folder.
        x: by the axis that was asked for: steps, seconds since the first point, or seconds since 1970.
        step: steps.
        wall: seconds since 1970.
        value: with NaN and inf.
        total: points before thinning.
        sampled: the data server itself kept a sample only, because the series is longer than `tb_scalars`.
    """

    run: int
    tag: str
    x: Ints | Floats
    step: Ints
    wall: Floats
    value: Floats
    total: int
    sampled: bool

    def body(self) -> dict[str, object]:
        """As JSON-ready values: a value that is not finite is null and named in `nonfinite` by its index."""
        value: list[float | None] = self.value.tolist()
        nonfinite = []
        for index in np.flatnonzero(~np.isfinite(self.value)).tolist():
            nonfinite.append([index, _name(value[index])])
            value[index] = None
        return {
            "run": self.run,
            "tag": self.tag,
            "x": self.x.tolist(),
            "y": value,
            "step": self.step.tolist(),
            "wall": self.wall.tolist(),
            "nonfinite": nonfinite,
            "total": self.total,
            "sampled": self.sampled,
        }


def make(run: int, tag: str, points: Points, *, axis: XAxis, at_most: int, kept: int) -> Series:
    """A series of at most `at_most` points (0 for all) from what the data server, which keeps `kept`, gave."""
    chosen = thin(points.value, at_most)
    step, wall = points.step[chosen], points.wall[chosen]
    # Milliseconds are enough, and half as long in JSON.
    wall = np.round(wall, 3)
    x: Ints | Floats = step
    if axis == "wall":
        x = wall
    elif axis == "relative":
        x = np.round(points.wall[chosen] - points.wall[0], 3) if len(chosen) else wall
    total = len(points.step)
    return Series(run, tag, x, step, wall, points.value[chosen], total, total >= kept)


def thin(value: Floats, at_most: int) -> NDArray[np.intp]:
    """Indices of the points to keep, ascending.

    The first and the last are kept, and of each of equally wide stretches between them the smallest and the
    largest finite value, and the first that is not finite: what stands out survives any thinning.

    Args:
        value: the series.
        at_most: how many to keep, 4 or more; 0 for all.
    """
    count = len(value)
    if not at_most or count <= at_most:
        return np.arange(count)
    finite = np.isfinite(value)
    holes = not finite.all()
    inner = count - 2
    stretches = max(1, (at_most - 2) // (3 if holes else 2))
    width = -(-inner // stretches)
    rows = -(-inner // width)
    start = 1 + width * np.arange(rows)
    middle, good = value[1:-1], finite[1:-1]
    low = _rows(np.where(good, middle, np.inf), np.inf, rows, width)
    high = _rows(np.where(good, middle, -np.inf), -np.inf, rows, width)
    has_finite = _rows(good, False, rows, width).any(axis=1)
    kept = [
        np.array([0, count - 1]),
        (start + low.argmin(axis=1))[has_finite],
        (start + high.argmax(axis=1))[has_finite],
    ]
    if holes and at_most - 2 >= 3:
        bad = _rows(~good, False, rows, width)
        kept.append((start + bad.argmax(axis=1))[bad.any(axis=1)])
    return np.unique(np.concatenate(kept))


def _rows(flat: NDArray[Any], filler: float, rows: int, width: int) -> NDArray[Any]:
    padded = np.full(rows * width, filler, flat.dtype)
    padded[: len(flat)] = flat
    return padded.reshape(rows, width)


def _name(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"
