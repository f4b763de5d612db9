"""Runs whose event files the tests write, and the compact columns of the metrics read back in Python."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from factories import make_experiment, make_run
from served import Served
from sqlalchemy import select

from app.config import run_dir
from app.models import Experiment
from danlu.events import EventWriter

COLUMNS = "application/vnd.danlu.columns"
TYPES = {"u8": "u1", "u16": "<u2", "u32": "<u4", "f32": "<f4", "f64": "<f8"}


def new_run(served: Served, slug: str = "rings") -> tuple[int, Path]:
    """A run of an experiment, made when it is new, and its folder."""
    with served.db.write() as session:
        experiment = session.scalar(select(Experiment).where(Experiment.slug == slug))
        run = make_run(session, experiment or make_experiment(session, slug))
        folder = run_dir(served.settings, slug, run.slug)
        folder.mkdir(parents=True, exist_ok=True)
        return run.id, folder


def write(folder: Path, tag: str, values: list[float], first: int = 0, *, began: float = 1000.0) -> None:
    """Points a quarter of a second apart, from step `first` on, in an event file of their own."""
    with EventWriter(folder) as writer:
        for step, value in enumerate(values, first):
            writer.scalar(tag, value, step, wall_time=began + step * 0.25)


def read_columns(body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The head, and the series with lists of numbers, by the letter of the format."""
    length = int.from_bytes(body[:4], "little")
    head = json.loads(body[4 : 4 + length])
    data = body[4 + length :]
    assert (4 + length) % 8 == 0
    columns = []
    for kind, count, at, base, divisor in head["columns"]:
        if kind == "range":
            columns.append([base + i * divisor for i in range(count)])
            continue
        assert at % 8 == 0
        raw = np.frombuffer(data, TYPES[kind], count, at)
        columns.append(((base + raw.astype(np.float64)) / divisor).tolist())
    series = []
    for place, run in enumerate(head["run"]):
        one = {"run": run, "tag": head["tags"][head["tag"][place]], "total": head["total"][place]}
        for name in ("step", "wall", "value", "x"):
            if name in head:
                one[name] = columns[head[name][place]]
        series.append(one)
    return head, series
