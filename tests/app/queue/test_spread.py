"""Ranks between ranks."""

from itertools import pairwise

import pytest

from app.queue.spread import between, spread


def test_halving_a_gap_ends_with_none_and_never_leaves_it() -> None:
    lower, count = 1.0, 0
    while (rank := between(lower, 2.0, 9.0)) is not None:
        assert lower < rank < 2.0
        lower, count = rank, count + 1
    assert count > 40
    assert spread(lower, 2.0, 1) is None


def test_what_is_put_at_the_end_stays_before_what_is_submitted_next() -> None:
    rank = 7.0
    for _ in range(40):
        rank = between(rank, None, 8.0) or 0
        assert 7.0 < rank < 8.0


@pytest.mark.parametrize(
    ("low", "high", "count"), [(0.0, 1.0, 1000), (None, 5.0, 33), (-3.0, 1e9, 7), (None, 1e15, 500)]
)
def test_spread_gives_distinct_ranks_inside(low: float | None, high: float, count: int) -> None:
    ranks = spread(low, high, count)
    assert ranks is not None
    assert len(ranks) == count
    assert all(one < other for one, other in pairwise(ranks))
    assert ranks[-1] < high
    assert low is None or ranks[0] > low
