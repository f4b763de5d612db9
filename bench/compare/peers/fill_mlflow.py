"""Runs in MLflow's SQLite store: `fill_mlflow.py FOLDER RUNS POINTS`, with curves.py on the PYTHONPATH.

Experiment and runs are made by its client; the points are the rows that its log_batch writes, put in directly (a
million of them through the client take a quarter of an hour).
"""

import sqlite3
import sys
from pathlib import Path

import curves
import mlflow

folder, runs, points = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
database = folder / "mlflow.db"
client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}")
experiment = client.create_experiment("compare", artifact_location=str(folder / "artifacts"))
ids = []
for number in range(runs):
    run = client.create_run(
        experiment, run_name=curves.name(number), start_time=int(curves.wall(number, 1)[0] * 1000)
    )
    for key, value in curves.params(number).items():
        client.log_param(run.info.run_id, key, value)
    client.set_terminated(run.info.run_id)
    ids.append(run.info.run_id)
with sqlite3.connect(database) as store:
    for number, run_id in enumerate(ids):
        for step, at, row in curves.rows(number, points):
            moment = int(at * 1000)
            store.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
                [(tag, value, moment, run_id, step) for tag, value in row.items()],
            )
        store.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
            [(tag, value, moment, run_id, step) for tag, value in row.items()],
        )
(folder / "runs.txt").write_text("\n".join([experiment, *ids]))
