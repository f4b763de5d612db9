"""Runs in an Aim repository, through its own Run.track: `fill_aim.py FOLDER RUNS POINTS`."""

import sys
from pathlib import Path

import curves
from aim import Repo, Run

folder, runs, points = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
repo = Repo.from_path(str(folder), init=True)
for number in range(runs):
    run = Run(
        repo=repo,
        experiment="compare",
        system_tracking_interval=None,
        log_system_params=False,
        capture_terminal_logs=False,
    )
    run.name = curves.name(number)
    run["hparams"] = curves.params(number)
    for step, _, row in curves.rows(number, points):
        for tag, value in row.items():
            run.track(value, name=tag, step=step)
    run.close()
