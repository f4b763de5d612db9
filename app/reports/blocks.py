"""The blocks of a report that show runs: fenced, with `danlu-view` (charts) or `danlu-runs` (a table). Pure.

```
danlu-view                          danlu-runs
view: the best ones                 query: sel=1,2,3
tags: loss                          columns: state, params.lr, metrics.loss/val.min
height: 260                         limit: 20
```
A first line without a key is the name of a view or, with an equals sign in it, a query string.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["danlu-view", "danlu-runs"]
KINDS: tuple[Kind, ...] = ("danlu-view", "danlu-runs")
KEYS: dict[Kind, tuple[str, ...]] = {
    "danlu-view": ("view", "query", "tags", "height", "title"),
    "danlu-runs": ("view", "query", "columns", "limit", "title"),
}
HEIGHTS = (120, 1200)
LIMITS = (1, 100)
MAX_COLUMNS = 12
_LINE = re.compile(r"([a-z]+)\s*:\s*(.*)")


class BlockError(ValueError):
    """A block that cannot be read; the message says why, in one sentence."""


@dataclass(frozen=True)
class Block:
    """What a block asks for.

    Attributes:
        view: name of a saved view, or None: `query` says what is shown.
        query: of the workbench's address.
        tags: filter of tags, plain or /regex/; "": as the view has it.
        height: of a chart, CSS pixels.
        columns: of a table; empty: chosen by what differs.
        limit: rows of a table.
        title: above it; "": none.
    """

    kind: Kind
    view: str | None = None
    query: str = ""
    tags: str = ""
    height: int = 240
    columns: tuple[str, ...] = field(default=())
    limit: int = 20
    title: str = ""


def read_block(kind: Kind, text: str) -> Block:
    """A block from the lines inside of its fence.

    Raises:
        BlockError: an unknown key, a number out of its range, a view and a query at once.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(filter(None, (line.strip() for line in text.splitlines()))):
        key, value = _pair(kind, line, first=number == 0)
        if key in values:
            raise BlockError(f"{key} stands there twice")
        values[key] = value
    if "view" in values and "query" in values:
        raise BlockError("give a view or a query, not both")
    columns = tuple(filter(None, (name.strip() for name in values.get("columns", "").split(","))))
    if len(columns) > MAX_COLUMNS:
        raise BlockError(f"columns: at most {MAX_COLUMNS}")
    return Block(
        kind=kind,
        view=values.get("view"),
        query=values.get("query", "").removeprefix("?"),
        tags=values.get("tags", ""),
        height=_whole(values, "height", 240, HEIGHTS),
        columns=columns,
        limit=_whole(values, "limit", 20, LIMITS),
        title=values.get("title", ""),
    )


def _pair(kind: Kind, line: str, *, first: bool) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if found and found[1] in KEYS[kind]:
        return found[1], found[2].strip()
    if first and (found is None or "=" in line):
        return ("query" if "=" in line else "view"), line
    known = ", ".join(KEYS[kind])
    raise BlockError(f"“{line[:60]}” is none of its lines; it has {known}, each as “key: value”")


def _whole(values: dict[str, str], key: str, otherwise: int, bounds: tuple[int, int]) -> int:
    text = values.get(key)
    if text is None:
        return otherwise
    low, high = bounds
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BlockError(f"{key}: a whole number from {low} to {high}, not “{text[:40]}”")
    return int(text)
