"""Thinning keeps what stands out."""

import json
import math

import numpy as np
import pytest

from app.metrics import series
from app.metrics.series import make
from app.metrics.wire import Points
from app.metrics.words import Window


def thin(values: np.ndarray, at_most: int) -> np.ndarray:
    kept = series.thin(values, at_most)
    return np.arange(len(values)) if kept is None else kept


def points(values: list[float]) -> Points:
    count = len(values)
    return Points(np.arange(count), 1000.0 + np.arange(count) * 0.5, np.array(values))


@pytest.mark.parametrize("count", [5, 99, 100, 101, 1000, 9973])
@pytest.mark.parametrize("at_most", [4, 5, 10, 100, 1000])
def test_spikes_first_and_last_survive(count: int, at_most: int) -> None:
    random = np.random.default_rng(count)
    values = random.normal(size=count)
    values[count // 3] = 1e6
    values[count // 2] = -1e6
    kept = thin(values, at_most)
    assert len(kept) <= max(at_most, 4)
    assert (np.diff(kept) > 0).all()
    assert {0, count - 1, count // 3, count // 2} <= set(kept.tolist())


def test_each_stretch_keeps_its_own_extremes() -> None:
    values = np.tile([0.0, 5.0, -5.0, 1.0], 250)
    kept = thin(values, 100)
    assert len(kept) <= 100
    assert (values[kept[1:-1]] == 5).sum() >= 45
    assert (values[kept[1:-1]] == -5).sum() >= 45


@pytest.mark.parametrize("at_most", [0, 100, 101])
def test_nothing_is_left_out_of_a_short_series(at_most: int) -> None:
    assert thin(np.zeros(100), at_most).tolist() == list(range(100))
    assert thin(np.zeros(0), at_most).tolist() == []
    assert thin(np.full(1, np.nan), at_most).tolist() == [0]


def test_a_single_nan_and_the_extremes_around_it_survive() -> None:
    values = np.sin(np.arange(10_000) / 100)
    values[5000], values[7000] = np.nan, np.inf
    values[5001] = 99
    kept = thin(values, 50)
    assert len(kept) <= 50
    assert {5000, 5001, 7000} <= set(kept.tolist())


def test_all_nan() -> None:
    kept = thin(np.full(1000, np.nan), 50)
    assert kept[0] == 0
    assert kept[-1] == 999
    assert len(kept) <= 50


def test_nonfinite_values_are_null_and_named_by_their_index() -> None:
    found = make(
        7,
        "loss",
        points([1.0, math.nan, 2.0, math.inf, -math.inf]),
        axis="step",
        window=Window(at_most=0),
        kept=10_000,
    )
    body = found.body()
    assert body["y"] == [1.0, None, 2.0, None, None]
    assert body["nonfinite"] == [[1, "nan"], [3, "inf"], [4, "-inf"]]
    assert body["total"] == 5
    json.dumps(body, allow_nan=False)


@pytest.mark.parametrize(
    ("axis", "x"), [("step", [0, 1, 2]), ("relative", [0, 0.5, 1]), ("wall", [1000, 1000.5, 1001])]
)
def test_axes(axis: str, x: list[float]) -> None:
    found = make(7, "loss", points([1.0, 2.0, 3.0]), axis=axis, window=Window(at_most=0), kept=3)  # type: ignore[arg-type]
    assert found.x.tolist() == x
    assert found.step.tolist() == [0, 1, 2]
    assert found.sampled
