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
MAX_TAG = 10_000
"""Characters."""
MAX_GROUP_BYTES = 1 << 30
"""Of a table's row group, which is unpacked as a whole."""
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
        # Tags as a dictionary: one that stands in a million rows is in memory once.
        with pq.ParquetFile(series, read_dictionary=["tag"]) as file:
            _check(file)
            for batch in file.iter_batches(1 << 16, columns=list(_NEEDED)):
                tags, *numbers = (batch.column(name) for name in _NEEDED)
                if any(column.null_count for column in (tags, *numbers)):
                    raise ValueError("a cell is empty")
                known = tags.dictionary.to_pylist()
                if any(len(tag) > MAX_TAG for tag in known):
                    raise ValueError(f"a tag has more than {MAX_TAG} characters")
                named = [known[place] for place in tags.indices.to_pylist()]
                yield from zip(named, *(column.to_pylist() for column in numbers), strict=True)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _check(file: Any) -> None:
    schema = file.schema_arrow
    for name, kind in _NEEDED.items():
        place = schema.get_field_index(name)
        found = schema.field(place).type if place >= 0 else None
        found = getattr(found, "value_type", found)  # of a dictionary
        if str(found) not in {kind, f"large_{kind}"}:
            raise ValueError(f"there is no column {name} of type {kind}")
    if file.metadata.num_rows > MAX_POINTS:
        raise ValueError(f"it has more than {MAX_POINTS} points")
    groups = (file.metadata.row_group(place) for place in range(file.metadata.num_row_groups))
    if any(group.total_byte_size > MAX_GROUP_BYTES for group in groups):
        raise ValueError(f"a row group unpacks to more than {MAX_GROUP_BYTES >> 30} GiB")
