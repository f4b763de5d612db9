"""The Parquet files of an export. pyarrow is imported when the first one is written."""

import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from app.exports.records import Json

if TYPE_CHECKING:
    import pyarrow as pa

    from danlu.wholeruns import Curve

_COLUMNS = {
    "id": "int64", "name": "string", "state": "string", "reason": "string", "recipe": "string", "entrypoint": "string",
    "snapshot": "string", "seed": "int64", "device": "string", "resolved_device": "string", "processes": "int64",
    "owner": "string", "worker": "string", "parent": "int64", "sweep": "string", "notes": "string",
    "created_at": "time", "started_at": "time", "finished_at": "time", "step": "int64", "epoch": "int64",
}  # fmt: skip


def series_table(run_id: int, curves: "Mapping[str, Curve]") -> bytes:
    """Every point of a run's curves, one row each, by tag and then by step."""
    import numpy as np
    import pyarrow as pa

    names = pa.array(list(curves), pa.string())
    lengths = [len(curve.step) for curve in curves.values()]
    index = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)

    def column(name: str, kind: Any) -> Any:
        parts = [np.asarray(getattr(curve, name)) for curve in curves.values()]
        return np.concatenate(parts).astype(kind) if parts else np.empty(0, kind)

    table = pa.table(
        {
            "run_id": pa.repeat(pa.scalar(run_id, pa.int64()), int(sum(lengths))),
            "tag": pa.DictionaryArray.from_arrays(pa.array(index), names).cast(pa.string()),
            "step": pa.array(column("step", np.int64)),
            "wall_time": pa.array(column("wall", np.float64)),
            "value": pa.array(column("value", np.float64)),
        }
    )
    return _written(table)


def runs_table(runs: Iterable[Json]) -> bytes:
    """The runs as a table: a column a fact, a param (`params.lr`) and a metric's last value (`metrics.loss`)."""
    import pyarrow as pa

    rows = list(runs)
    columns: dict[str, Any] = {}
    for name, kind in _COLUMNS.items():
        values = [row[name] for row in rows]
        columns[name] = _times(values) if kind == "time" else pa.array(values, getattr(pa, kind)())
    columns["tags"] = pa.array([row["tags"] for row in rows], pa.list_(pa.string()))
    columns["params"] = pa.array([json.dumps(row["params"], ensure_ascii=False) for row in rows], pa.string())
    for key in sorted({key for row in rows for key in row["params"]}):
        columns[f"params.{key}"] = _param([row["params"].get(key) for row in rows])
    lasts = [{metric["tag"]: _last(metric) for metric in row["metrics"]} for row in rows]
    for tag in sorted({tag for last in lasts for tag in last}):
        columns[f"metrics.{tag}"] = pa.array([last.get(tag) for last in lasts], pa.float64())
    return _written(pa.table(columns))


def _times(values: list[str | None]) -> "pa.Array":
    import pyarrow as pa

    text = pa.array([None if value is None else value.removesuffix("Z") for value in values], pa.string())
    return text.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))


def _param(values: list[Any]) -> "pa.Array":
    """Numbers where all are numbers, truths where all are, else text; JSON of what is nested."""
    import pyarrow as pa

    given = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in given):
        return pa.array(values, pa.bool_())
    if all(isinstance(value, int) and not isinstance(value, bool) for value in given):
        return pa.array(values, pa.int64())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array(
        [
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in values
        ],
        pa.string(),
    )


def _last(metric: Json) -> float:
    return float(metric["nonfinite"] or (math.nan if metric["last"] is None else metric["last"]))


def _written(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
