"""What the benchmarks compute with; what they measure is not asserted anywhere."""

import importlib

import pytest

from bench.__main__ import MARKS, SUBJECTS
from bench.mainthread import frames_of, spread


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_subject_measures(name: str) -> None:
    assert callable(importlib.import_module(f"bench.{name}").measure)


def test_what_has_no_aim_gets_no_mark() -> None:
    assert MARKS[None] == ""


def test_a_long_task_is_one_expensive_frame() -> None:
    tasks = [(1_040_000.0, 1000.0), (1_000_000.0, 40_000.0), (1_045_000.0, 2000.0), (1_060_000.0, 500.0)]
    assert frames_of(tasks) == [(0.0, 40.0), (0.04, 3.0), (0.06, 0.5)]


def test_frames_without_work_do_not_count() -> None:
    assert frames_of([(0.0, 100.0), (50_000.0, 5000.0)]) == [(0.05, 5.0)]
    assert frames_of([]) == []


def test_median_and_95th_percentile() -> None:
    assert spread([float(number) for number in range(1, 101)]) == (50.5, 96.0)
    assert spread([3.0]) == (3.0, 3.0)
