"""Curves as numpy arrays. Numpy is imported when the first one is asked for, pandas by `to_pandas` alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from danlu.client.records import Json
from danlu.rest import Connection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

XAxis = Literal["step", "relative", "wall", "epoch"]
RUNS_AT_ONCE = 200
LAG = 5.0
"""Seconds within which the server shows in its curves what it has told of."""
_AGAIN = 0.25


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """One curve of one run; all arrays are of one length.

    Attributes:
        run: id of the run.
        tag: its name.
        x: by the axis that was asked for: steps, seconds since the first point, seconds since 1970, or epochs.
        y: the values, NaN and infinities as they are.
        step: steps.
        wall: seconds since 1970.
        total: points before thinning.
        sampled: the server itself keeps only a sample of this series, because it is very long.
    """

    run: int
    tag: str
    x: NDArray[Any]
    y: NDArray[np.float64]
    step: NDArray[np.int64]
    wall: NDArray[np.float64]
    total: int
    sampled: bool

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Series(run={self.run}, tag={self.tag!r}, {len(self)} of {self.total} points)"

    def to_pandas(self) -> Any:
        """A pandas Series of the values over `x`, with the tag for its name."""
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]

        return pd.Series(self.y, index=self.x, name=self.tag)


class SeriesOfRun(Mapping[str, Series]):
    """The curves of one run, by tag."""

    def __init__(self, run: int, series: Iterable[Series]) -> None:
        self.run = run
        self._series = {item.tag: item for item in series}

    def __getitem__(self, tag: str) -> Series:
        return self._series[tag]

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)

    def __repr__(self) -> str:
        return f"SeriesOfRun(run={self.run}, tags={list(self._series)})"

    def to_pandas(self) -> Any:
        """See `to_pandas`."""
        return to_pandas(self._series.values())


def to_pandas(series: Iterable[Series]) -> Any:
    """A pandas DataFrame with one row per point: `run`, `tag`, `step`, `x`, `wall`, `value`.

    `frame.pivot(index="step", columns="tag", values="value")` has one column per tag.
    """
    import numpy as np
    import pandas as pd

    found = list(series)
    lengths = [len(item) for item in found]
    columns: dict[str, Any] = {
        "run": np.repeat(np.array([item.run for item in found], np.int64), lengths),
        "tag": np.repeat(np.array([item.tag for item in found], object), lengths),
        **{
            name: np.concatenate([getattr(item, attribute) for item in found]) if found else []
            for name, attribute in (("step", "step"), ("x", "x"), ("wall", "wall"), ("value", "y"))
        },
    }
    return pd.DataFrame(columns)


def fetch(
    server: Connection,
    expected: Mapping[int, Mapping[str, int]],
    tags: Sequence[str] | None,
    points: int,
    x: XAxis,
) -> list[Series]:
    """The curves of these runs, in their order and then by tag; more runs than the server takes at once in several calls.

    What a run has just written shows up a moment later in its curves than in its summary: they are asked for again
    until they are as long as expected, for some seconds at most.

    Args:
        server: where.
        expected: run -> tag -> the last step that its summary has told of.
        tags: only these; None: all.
        points: at most so many per curve; 0: all.
        x: what `Series.x` is.
    """
    until = time.monotonic() + LAG
    while True:
        found = _fetch(server, list(expected), tags, points, x)
        reached = {(item.run, item.tag): item.step[-1] for item in found if len(item)}
        whole = all(
            reached.get((run, tag), -1) >= step
            for run, steps in expected.items()
            for tag, step in steps.items()
            if tags is None or tag in tags
        )
        if whole or time.monotonic() > until:
            return found
        time.sleep(_AGAIN)


def _fetch(
    server: Connection, runs: Sequence[int], tags: Sequence[str] | None, points: int, x: XAxis
) -> list[Series]:
    found: list[Series] = []
    if tags is not None and not tags:
        return found
    for first in range(0, len(runs), RUNS_AT_ONCE):
        query: list[tuple[str, str | int]] = [("run", run) for run in runs[first : first + RUNS_AT_ONCE]]
        query += [("tag", tag) for tag in tags or ()]
        answer = server.json("GET", "/metrics", params=[*query, ("points", points), ("x", x)])
        found += [_series(item, x) for item in answer["series"]]
    return found


def _series(item: Json, axis: XAxis) -> Series:
    import numpy as np

    y = np.array(item["y"], np.float64)  # null becomes NaN
    for index, name in item["nonfinite"]:
        y[index] = float(name)
    return Series(
        run=item["run"],
        tag=item["tag"],
        x=np.array(item["x"], np.int64 if axis == "step" else np.float64),
        y=y,
        step=np.array(item["step"], np.int64),
        wall=np.array(item["wall"], np.float64),
        total=item["total"],
        sampled=item["sampled"],
    )
