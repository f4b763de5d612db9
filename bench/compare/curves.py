"""The same curves for every contestant. Needs numpy alone: it also runs in the peers' environments."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TAGS = (
    "acc/train", "acc/val", "grad/norm", "loss/train", "loss/val", "lr", "time/batch", "time/data", "val/f1", "val/recall",
)  # fmt: skip
FIRST_WALL = 1_790_000_000.0
SECONDS = 0.5  # from step to step


def name(run: int) -> str:
    """What a run is called."""
    return f"run-{run:03d}"


def params(run: int) -> dict[str, float | int]:
    """A run's hyper-parameters."""
    return {"lr": round(0.1 / (1 + run % 10), 4), "batch": 16 << (run % 3), "seed": run}


def values(run: int, tag: str, points: int) -> NDArray[np.float32]:
    """A curve that falls, with noise."""
    random = np.random.default_rng([run, TAGS.index(tag)])
    step = np.arange(points)
    curve = np.exp(-step / points * (2 + run % 7)) + random.normal(scale=0.05, size=points)
    return curve.astype(np.float32)


def wall(run: int, points: int) -> NDArray[np.float64]:
    """When each step was logged: a script's own pace is never even."""
    random = np.random.default_rng([run, 1000])
    return FIRST_WALL + 60 * run + np.cumsum(SECONDS * random.uniform(0.8, 1.2, points))


def rows(run: int, points: int) -> Iterator[tuple[int, float, dict[str, float]]]:
    """Step, wall time and the value of each tag."""
    columns = {tag: values(run, tag, points).tolist() for tag in TAGS}
    for step, at in enumerate(wall(run, points).tolist()):
        yield step, at, {tag: column[step] for tag, column in columns.items()}
