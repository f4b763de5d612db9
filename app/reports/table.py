"""The table of a `danlu-runs` block, as cells: what the page, the HTML file and the PDF show alike. Pure."""

import json
import math
from dataclasses import dataclass
from typing import Any

from app.reports.shown import Shown

Json = dict[str, Any]
MAX_PARAMS = 5
MAX_METRICS = 4
FIELDS = ("last", "min", "max", "step")


@dataclass(frozen=True)
class Cell:
    """One cell. `number`: it stands at the right; `link`: a path within Danlu."""

    text: str
    number: bool = False
    link: str = ""


@dataclass(frozen=True)
class Table:
    """Head and rows."""

    head: list[Cell]
    rows: list[list[Cell]]


def runs_table(shown: Shown) -> Table:
    """The runs of a block: name, then the columns that it names or those that tell the runs apart."""
    columns = list(shown.block.columns) or default_columns(shown.runs)
    columns = [name for name in columns if name != "name"]
    rows = [
        [
            Cell(f"{run['name']} #{run['id']}", link=f"/runs/{run['id']}"),
            *(cell(run, name) for name in columns),
        ]
        for run in shown.runs
    ]
    head = [
        Cell("Run"),
        *(
            Cell(_title(name), any(row[place + 1].number for row in rows))
            for place, name in enumerate(columns)
        ),
    ]
    return Table(head, rows)


def default_columns(runs: list[Json]) -> list[str]:
    """State, the params that differ, and the metrics that most runs have."""
    keys = list(dict.fromkeys(key for run in runs for key in run["params"]))
    differing = [key for key in keys if len({json.dumps(run["params"].get(key)) for run in runs}) > 1]
    counts: dict[str, int] = {}
    for run in runs:
        for tag in run["metrics"]:
            counts[tag] = counts.get(tag, 0) + 1
    tags = sorted(counts, key=lambda tag: -counts[tag])[:MAX_METRICS]
    return [
        "state",
        *(f"params.{key}" for key in (differing or keys)[:MAX_PARAMS]),
        *(f"metrics.{tag}" for tag in tags),
    ]


def cell(run: Json, column: str) -> Cell:
    """What a run has in a column; nothing for what it lacks."""
    head, _, rest = column.partition(".")
    if head == "params" and rest:
        value = run["params"].get(rest)
        return Cell("" if rest not in run["params"] else _plain(value), _is_number(value))
    if head == "metrics" and rest:
        tag, dot, field = rest.rpartition(".")
        if not dot or field not in FIELDS:
            tag, field = rest, "last"
        metric = run["metrics"].get(tag)
        if metric is None:
            return Cell("", number=True)
        value = metric[field]
        return Cell(metric.get("nonfinite") or "" if value is None else number(value), number=True)
    value = run.get(column)
    if column == "duration":
        value = run["duration_s"]
        return Cell("" if value is None else f"{value:.0f} s", number=True)
    if isinstance(value, list):
        return Cell(", ".join(str(item) for item in value))
    return Cell("" if value is None else _plain(value), _is_number(value))


def number(value: float) -> str:
    """Four significant digits.

    >>> number(0.123456), number(64), number(1e-7)
    ('0.1235', '64', '1e-07')
    """
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e6 else f"{value:.4g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _title(column: str) -> str:
    head, _, rest = column.partition(".")
    if head == "params" and rest:
        return rest
    if head == "metrics" and rest:
        return rest.removesuffix(".last")
    return column.capitalize()
