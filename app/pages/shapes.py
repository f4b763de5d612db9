"""What a table of runs shows: which params and metrics are worth a column. Pure functions on runs as JSON."""

import json
from collections import Counter
from itertools import groupby
from typing import Any

Json = dict[str, Any]

MAX_PARAMS = 4
ALIKE_PARAMS = 2
"""Columns for params even where fewer differ."""
MAX_METRICS = 3


def differing(runs: list[Json]) -> list[str]:
    """Params that do not have the same value in all these runs, in the order of the first run that has them.

    A run that lacks a param differs from one that has it.
    """
    keys = all_params(runs)
    values = {key: {_canonical(run["params"], key) for run in runs} for key in keys}
    return [key for key in keys if len(values[key]) > 1]


def all_params(runs: list[Json]) -> list[str]:
    """Every param of these runs, in the order of first appearance."""
    return list(dict.fromkeys(key for run in runs for key in run["params"]))


def all_tags(runs: list[Json]) -> list[str]:
    """Every metric of these runs, by name."""
    return sorted({tag for run in runs for tag in run["metrics"]})


def main_params(runs: list[Json]) -> list[str]:
    """The params worth a column: those that differ first, then the first ones that are plain values."""
    first = differing(runs)
    rest = [key for key in all_params(runs) if key not in first and runs[0]["params"].get(key) is not None]
    plain = [key for key in first + rest if all(_plain(run["params"].get(key)) for run in runs)]
    # where recipes are mixed, what only a few runs have would be a column of gaps
    usual = [
        key for key in plain if 2 * sum(bool(str(run["params"].get(key, ""))) for run in runs) >= len(runs)
    ]
    return usual[: max(ALIKE_PARAMS, min(MAX_PARAMS, len(first)))]


def main_metrics(runs: list[Json]) -> list[str]:
    """The metrics worth a column: validation before training, those that most runs have before the others."""
    counts = Counter(tag for run in runs for tag in run["metrics"])
    # lr and the like say how it was trained, not how well
    return sorted(counts, key=lambda tag: (_weight(tag), -counts[tag], tag))[:MAX_METRICS]


def traceback(found: Json) -> Json:
    """A traceback as the page shows it: where the run's own code failed, and the way there, libraries folded.

    Returns:
        the traceback, with `own` (the innermost frame of the run's own code; without one the innermost of all, or None)
        and `way` (frames in groups of {"own", "frames"}).
    """
    frames = found["frames"]
    own = [frame for frame in frames if frame["snapshot_path"] is not None]
    way = [
        {"own": mine, "frames": list(group)}
        for mine, group in groupby(frames, key=lambda frame: frame["snapshot_path"] is not None)
    ]
    return {**found, "own": (own or frames or [None])[-1], "way": way}


def _weight(tag: str) -> int:
    words = tag.lower()
    if "val" in words or "test" in words:
        return 0
    if "loss" in words or "acc" in words:
        return 1
    return 3 if words.startswith(("lr", "time", "system", "learning_rate")) else 2


def _plain(value: object) -> bool:
    return not isinstance(value, dict | list) and len(str(value)) <= 40


def _canonical(params: Json, key: str) -> str:
    return json.dumps(params[key], sort_keys=True) if key in params else "\0missing"
