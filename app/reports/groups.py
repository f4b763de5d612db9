"""Runs that a view groups, as one curve each: the mean, with a band around it, as static/js/chart_math.js makes them. Pure."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.compare.seeds.configuration import Defined, key_of, labels
from app.metrics.series import Series
from app.reports.curves import Curve, curve
from app.reports.looks import looks_of_groups
from app.reports.shown import Look

Json = dict[str, Any]
Floats = NDArray[np.float64]
PLACES = 2000
RESAMPLES = 1000
CONFIGURATION = "configuration"
"""Groups by all but the seed."""


def grouped(series: list[Series], runs: dict[int, Json], look: Look) -> list[Curve]:
    """One curve per group of runs, in the order of their first runs."""
    members: dict[str, list[Series]] = {}
    for one in series:
        members.setdefault(_key(runs[one.run], look.group), []).append(one)
    names = _labels([runs[some[0].run] for some in members.values()], look.group)
    return _apart([_mean(name, some, runs, look) for name, some in zip(names, members.values(), strict=True)])


def _apart(curves: list[Curve]) -> list[Curve]:
    """Each with the colour of its oldest run; with the next free one, or a dash, where another group has that already."""
    looks = looks_of_groups(one.colour for one in curves)
    return [replace(one, colour=colour, dash=dash) for one, (colour, dash) in zip(curves, looks, strict=True)]


def _key(run: Json, group: str) -> str:
    if group == CONFIGURATION:
        return key_of(_defined(run))
    value = _value(run, group)
    return "—" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _labels(firsts: list[Json], group: str) -> list[str]:
    if group == CONFIGURATION:
        return labels([_defined(run) for run in firsts])
    return [f"{group.removeprefix('params.')} = {_key(run, group)}" for run in firsts]


def _value(run: Json, group: str) -> Any:
    if group.startswith("params."):
        return run["params"].get(group.removeprefix("params."))
    return run["resolved_device"] or run["device"] if group == "device" else run.get(group)


def _defined(run: Json) -> Defined:
    return Defined(*(run[name] for name in Defined._fields))


def _mean(label: str, series: list[Series], runs: dict[int, Json], look: Look) -> Curve:
    """The mean, at each place, of those curves that have a value there: not outside of a curve, and not beside its gaps."""
    single = [curve(one, runs[one.run], look) for one in series]
    oldest = min(range(len(series)), key=lambda place: series[place].run)
    grid = union([np.array(one.x) for one in single])
    values = np.array([interpolated(np.array(one.x), np.array(one.y), grid) for one in single])
    there = np.isfinite(values)
    count = there.sum(axis=0)
    middle = np.where(count > 0, np.where(there, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    low, high = band(values, look.band) if look.band != "none" else (None, None)
    shown = low is not None and high is not None and bool(np.isfinite(low).any())
    return Curve(
        label=f"{label} (n = {len(series)})", colour=single[oldest].colour, dash=0, x=grid.tolist(), y=middle.tolist(),
        low=low.tolist() if low is not None and shown else None,
        high=high.tolist() if high is not None and shown else None,
    )  # fmt: skip


def union(lists: list[Floats]) -> Floats:
    """Every x of these curves, ascending, each once; thinned evenly where there are too many to tell apart."""
    own = np.unique(np.concatenate(lists))
    return own if len(own) <= PLACES else own[np.rint(np.linspace(0, len(own) - 1, PLACES)).astype(int)]


def interpolated(xs: Floats, ys: Floats, places: Floats) -> Floats:
    """Values of a curve at other places, linearly; NaN outside of it and beside its gaps."""
    if not len(xs):
        return np.full(len(places), np.nan)
    after = np.clip(np.searchsorted(xs, places, "left"), 0, len(xs) - 1)
    before = np.maximum(after - 1, 0)
    gap = np.where(xs[after] > xs[before], xs[after] - xs[before], 1.0)
    found = ys[before] + (ys[after] - ys[before]) * (places - xs[before]) / gap
    found = np.where((places < xs[0]) | (places > xs[-1]), np.nan, found)
    exact: Floats = np.where(xs[after] == places, ys[after], found)
    return exact


def band(values: Floats, kind: str) -> tuple[Floats, Floats]:
    """Lower and upper edge around the mean of the rows; NaN where fewer than two have a value.

    Args:
        values: one row per run, one column per place, NaN where it has none.
        kind: `se` standard error, `sd` standard deviation, `ci` 95 % bootstrap interval of the mean.
    """
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    there = np.isfinite(values)
    for who in np.unique(there, axis=1).T:
        if who.sum() > 1:
            places = (there == who[:, None]).all(axis=0)
            low[places], high[places] = _edges(values[np.ix_(who, places)], kind)
    return low, high


def _edges(values: Floats, kind: str) -> tuple[Floats, Floats]:
    count = len(values)
    middle = values.mean(axis=0)
    if kind == "ci":
        drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
        shares = np.stack([np.bincount(one, minlength=count) for one in drawn]) / count
        low, high = np.quantile(shares @ values, [0.025, 0.975], axis=0)
        return low, high
    spread = values.std(axis=0, ddof=1)
    if kind == "se":
        spread = spread / np.sqrt(count)
    return middle - spread, middle + spread
