"""What the benchmarks compute with; what they measure is not asserted anywhere."""

import importlib

import pytest

from bench.__main__ import MARKS, SUBJECTS
from bench.mainthread import Task, frames_of, spread


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_subject_measures(name: str) -> None:
    assert callable(importlib.import_module(f"bench.{name}").measure)


def test_what_has_no_aim_gets_no_mark() -> None:
    assert MARKS[None] == ""


def test_a_frame_is_the_task_that_draws_it_and_what_held_it_up() -> None:
    tasks = [
        Task(1_000_000.0, 1_004_000.0, 4000.0),  # input
        Task(1_005_000.0, 1_011_000.0, 6000.0),  # draws
        Task(1_016_000.0, 1_021_000.0, 5000.0),  # draws, within a sixtieth of a second of the first input
    ]
    assert frames_of(tasks, [1_006_000.0, 1_016_500.0]) == [(0.0, 10.0), (0.011, 5.0)]


def test_long_before_a_frame_is_not_in_it() -> None:
    tasks = [Task(1_000_000.0, 1_004_000.0, 4000.0), Task(1_050_000.0, 1_053_000.0, 3000.0)]
    assert frames_of(tasks, [1_051_000.0]) == [(0.0, 4.0), (0.05, 3.0)]


def test_tasks_without_a_frame_are_put_together_and_a_long_one_counts_whole() -> None:
    spans = [(1_040_000.0, 1000.0), (1_000_000.0, 40_000.0), (1_045_000.0, 2000.0), (1_060_000.0, 500.0)]
    tasks = [Task(began, began + work, work) for began, work in spans]
    assert frames_of(tasks, []) == [(0.0, 40.0), (0.04, 3.0), (0.06, 0.5)]


def test_frames_without_work_do_not_count() -> None:
    assert frames_of([Task(0.0, 100.0, 100.0), Task(50_000.0, 55_000.0, 5000.0)], []) == [(0.05, 5.0)]
    assert frames_of([], []) == []


def test_median_and_95th_percentile() -> None:
    assert spread([float(number) for number in range(1, 101)]) == (50.5, 96.0)
    assert spread([3.0]) == (3.0, 3.0)
