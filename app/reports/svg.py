"""A chart as SVG that stands in an HTML document and takes its colours from there. Pure."""

from html import escape
from itertools import count

from app.reports.curves import Chart
from app.reports.plot import Area, Dot, Drawing, Line, Words, draw

_clips = count(1)


def line_chart(chart: Chart, *, width: float = 640, height: float = 240) -> str:
    """An `<svg>` of a line chart: axes with ticks, curves with gaps where a value is not finite, a legend.

    Its classes are `axis`, `grid`, `ink` and `run-0` to `run-9`; each has the CSS property `--c` to be set, as
    `STYLE` does. A screen reader hears the title and the last value of each run.
    """
    made = draw(chart, width, height)
    clip = f"plot-{next(_clips)}"
    left, top, right, bottom = made.clip
    size = f'viewBox="0 0 {width:g} {made.height:g}" width="{width:g}" height="{made.height:g}"'
    return "".join([
        f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(spoken(chart))}">',
        f'<clipPath id="{clip}"><rect x="{left:g}" y="{top - 2:g}" width="{right - left:g}" height="{bottom - top + 4:g}"/></clipPath>',
        *(_one(item) for item in made.frame),
        f'<g clip-path="url(#{clip})">', *(_one(item) for item in made.curves), "</g>",
        *(_one(item) for item in made.legend),
        "</svg>",
    ])  # fmt: skip


def spoken(chart: Chart) -> str:
    """The chart in words."""
    said = []
    for one in chart.curves[:10]:
        finite = [value for value in one.y if value == value]  # noqa: PLR0124 - NaN is not itself
        said.append(f"{one.label}: {finite[-1]:.4g}" if finite else f"{one.label}: nothing finite")
    more = f" and {len(chart.curves) - 10} more" if len(chart.curves) > 10 else ""
    return f"{chart.title} by {chart.axis}, last values: {', '.join(said)}{more}"


def _one(item: Line | Area | Dot | Words) -> str:
    if isinstance(item, Line):
        dash = f' stroke-dasharray="{" ".join(f"{part:g}" for part in item.dash)}"' if item.dash else ""
        faint = ' stroke-opacity=".3"' if item.faint else ""
        return f'<path class="{item.colour}" d="{_path(item)}" stroke-width="{item.width:g}"{dash}{faint}/>'
    if isinstance(item, Area):
        return f'<path class="band {item.colour}" d="M{" ".join(f"{x:g},{y:g}" for x, y in item.points)}Z"/>'
    if isinstance(item, Dot):
        return f'<circle class="dot {item.colour}" cx="{item.at[0]:g}" cy="{item.at[1]:g}" r="2.5"/>'
    bold = ' font-weight="600"' if item.bold else ""
    anchor = "" if item.anchor == "start" else f' text-anchor="{item.anchor}"'
    return f'<text class="{item.colour}" x="{item.at[0]:g}" y="{item.at[1]:g}"{anchor}{bold}>{escape(item.text)}</text>'


def _path(item: Line) -> str:
    return "M" + " ".join(f"{x:g},{y:g}" for x, y in item.points)


__all__ = ["Drawing", "line_chart", "spoken"]
