"""The curves of an export as event files again. pyarrow is imported when they are read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.exports.records import RunRecord
from app.imports.discover import EVENT_MARK
from danlu.events import EventWriter
from danlu.hparams import write_session_end, write_session_start

MAX_POINTS = 200_000_000
_NEEDED = {"tag": "string", "step": "int64", "wall_time": "double", "value": "double"}


def has_events(folder: Path) -> bool:
    """Whether there is an event file at or below the folder."""
    return any(EVENT_MARK in name for _, _, names in os.walk(folder) for name in names)


def write_curves(series: Path, folder: Path, record: RunRecord) -> None:
    """Write an event file into `folder` that holds the run's curves and, for TensorBoard's HPARAMS tab, its params.

    Raises:
        ValueError: the table is not as an export has it.
        OSError: it cannot be read or written.
    """
    with EventWriter(folder) as writer:
        write_session_start(writer, record.params)
        for tag, step, wall, value in _points(series):
            writer.scalar(tag, value, step, wall)
        if record.state.terminal:
            write_session_end(writer, record.state)


def _points(series: Path) -> Iterator[tuple[str, int, float, float]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(series) as file:
            _check(file)
            for batch in file.iter_batches(1 << 16, columns=list(_NEEDED)):
                yield from zip(*(batch.column(name).to_pylist() for name in _NEEDED), strict=True)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _check(file: Any) -> None:
    schema = file.schema_arrow
    for name, kind in _NEEDED.items():
        place = schema.get_field_index(name)
        if place < 0 or str(schema.field(place).type) not in {kind, f"large_{kind}"}:
            raise ValueError(f"there is no column {name} of type {kind}")
    if file.metadata.num_rows > MAX_POINTS:
        raise ValueError(f"it has more than {MAX_POINTS} points")
