"""What the compact columns hold, and how small they are."""

import json
import math

import numpy as np
import pytest
from scalars import read_columns

from app.metrics.columns import encode
from app.metrics.series import make
from app.metrics.wire import Points
from app.metrics.words import Window

EVERYTHING = Window(at_most=0)


def series(
    value: object, step: object = None, wall: object = None, run: int = 1, tag: str = "loss"
) -> object:
    found = np.asarray(value)
    steps = np.arange(len(found)) if step is None else np.asarray(step, np.int64)
    walls = 1.7e9 + 0.25 * np.arange(len(found)) if wall is None else np.asarray(wall, np.float64)
    return make(run, tag, Points(steps, walls, found), window=EVERYTHING, kept=10_000)


def types(*found: object) -> list[str]:
    head, _ = read_columns(encode(found))  # type: ignore[arg-type]
    return [kind for kind, *_ in head["columns"]]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.array([0.5, 0.25, np.nan, np.inf]), "f32"),
        (np.array([0.1, 0.2], np.float32), "f32"),
        (np.array([0.1, 0.2]), "f64"),
        (np.array([1e300, 0.0]), "f64"),
        (np.array([2.0**24 + 1]), "f64"),
    ],
)
def test_a_value_is_wide_only_where_narrow_would_change_it(value: np.ndarray, kind: str) -> None:
    found = series(value)
    assert types(found)[2] == kind
    _, (one,) = read_columns(encode([found]))  # type: ignore[list-item]
    assert np.array_equal(np.array(one["value"]), value.astype(np.float64), equal_nan=True)


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ([5, 10, 15], "range"),
        ([7], "range"),
        ([], "range"),
        ([1, 2, 250], "u8"),
        ([10**9, 10**9 + 1, 10**9 + 300], "u16"),
        ([-5, 0, 70_000], "u32"),
        ([0, 1, 2**40 + 1], "f64"),
    ],
)
def test_steps_take_as_little_as_they_can(step: list[int], kind: str) -> None:
    found = series([0.0] * len(step), step)
    assert types(found)[0] == kind
    _, (one,) = read_columns(encode([found]))  # type: ignore[list-item]
    assert one["step"] == step


def test_wall_times_to_the_millisecond_and_odd_ones() -> None:
    walls = [1.7e9, 1_700_000_000.123, 1_700_000_099.999]
    _, (one,) = read_columns(encode([series([0.0] * 3, wall=walls)]))  # type: ignore[list-item]
    assert one["wall"] == walls
    for odd in ([0.0, 1e12, 2e12], [-5.5, 3.25, 1.0]):
        _, (one,) = read_columns(encode([series([0.0] * 3, wall=odd)]))  # type: ignore[list-item]
        assert one["wall"] == odd


def test_moments_that_are_none_are_sent_as_they_are() -> None:
    for odd in ([1.0, math.inf, 2.0], [-math.inf, 1e308, math.nan]):
        for axis in ("step", "wall", "relative"):
            points = Points(np.arange(3), np.array(odd), np.zeros(3, np.float32))
            found = make(1, "loss", points, axis=axis, kept=10, window=Window(since={1: 1}))  # type: ignore[arg-type]
            head, (one,) = read_columns(encode([found]))
            assert [repr(wall) for wall in one["wall"]] == [repr(odd[2])]
            assert "Infinity" not in json.dumps(head)


def test_equal_columns_are_there_once() -> None:
    steps = np.array([0, 1, 5])
    found = [
        series([float(run), 1.0, 2.0], steps.copy(), run=run, tag=tag) for run in range(50) for tag in "ab"
    ]
    kinds = types(*found)
    assert kinds.count("u8") == 1
    assert len(kinds) == 1 + 1 + 50  # steps, wall times, a value column for each run
    assert read_columns(encode([]))[1] == []


def test_a_hundred_runs_of_a_thousand_points_stay_small() -> None:
    random = np.random.default_rng(0)
    found = [
        series(random.normal(size=1000).astype(np.float32), wall=1.7e9 + np.cumsum(random.uniform(0, 1, 1000)), run=run)
        for run in range(100)
    ]  # fmt: skip
    assert len(encode(found)) < 850_000  # type: ignore[arg-type]
