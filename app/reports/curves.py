"""Curves as a report draws them: smoothed and without outliers like the workbench's, as plain lists. Pure."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.series import Series
from app.reports.looks import colour_of, looks_of_runs
from app.reports.shown import Look

Floats = NDArray[np.float64]
MANY = 20
"""Values from which on outliers can be told."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        label: in the legend.
        colour: index into the palette, 0 to 9.
        dash: 0 to 2.
        x: ascending.
        y: NaN where there is a gap.
        low: lower edge of a band around it, or None.
        high: upper edge.
        ghost: the line as it was logged, behind a smoothed one, or None.
        holes: where a value is not finite; a cross marks it.
    """

    label: str
    colour: int
    dash: int
    x: list[float]
    y: list[float]
    low: list[float] | None = None
    high: list[float] | None = None
    ghost: list[float] | None = None
    holes: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """What one card shows."""

    title: str
    axis: str
    curves: list[Curve]
    x: tuple[float, float] | None = None
    """Range of x; None: all."""
    y: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False


def chart(
    tag: str,
    series: list[Series],
    runs: dict[int, dict[str, Any]],
    look: Look,
    groups: list[Curve] | None = None,
) -> Chart:
    """The chart of a tag: the curves of its groups, or else one per run that has it."""
    looks = looks_of_runs(runs.values())
    curves = groups or [replace(curve(one, runs[one.run], look), dash=looks[one.run][1]) for one in series]
    return Chart(
        title=tag,
        axis={"step": "step", "relative": "seconds since the start", "wall": "time", "epoch": "epoch"}[
            look.axis
        ],
        curves=curves,
        x=look.zoom,
        y=inliers(curves) if look.outliers else None,
        log_x=look.log_x,
        log_y=look.log_y,
    )


def curve(series: Series, run: dict[str, Any], look: Look) -> Curve:
    """A run's series as a line in the run's own colour."""
    value = np.where(np.isfinite(series.value), series.value, np.nan).astype(np.float64)
    step = series.step.astype(np.float64)
    spacing = (step[-1] - step[0]) / max(1, series.total - 1) if len(step) > 1 else 1.0
    soft = smoothed(value, step, look.smoothing, spacing or 1.0, kernel=look.kernel)
    return Curve(
        label=f"{run['name']} #{run['id']}",
        colour=colour_of(run),
        dash=0,
        x=series.x.astype(np.float64).tolist(),
        y=soft.tolist(),
        ghost=value.tolist() if look.smoothing else None,
        holes=series.x[np.isnan(value)].astype(np.float64).tolist(),
    )


def smoothed(value: Floats, step: Floats, weight: float, spacing: float, *, kernel: str = "ema") -> Floats:
    """The curve smoothed; gaps stay gaps.

    Args:
        value: with NaN where there is a gap.
        step: of each point.
        weight: 0 (as it is) to 0.99.
        spacing: steps between two points before thinning: the weight counts steps, so thinning changes nothing.
        kernel: `ema`, debiased as TensorBoard's, or `gauss`, whose standard deviation is the average's mean age.
    """
    if not weight or not len(value):
        return value
    if kernel == "gauss":
        return _gauss(value, step, weight / (1 - weight) * spacing)
    out = np.full(len(value), np.nan)
    total = mass = 0.0
    before = step[0] - spacing
    for index in np.flatnonzero(~np.isnan(value)).tolist():
        keep = weight ** max(1e-9, (step[index] - before) / spacing)
        before = step[index]
        total = total * keep + float(value[index]) * (1 - keep)
        mass = mass * keep + (1 - keep)
        out[index] = total / mass
    return out


def _gauss(value: Floats, step: Floats, sigma: float) -> Floats:
    share = np.gradient(step) if len(step) > 1 else np.ones(1)
    share = np.where(share == 0, 1.0, share)
    good = ~np.isnan(value)
    out = np.full(len(value), np.nan)
    low = np.searchsorted(step, step - 3 * sigma, "left")
    high = np.searchsorted(step, step + 3 * sigma, "right")
    for index in np.flatnonzero(good).tolist():
        part = slice(int(low[index]), int(high[index]))
        weight = share[part] * np.exp(-0.5 * ((step[part] - step[index]) / sigma) ** 2) * good[part]
        out[index] = float(np.nansum(weight * value[part]) / weight.sum())
    return out


def inliers(curves: list[Curve]) -> tuple[float, float] | None:
    """The range of y between the first and the last percent of the values; None where there are few."""
    values = sorted(y for one in curves for y in one.y if math.isfinite(y))
    if len(values) < MANY:
        return None
    low, high = np.quantile(values, [0.01, 0.99]).tolist()
    return (low, high) if low < high else None
