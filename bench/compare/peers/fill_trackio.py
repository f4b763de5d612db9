"""Runs in Trackio's SQLite store (TRACKIO_DIR), by its own bulk_log: `fill_trackio.py FOLDER RUNS POINTS`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import curves
from trackio.sqlite_storage import SQLiteStorage

folder, runs, points = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
for number in range(runs):
    rows = list(curves.rows(number, points))
    SQLiteStorage.bulk_log(
        "compare",
        curves.name(number),
        [row for _, _, row in rows],
        steps=[step for step, _, _ in rows],
        timestamps=[datetime.fromtimestamp(at, UTC).isoformat() for _, at, _ in rows],
        config=curves.params(number),
    )
