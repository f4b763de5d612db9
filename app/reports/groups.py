"""Runs that a view groups by a param, as one curve each: the mean, with a band around it. Pure."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.series import Series
from app.reports.curves import Curve, smoothed
from app.reports.shown import Look

Floats = NDArray[np.float64]
PLACES = 500
RESAMPLES = 1000


def grouped(series: list[Series], runs: dict[int, dict[str, Any]], look: Look) -> list[Curve]:
    """One curve per value of the param that the view groups by, in the order of their first runs."""
    key = look.group.removeprefix("params.")
    members: dict[str, list[Series]] = {}
    for one in series:
        value = runs[one.run]["params"].get(key)
        members.setdefault("—" if value is None else json.dumps(value, ensure_ascii=False), []).append(one)
    return [
        _mean(f"{key} = {value} (n = {len(some)})", place, some, look)
        for place, (value, some) in enumerate(members.items())
    ]


def _mean(label: str, place: int, series: list[Series], look: Look) -> Curve:
    grid = _grid(series)
    values = np.array([_at(one, grid) for one in series])
    middle = values.mean(axis=0) if len(grid) else np.zeros(0)
    soft = smoothed(
        middle, grid, look.smoothing, float(grid[1] - grid[0]) if len(grid) > 1 else 1.0, kernel=look.kernel
    )
    low, high = band(values, look.band)
    shift = soft - middle
    several = len(series) > 1 and look.band != "none"
    return Curve(
        label=label, colour=place % 10, dash=place // 10 % 3, x=grid.tolist(), y=soft.tolist(),
        low=(low + shift).tolist() if several else None, high=(high + shift).tolist() if several else None,
    )  # fmt: skip


def _grid(series: list[Series]) -> Floats:
    """Places that all these runs have reached."""
    low = max((float(one.x[0]) for one in series if len(one.x)), default=0.0)
    high = min((float(one.x[-1]) for one in series if len(one.x)), default=-1.0)
    own = np.unique(np.concatenate([one.x.astype(np.float64) for one in series]))
    inside = own[(own >= low) & (own <= high)]
    return inside if len(inside) <= PLACES else np.linspace(low, high, PLACES)


def _at(series: Series, grid: Floats) -> Floats:
    good = np.isfinite(series.value)
    if not good.any():
        return np.full(len(grid), np.nan)
    return np.interp(grid, series.x[good].astype(np.float64), series.value[good].astype(np.float64))


def band(values: Floats, kind: str) -> tuple[Floats, Floats]:
    """Lower and upper edge around the mean of the rows.

    Args:
        values: one row per run, one column per place.
        kind: `se` standard error, `sd` standard deviation, `ci` 95 % bootstrap interval of the mean.
    """
    count = len(values)
    middle = values.mean(axis=0)
    if count < 2:
        return middle, middle
    if kind == "ci":
        drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
        shares = np.stack([np.bincount(one, minlength=count) for one in drawn]) / count
        low, high = np.quantile(shares @ values, [0.025, 0.975], axis=0)
        return low, high
    spread = values.std(axis=0, ddof=1)
    if kind == "se":
        spread = spread / np.sqrt(count)
    return middle - spread, middle + spread
