"""A chart as plain lines and words at places, which SVG and PDF both draw. Pure.

Coordinates are points from the upper left corner. Colours are names: `axis`, `grid`, `ink` or `run-0` … `run-9`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from app.reports import ticks
from app.reports.curves import Chart, Curve

Point = tuple[float, float]
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 26.0, 34.0
LEGEND = 15.0
MARK = 18.0
SHOWN = 12
"""Runs in the legend; the rest is counted."""
CROSS = 2.5
CHARACTER = 6.2
LARGEST, LEAST = 1e300, 1e-300
"""Values beyond, and on a logarithmic axis below, have no place: their differences are no numbers any more."""
DASHES = ((), (6.0, 3.0), (1.5, 3.0))


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: list[Point]
    colour: str
    width: float = 1.0
    dash: tuple[float, ...] = ()
    faint: bool = False


@dataclass(frozen=True)
class Area:
    """A filled shape: the band around a curve."""

    points: list[Point]
    colour: str


@dataclass(frozen=True)
class Dot:
    """A point that has no neighbour."""

    at: Point
    colour: str


@dataclass(frozen=True)
class Words:
    """A text; `at` is its baseline."""

    at: Point
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = "axis"
    bold: bool = False


@dataclass
class Drawing:
    """Everything of a chart, in drawing order; `clip` is where curves may be: left, top, right, bottom."""

    width: float
    height: float
    clip: tuple[float, float, float, float]
    frame: list[Line | Words] = field(default_factory=list)
    curves: list[Area | Line | Dot] = field(default_factory=list)
    legend: list[Line | Words] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """From values to places."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def __call__(self, value: float) -> float | None:
        """The place, or None for what has none: NaN, infinity, nothing above 0 on a logarithmic axis."""
        if not _drawable(value, log=self.log):
            return None
        low, high, at = (
            (math.log10(v) for v in (self.low, self.high, value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def draw(chart: Chart, width: float, height: float) -> Drawing:
    """Lay a chart out; `height` is without the legend, which comes below it."""
    rows = legend_rows(chart.curves, width)
    left, top, right, bottom = LEFT, TOP, width - RIGHT, height - BOTTOM
    made = Drawing(width, height + LEGEND * len(rows) + (4 if rows else 0), (left, top, right, bottom))
    made.frame.append(Words((left, 14), chart.title, colour="ink", bold=True))
    xs = _range((x for c in chart.curves for x in c.x), chart.x, log=chart.log_x)
    ys = _range(_values(chart, xs), chart.y, log=chart.log_y, margin=0.04)
    if xs is None or ys is None:
        made.frame.append(
            Words(((left + right) / 2, (top + bottom) / 2), "nothing that can be drawn", "middle")
        )
        return made
    across = Scale(*xs, left, right, chart.log_x)
    down = Scale(*ys, bottom, top, chart.log_y)
    _axes(made, chart, across, down)
    for one in chart.curves:
        _curve(made, one, across, down)
    _legend(made, rows, height)
    return made


def _values(chart: Chart, xs: tuple[float, float] | None) -> Iterator[float]:
    """What the y-axis has to have room for: what lies within the range of x, the ghosts not."""
    if xs is None:
        return
    for one in chart.curves:
        for line in (one.y, one.low, one.high):
            yield from (y for x, y in zip(one.x, line or (), strict=False) if xs[0] <= x <= xs[1])


def _drawable(value: float, *, log: bool) -> bool:
    return abs(value) <= LARGEST and (not log or value >= LEAST)


def _range(
    values: Iterator[float], given: tuple[float, float] | None, *, log: bool, margin: float = 0.0
) -> tuple[float, float] | None:
    if given is not None and all(_drawable(end, log=log) for end in given):
        low, high = given
    else:
        good = [value for value in values if _drawable(value, log=log)]
        if not good:
            return None
        low, high = min(good), max(good)
    if log:
        return (low / 2, high * 2) if math.log10(low) == math.log10(high) else (low, high)
    if given == (low, high):
        return given
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = (high - low) * margin
    return low - room, high + room


def _axes(made: Drawing, chart: Chart, across: Scale, down: Scale) -> None:
    left, top, right, bottom = made.clip
    for value in _ticks(down, max(2, int((bottom - top) / 38))):
        y = down(value)
        if y is not None and top - 1 <= y <= bottom + 1:
            made.frame.append(Line([(left, y), (right, y)], "grid"))
            made.frame.append(Words((left - 6, y + 3.5), ticks.number(value), "end"))
    most = max(2, int((right - left) / 80))
    wall = chart.axis == "time" and not across.log
    places = ticks.moments(across.low, across.high, most) if wall else _ticks(across, most)
    step = places[1] - places[0] if len(places) > 1 else ticks.DAY
    label: Callable[[float], str] = (lambda v: ticks.moment(v, step)) if wall else ticks.number
    for value in places:
        x = across(value)
        if x is not None and left - 1 <= x <= right + 1:
            made.frame.append(Line([(x, bottom), (x, bottom + 4)], "axis"))
            made.frame.append(Words((x, bottom + 16), label(value), "middle"))
    made.frame.append(Line([(left, bottom), (right, bottom)], "axis"))
    made.frame.append(Words((right, bottom + 29), chart.axis, "end"))


def _ticks(scale: Scale, most: int) -> list[float]:
    find = ticks.logarithmic if scale.log else ticks.linear
    return find(scale.low, scale.high, most)


def _curve(made: Drawing, curve: Curve, across: Scale, down: Scale) -> None:
    colour = f"run-{curve.colour}"
    if curve.low is not None and curve.high is not None:
        upper = [list(part) for part in _parts(curve.x, curve.high, across, down)]
        # What a logarithmic axis has no place for reaches down to its end.
        lows = [max(low, down.low) if down.log and low == low else low for low in curve.low]  # noqa: PLR0124
        lower = [list(part) for part in _parts(curve.x, lows, across, down)]
        made.curves += [Area(up + low[::-1], colour) for up, low in zip(upper, lower, strict=False)]
    for line, faint in ((curve.ghost, True), (curve.y, False)):
        for part in _parts(curve.x, line or [], across, down):
            if len(part) > 1:
                made.curves.append(Line(part, colour, 1.0 if faint else 1.5, DASHES[curve.dash], faint))
            elif not faint:
                made.curves.append(Dot(part[0], colour))

    _crosses(made, curve, across)


def _crosses(made: Drawing, curve: Curve, across: Scale) -> None:
    """Where a value was NaN or infinite, a cross on the axis; none upon another."""
    bottom, last = made.clip[3], -math.inf
    for hole in curve.holes:
        x = across(hole)
        if x is None or x - last < 2 * CROSS:
            continue
        last = x
        for turn in (-CROSS, CROSS):
            ends = [(round(x - CROSS, 1), bottom - 3 - turn), (round(x + CROSS, 1), bottom - 3 + turn)]
            made.curves.append(Line(ends, f"run-{curve.colour}", 1.2))


def _parts(xs: list[float], ys: list[float], across: Scale, down: Scale) -> Iterator[list[Point]]:
    """Runs of neighbouring points without a gap between them."""
    part: list[Point] = []
    for x, y in zip(xs, ys, strict=False):
        at, up = across(x), down(y)
        if at is not None and up is not None:
            part.append((round(at, 1), round(up, 1)))
        elif part:
            yield part
            part = []
    if part:
        yield part


def legend_rows(curves: list[Curve], width: float) -> list[list[tuple[Curve | None, str, float]]]:
    """The legend in rows of (curve, text, x); the last entry may count those that are left out."""
    entries: list[tuple[Curve | None, str]] = [(one, _cut(one.label)) for one in curves[:SHOWN]]
    if len(curves) > SHOWN:
        entries.append((None, f"and {len(curves) - SHOWN} more"))
    rows: list[list[tuple[Curve | None, str, float]]] = []
    at = width
    for curve, text in entries:
        wide = MARK + 5 + _wide(text) + 14
        if at + wide > width - RIGHT or not rows:
            rows.append([])
            at = LEFT
        rows[-1].append((curve, text, at))
        at += wide
    return rows


def _cut(label: str) -> str:
    return label if len(label) <= 40 else f"{label[:28]}…{label[-11:]}"


def _wide(text: str) -> float:
    return sum(CHARACTER * (2 if ord(char) > 0x2E80 else 1) for char in text)


def _legend(made: Drawing, rows: list[list[tuple[Curve | None, str, float]]], height: float) -> None:
    for number, row in enumerate(rows):
        y = height + LEGEND * number + 8
        for curve, text, x in row:
            if curve is not None:
                made.legend.append(
                    Line([(x, y - 4), (x + MARK, y - 4)], f"run-{curve.colour}", 2.0, DASHES[curve.dash])
                )
            made.legend.append(Words((x + (MARK + 5 if curve else 0), y), text, colour="ink"))
