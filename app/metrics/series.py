"""Series for drawing: thinned without losing a spike, with an x-axis, and with NaN and inf set apart. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.epochs import to_epochs
from app.metrics.wire import Points
from app.metrics.words import Window, XAxis

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.float32] | NDArray[np.float64]
Chosen = slice | NDArray[np.intp]


@dataclass(frozen=True)
class Series:
    """One run's one tag.

    Attributes:
        run: id of the run.
        tag: with the folder before it ("eval/loss") when the event file lies below the run's folder.
        x: by the axis that was asked for: steps, seconds since the first point or since 1970, or epochs.
        step: steps.
        wall: seconds since 1970.
        value: with NaN and inf.
        total: points before thinning.
        sampled: the data server itself kept a sample only, because the series is longer than `tb_scalars`.
        before: where only points after a step were asked for: how many there are up to that step …
        anchor: … and the wall time of the last of them. Whoever has other points before it has to read anew: the run
            has gone back to a checkpoint.
        asked: `before` and `anchor` are meant.
    """

    run: int
    tag: str
    x: Ints | Floats
    step: Ints
    wall: Floats
    value: Values
    total: int
    sampled: bool
    before: int = 0
    anchor: float | None = None
    asked: bool = False

    def body(self) -> dict[str, object]:
        """As JSON-ready values: a value that is not finite is null and named in `nonfinite` by its index."""
        value: list[float | None] = self.value.tolist()
        nonfinite = []
        for index in np.flatnonzero(~np.isfinite(self.value)).tolist():
            nonfinite.append([index, _name(value[index])])
            value[index] = None
        since = {"before": self.before, "anchor": self.anchor} if self.asked else {}
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
            **since,
        }


def make(
    run: int,
    tag: str,
    points: Points,
    *,
    axis: XAxis = "step",
    window: Window = Window(),  # noqa: B008 - it is frozen
    kept: int,
    epoch: Points | None = None,
) -> Series:
    """The wanted points of a series.

    Args:
        run: id of the run.
        tag: as the series is called.
        points: everything that the data server gave.
        axis: what `x` is.
        window: which points.
        kept: how many points of a series the data server keeps.
        epoch: the run's epochs, for that axis.
    """
    x = _axis(points, axis, epoch)
    total, after = len(points.step), window.since.get(run)
    before = 0 if after is None else int(np.searchsorted(points.step, after, "right"))
    index: Chosen = slice(before, total)
    if window.low is not None or window.high is not None:
        index = before + np.flatnonzero(_inside(x[before:], window))
    picked = thin(points.value[index], window.at_most)
    if picked is not None:
        index = before + picked if isinstance(index, slice) else index[picked]
    # Whole columns stay the objects that they are: other series share them.
    whole = isinstance(index, slice) and not before
    step = points.step if whole else points.step[index]
    wall = points.wall if whole else points.wall[index]
    value = points.value if whole else points.value[index]
    chosen_x = step if x is points.step else wall if x is points.wall else x[index]
    anchor = float(points.wall[before - 1]) if before else None
    return Series(
        run, tag, chosen_x, step, wall, value, total, total >= kept, before, anchor, asked=after is not None
    )


def _inside(x: Ints | Floats, window: Window) -> NDArray[np.bool_]:
    inside = np.ones(len(x), bool)
    if window.low is not None:
        inside &= x >= window.low
    if window.high is not None:
        inside &= x <= window.high
    return inside


def _axis(points: Points, axis: XAxis, epoch: Points | None) -> Ints | Floats:
    if axis == "wall":
        return points.wall
    if axis == "relative":
        with np.errstate(invalid="ignore"):  # a moment may be infinite
            return np.round(points.wall - points.wall[0], 3) if len(points.wall) else points.wall
    return to_epochs(points.step, epoch) if axis == "epoch" else points.step


def thin(value: Values, at_most: int) -> NDArray[np.intp] | None:
    """Indices of the points to keep, ascending; None for all of them.

    The first and the last are kept, and of each of equally wide stretches between them the smallest and the
    largest finite value, and the first that is not finite: what stands out survives any thinning.

    Args:
        value: the series.
        at_most: how many to keep, 4 or more; 0 for all.
    """
    count = len(value)
    if not at_most or count <= at_most:
        return None
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
