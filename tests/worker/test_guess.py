import math
from typing import Any

import pytest

from danlu.series import Summary
from worker.guess import Bounds, bounds, guess


def curve(step: int, last: float = 0.5, count: int = 3) -> Summary:
    return Summary(step, last, None, None, None, None, count)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, Bounds()),
        ({"epochs": 10, "lr": 0.1}, Bounds(epochs=10)),
        ({"max-steps": 500, "num_train_epochs": 3.0}, Bounds(500, 3)),
        ({"trainer.max_epochs": 5, "EPOCHS": 7}, Bounds(epochs=7)),
        ({"max_steps": -1, "num_train_epochs": 2.5}, Bounds(epochs=3)),
        ({"epochs": True, "iterations": "100", "max_iters": math.inf, "steps": math.nan, "total_steps": None}, Bounds()),
        ({"steps_per_epoch": 5, "warmup_steps": 5, "epoch": 3, "log_steps": 10}, Bounds()),
    ],
)  # fmt: skip
def test_params_that_bound_a_run(params: dict[str, Any], found: Bounds) -> None:
    assert bounds(params) == found


@pytest.mark.parametrize(
    ("bound", "curves", "found"),
    [
        (Bounds(100), {}, {}),
        (Bounds(), {"loss": curve(5)}, {}),
        (Bounds(100), {"loss": curve(40), "val": curve(30)}, {"step": 40, "total": 100}),
        (Bounds(100), {"loss": curve(101)}, {}),
        # Steps within the epochs are epochs; those that begin at 0 are one behind.
        (Bounds(epochs=10), {"loss": curve(4, count=4)}, {"epoch": 4, "epochs": 10}),
        (Bounds(epochs=10), {"loss": curve(4, count=5)}, {"epoch": 5, "epochs": 10}),
        (Bounds(epochs=10), {"loss": curve(9, count=10)}, {"epoch": 10, "epochs": 10}),
        (Bounds(epochs=10), {"loss": curve(40), "val": curve(3)}, {}),
        # A curve of the epoch says it itself.
        (Bounds(epochs=10), {"loss": curve(40), "epoch": curve(40, 2.0)}, {"epoch": 2, "epochs": 10}),
        (Bounds(200, 4), {"t/loss": curve(90), "t/epoch": curve(90, 1.8)}, {"epoch": 1, "epochs": 4, "step": 90, "total": 200}),
        (Bounds(epochs=10), {"epoch": curve(40, math.nan)}, {}),
    ],
)  # fmt: skip
def test_a_guess_from_the_newest_points(
    bound: Bounds, curves: dict[str, Summary], found: dict[str, int]
) -> None:
    assert guess(bound, curves, settled=True) == found


def test_steps_are_taken_for_epochs_only_after_a_while() -> None:
    curves = {"loss": curve(4)}
    assert guess(Bounds(epochs=10), curves, settled=False) == {}
    assert guess(Bounds(5, 10), curves, settled=False) == {"step": 4, "total": 5}
