"""What a block of a report shows: which runs, and how; from the query of a view as the workbench reads it."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.compare.views import store as views
from app.compare.views.address import page, parameters
from app.config import Settings
from app.errors import AppError
from app.fields import MAX_ID
from app.metrics.words import XAxis
from app.reports.blocks import Block, BlockError, Kind, read_block
from app.runs import queries as runs
from app.runs.listing.queries import list_runs
from app.runs.listing.request import RunListQuery

Json = dict[str, Any]
FIRST, GROUPED = 10, 100
"""Runs drawn where none is ticked, as in the workbench; the second one in groups."""
MOST = 100
"""Runs that one block shows."""
MOST_LISTED = 500
"""Runs that are looked at for them: the hidden ones stand in between."""
LARGEST = 1e300
"""End of a zoom; beyond, numbers have no differences any more."""
AXES: dict[str, XAxis] = {"step": "step", "relative": "relative", "wall": "wall", "epoch": "epoch"}


MAX_TAG = 200
"""Characters of a tag in which an expression is searched for."""
MAX_SECONDS = 1.0
"""For all tags; nothing else runs in the server meanwhile."""
MAX_REPEATS = 3
"""Repetitions of a regular expression, and alternatives within brackets, that a filter may have."""
_REPEATS = re.compile(r"(?:[*+{]|(?<!\()\?)\??")
_NESTED = re.compile(r"\)[*+{?]")


@dataclass(frozen=True)
class Look:
    """How curves are drawn, as the workbench's address has it."""

    axis: XAxis = "step"
    smoothing: float = 0.0
    kernel: str = "ema"
    log_x: bool = False
    log_y: bool = False
    outliers: bool = False
    zoom: tuple[float, float] | None = None
    group: str = ""
    band: str = "se"


@dataclass(frozen=True)
class Shown:
    """A block with what it stands for.

    Attributes:
        block: as it was read.
        runs: as JSON, in the order in which they are drawn.
        missing: ids that the view names and that are gone.
        look: how curves are drawn.
        tags: filter of tags.
        query: of the workbench.
        link: the workbench with the same.
    """

    block: Block
    runs: list[Json]
    missing: list[int]
    look: Look
    tags: str
    query: str
    link: str


def resolve(session: Session, settings: Settings, experiment: str | None, kind: Kind, text: str) -> Shown:
    """What a block shows now.

    Raises:
        BlockError: it cannot be read, names no view that there is, or a query that cannot be parsed.
    """
    block = read_block(kind, text)
    query, scope, view = block.query, experiment, None
    if block.view is not None:
        saved = views.by_name(session, experiment, block.view) or views.by_name(session, None, block.view)
        if saved is None:
            raise BlockError(f"there is no view “{block.view}”")
        query, scope, view = saved["query"], saved["experiment"], saved["id"]
    given = parameters(query)
    if "run" in given:
        scope = None
    if scope is None and "run" not in given:
        raise BlockError("it names no runs, and the report is of no experiment: query: run=1&run=2")
    drawn = GROUPED if _one(given, "group") else FIRST
    most = block.limit if kind == "danlu-runs" else drawn
    try:
        found, missing = _runs(session, settings, scope, given, most)
    except AppError as error:
        raise BlockError(error.detail) from error
    link = page(scope, query, view)
    return Shown(block, found, missing, _look(given), block.tags or _one(given, "f"), query, link)


def _runs(
    session: Session, settings: Settings, scope: str | None, given: dict[str, list[str]], most: int
) -> tuple[list[Json], list[int]]:
    hidden = set(_ids(_one(given, "hide")))
    ticked = _ids(_one(given, "sel"))
    named = _ids(",".join(given.get("run", [])))
    chosen = [number for number in ticked or named if number not in hidden][:MOST]
    if ticked or scope is None:
        found = runs.run_dicts(session, settings, chosen)
        there = {run["id"] for run in found}
        return found[:MOST], [number for number in chosen if number not in there]
    try:
        query = RunListQuery(
            experiment=scope,
            q=_one(given, "q") or None,
            sort=_sort(given),
            archived=_one(given, "arch") == "1",
            limit=min(MOST_LISTED, most + len(hidden)),
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        raise BlockError(f"{wrong['loc'][0]}: {wrong['msg'].removeprefix('Value error, ')}") from error
    found, _ = list_runs(session, settings, query)
    return [run for run in found if run["id"] not in hidden][:most], []


def _sort(given: dict[str, list[str]]) -> str:
    """The first key of the workbench's order; what the list cannot sort by is shown newest first."""
    first = unquote(_one(given, "sort").split(",")[0]) or "-created"
    name = first.removeprefix("-")
    plain = {
        "created",
        "updated",
        "started",
        "finished",
        "name",
        "state",
        "recipe",
        "experiment",
        "priority",
        "duration",
    }
    return first if name in plain or name.startswith(("params.", "metrics.")) else "-created"


def _look(given: dict[str, list[str]]) -> Look:
    zoom = [_number(part) for part in _one(given, "z").split("~")]
    ends = [end for end in zoom if end is not None and abs(end) <= LARGEST]
    return Look(
        axis=AXES.get(_one(given, "x"), "step"),
        smoothing=min(0.99, max(0.0, _number(_one(given, "sm")) or 0.0)),
        kernel="gauss" if _one(given, "smk") == "gauss" else "ema",
        log_x=_one(given, "logx") == "1",
        log_y=_one(given, "logy") == "1",
        outliers=_one(given, "out") == "1",
        zoom=cast("tuple[float, float]", tuple(ends)) if len(ends) == 2 and ends[0] < ends[1] else None,
        group=unquote(_one(given, "group")),
        band=band if (band := _one(given, "band")) in {"sd", "ci", "none"} else "se",
    )


def tag_filter(text: str) -> Callable[[str], bool]:
    """Whether a tag is shown: a text that it holds, or /a regular expression/; the case of letters is ignored.

    Raises:
        BlockError: an expression that cannot be read, or that could take for ever.
    """
    text = text.strip()
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        # Python's expressions have no time limit: what grows faster than with the cube of a tag's length is refused.
        inside = text.count("(") if "|" in text else 0
        if len(_REPEATS.findall(text)) + inside > MAX_REPEATS or _NESTED.search(text):
            raise BlockError(
                f"tags: {text[:60]} is too much; leave repetitions (* + ? {{}}) and brackets out"
            )
        try:
            pattern = re.compile(text[1:-1], re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise BlockError(f"tags: {text[:60]} is no regular expression: {error}") from error
        return _in_time(pattern, f"tags: {text[:60]} takes too long; leave repetitions (* + ? {{}}) out")
    folded = text.casefold()
    return lambda tag: folded in tag.casefold()


def _in_time(pattern: re.Pattern[str], problem: str) -> Callable[[str], bool]:
    """Whether an expression finds something, as long as all its searches together do not take long."""
    spent = 0.0

    def found(tag: str) -> bool:
        nonlocal spent
        if spent > MAX_SECONDS:
            raise BlockError(problem)
        start = time.perf_counter()
        hit = pattern.search(tag[:MAX_TAG])
        spent += time.perf_counter() - start
        return hit is not None

    return found


def _one(given: dict[str, list[str]], key: str) -> str:
    return given.get(key, [""])[0]


def _ids(text: str) -> list[int]:
    found = [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 20]
    return [number for number in dict.fromkeys(found) if 0 < number <= MAX_ID]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
