"""The table's answer as JSON text, put together from what the database has made. Pure functions.

```
{"version": "…Z", "total": 5000,                       (total: of the chosen runs, also where only changes are sent)
 "columns": {"id": [12, …], "name": ["rings", …], "state": […], "created_at": [1764081600.25, …], …,
             "tags": [["baseline"], …], "params": [{"lr": 0.01}, …], "args": [["--lr", "0.01"], …]},
 "metrics": {"loss/val": {"run": [12, …], "last": […], "min": […], "max": […], "step": […], "nonfinite": null}}}
```
Times are seconds since 1970. A metric's arrays follow its own `run`: most runs do not have every tag.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from pydantic_core import to_json

from app.answers import Answer
from app.compare.table.queries import Mark, Summaries

RAW = ("tags", "params", "args")


class SummaryColumns(Answer):
    """Summaries of one metric, in columns."""

    run: list[int] = Field(description="Whose; the other arrays follow it.")
    last: list[float | None]
    min: list[float | None]
    max: list[float | None]
    step: list[int] = Field(description="Of the last value.")
    nonfinite: list[Literal["nan", "inf", "-inf"] | None] | None = Field(
        description="What a last value is that is null; null where all are finite."
    )


class TableOut(Answer):
    """Runs in columns. With `only=ids` there are `total` and `ids`."""

    version: str | None = Field(description="What `since` takes.")
    total: int = Field(description="Of the chosen runs, also where only changes are sent.")
    columns: dict[str, list[Any]] = Field(description="By name; times are seconds since 1970.")
    metrics: dict[str, SummaryColumns] = Field(description="By tag.")


def body(
    mark: Mark, names: Sequence[str], rows: Sequence[Sequence[Any]], metrics: Sequence[Summaries]
) -> bytes:
    """The whole answer."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    parts = [b'{"version":', to_json(mark.version), b',"total":', str(mark.runs).encode(), b',"columns":{']
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        parts += [b"," if place else b"", to_json(name), b":"]
        parts.append(_raw(column) if name in RAW else to_json(list(column), inf_nan_mode="null"))
    parts.append(b'},"metrics":{')
    for place, one in enumerate(metrics):
        parts += [b"," if place else b"", to_json(one.tag), b":", _summary(one)]
    parts.append(b"}}")
    return b"".join(parts)


def _raw(texts: Sequence[str]) -> bytes:
    """JSON texts as one JSON array."""
    joined = ",".join(texts)
    if "NaN" in joined or "Infinity" in joined:
        # Python writes what JSON does not know; a browser would refuse all of it
        joined = ",".join(json.dumps(_finite(json.loads(text)), ensure_ascii=False) for text in texts)
    return f"[{joined}]".encode()


def _finite(value: Any) -> Any:
    """The value with null where a number is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def _summary(one: Summaries) -> bytes:
    return (
        f'{{"run":{one.run},"last":{one.last},"min":{one.min},"max":{one.max},"step":{one.step},'
        f'"nonfinite":{one.nonfinite or "null"}}}'
    ).encode()
