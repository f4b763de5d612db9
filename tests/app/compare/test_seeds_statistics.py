"""Means, intervals and tests against numpy, scipy and printed tables."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from app.compare.seeds.configuration import Defined, key_of, labels, seed_of, seedless
from app.compare.seeds.statistics import Test, difference, summary

# Student's data of two sleeping drugs (Biometrika 6, 1908); Welch's t of it stands in the manual of R's t.test
A = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
B = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_summary_agrees_with_numpy() -> None:
    found = summary(A)
    assert found.n == 10
    assert found.mean == pytest.approx(np.mean(A))
    assert found.sd == pytest.approx(np.std(A, ddof=1))
    assert found.se == pytest.approx(stats.sem(A))
    expected = stats.bootstrap(
        (A,), np.mean, method="percentile", n_resamples=50_000, rng=1
    ).confidence_interval
    assert found.low == pytest.approx(expected.low, abs=0.05)
    assert found.high == pytest.approx(expected.high, abs=0.05)
    assert summary(A) == found, "the generator is fixed"


def test_few_numbers_have_what_can_be_said_of_them() -> None:
    assert summary([]).mean is None
    one = summary([4.0])
    assert (one.n, one.mean, one.sd, one.se, one.low) == (1, 4.0, None, None, None)
    same = summary([2.0, 2.0, 2.0])
    assert (same.sd, same.low, same.high) == (0.0, 2.0, 2.0)


def test_large_means_cost_no_digits() -> None:
    found = summary([1e9 + value for value in (1.0, 2.0, 3.0)])
    assert found.sd == pytest.approx(1.0)
    assert found.low is not None
    assert 1e9 + 1 <= found.low <= 1e9 + 2


def test_a_large_group_is_drawn_in_pieces() -> None:
    values = list(np.random.default_rng(0).normal(5, 2, 5000))
    found = summary(values)
    assert found.low == pytest.approx(np.mean(values) - 1.96 * np.std(values) / math.sqrt(5000), abs=0.01)


def test_welch_agrees_with_the_printed_values() -> None:
    found = difference(A, B, "welch")
    assert found.statistic == pytest.approx(1.8608, abs=5e-5)
    assert found.df == pytest.approx(17.776, abs=5e-4)
    assert found.p == pytest.approx(0.07939, abs=5e-6)
    assert found.low == pytest.approx(-0.2054832, abs=5e-7)
    assert found.high == pytest.approx(3.3654832, abs=5e-7)
    expected = stats.ttest_ind(B, A, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(interval.low)
    assert found.high == pytest.approx(interval.high)
    assert found.mean == pytest.approx(np.mean(B) - np.mean(A))
    assert found.verdict == "not shown"
    assert found.test == "Welch's t-test"
    assert found.n == (10, 10)


def test_mann_whitney_agrees_with_the_tables() -> None:
    # n = 5 and 5: the tables' critical U at 5 %, two-sided, is 2
    low, high = [1.0, 2.0, 3.0, 4.0, 6.0], [5.0, 7.0, 8.0, 9.0, 10.0]
    found = difference(low, high, "mannwhitney")
    assert found.statistic == 24  # 25 pairs, one of them the other way round
    assert found.p == pytest.approx(4 / math.comb(10, 5))
    assert found.verdict == "different"
    assert difference([1.0, 2, 3, 8, 9], [4.0, 5, 6, 7, 10], "mannwhitney").verdict == "not shown"


@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
@pytest.mark.parametrize(("n", "m"), [(0, 5), (1, 2), (2, 9), (5, 2)])
def test_fewer_than_three_allow_no_verdict(test: str, n: int, m: int) -> None:
    found = difference([float(i) for i in range(n)], [100.0 + i for i in range(m)], test)  # type: ignore[arg-type]
    assert found.verdict is None
    assert found.p is None
    assert found.statistic is None
    assert found.needed == (max(0, 3 - n), max(0, 3 - m))
    assert "more seed" in found.note


def test_three_and_three_are_too_few_for_mann_whitney() -> None:
    found = difference([1.0, 2, 3], [11.0, 12, 13], "mannwhitney")
    assert found.p == pytest.approx(0.1)
    assert found.least_p == pytest.approx(0.1)
    assert found.verdict is None
    assert "cannot" in found.note
    assert difference([1.0, 2, 3], [11.0, 12, 13], "welch").verdict == "different"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 1, 1], [2.0, 2, 2]), ([1.0, 1, 2, 2], [2.0, 3, 3, 3]), ([0.0, 0, 0, 1, 1], [1.0, 1, 1, 1]),
        ([1.0, 2, 3, 3], [3.0, 3, 4, 5, 5, 6]),
    ],
)  # fmt: skip
def test_mann_whitney_is_exact_with_ties_too(a: list[float], b: list[float]) -> None:
    def u(one: Sequence[float], two: Sequence[float]) -> float:
        return sum((y > x) + 0.5 * (y == x) for x in one for y in two)

    every = a + b
    ways = []
    for chosen in combinations(range(len(every)), len(a)):
        rest = [every[place] for place in range(len(every)) if place not in chosen]
        ways.append(u([every[place] for place in chosen], rest))
    found = difference(a, b, "mannwhitney")
    assert found.statistic == u(a, b)
    tails = [sum(way >= u(a, b) for way in ways), sum(way <= u(a, b) for way in ways)]
    assert found.p == pytest.approx(min(1.0, 2 * min(tails) / len(ways)))
    assert found.least_p is not None
    assert found.p is not None
    assert found.p >= found.least_p, "what it cannot be below, it is not below"


@pytest.mark.parametrize("scale", [1e200, 2.0**1020, 1e-200, 1e-300])
@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
def test_very_large_and_very_small_numbers_are_as_any_others(scale: float, test: Test) -> None:
    one, two = [1.0, 2.0, 3.0, 4.5], [2.5, 6.0, 7.0, 8.0]
    plain, far = (
        difference(one, two, test),
        difference([x * scale for x in one], [x * scale for x in two], test),
    )
    assert far.p == pytest.approx(plain.p)
    assert (far.verdict, far.note) == (plain.verdict, plain.note)
    for name in ("mean", "low", "high"):
        assert getattr(far, name) == pytest.approx(getattr(plain, name) * scale)
    here, there = summary(one), summary([x * scale for x in one])
    for name in ("mean", "sd", "se", "low", "high"):
        assert getattr(there, name) == pytest.approx(getattr(here, name) * scale)


def test_the_largest_numbers_have_a_mean() -> None:
    assert summary([1.7e308, 1.7e308, 1.7e308]).mean == pytest.approx(1.7e308)
    assert difference([-1.7e308] * 2, [1.7e308] * 2, "welch").mean == math.inf


def test_groups_without_any_spread_get_no_p() -> None:
    found = difference([1.0, 1, 1], [2.0, 2, 2], "welch")
    assert (found.p, found.verdict, found.mean) == (None, None, 1.0)
    assert "no spread" in found.note


def test_the_false_alarms_are_as_many_as_promised() -> None:
    drawn = np.random.default_rng(7).normal(0, 1, (400, 2, 5))
    alarms = sum(difference(list(one), list(two), "welch").verdict == "different" for one, two in drawn)
    assert alarms / 400 == pytest.approx(0.05, abs=0.025)


def defined(number: int, **values: object) -> Defined:
    base: dict[str, object] = {
        "name": f"r{number}", "recipe": "rings", "snapshot": None, "entrypoint": None, "args": [], "params": {}, "seed": 0,
    }  # fmt: skip
    return Defined(number, **(base | values))  # type: ignore[arg-type]


def test_configurations_differ_by_anything_but_the_seed() -> None:
    base = defined(1, params={"lr": 0.1, "seed": 1})
    assert key_of(defined(2, params={"seed": 2, "lr": 0.1}, seed=5)) == key_of(base)
    assert key_of(defined(2, params={"lr": 0.2})) != key_of(base)
    assert key_of(defined(2, params={"lr": 0.1}, recipe="digits")) != key_of(base)
    script = {"recipe": None, "snapshot": "a" * 64, "entrypoint": "train.py"}
    one = defined(3, **script, args=["--lr", "0.1", "--seed", "3"])
    assert key_of(one) == key_of(defined(4, **script, args=["--lr", "0.1", "--seed=4"]))
    assert key_of(one) != key_of(defined(4, **script, args=["--lr", "0.2", "--seed=4"]))
    assert key_of(one) != key_of(defined(4, **(script | {"snapshot": "b" * 64}), args=one.args))
    shell = {"recipe": None, "snapshot": "a" * 64}
    lines = ("python t.py --seed 1 --x", "python t.py --seed 2 --x")
    assert len({key_of(defined(5, **shell, entrypoint=line)) for line in lines}) == 1


def test_a_whole_number_is_the_same_however_it_was_written() -> None:
    one = defined(1, params={"lr": 1, "net": {"width": [64.0, 1e300]}})
    same = defined(2, params={"lr": 1.0, "net": {"width": [64, 1e300]}})
    assert key_of(one) == key_of(same)
    assert key_of(one) != key_of(defined(3, params={"lr": True, "net": {"width": [64, 1e300]}}))
    assert labels([one, same]) == ["rings", "rings"]


def test_runs_of_which_nothing_is_known_stand_alone() -> None:
    unknown = {"recipe": None}
    assert key_of(defined(1, **unknown)) != key_of(defined(2, **unknown))
    assert seed_of(defined(1, **unknown)) is None
    assert seed_of(defined(1, params={"trainer.Random-Seed": 9})) == 9


def test_labels_say_what_tells_groups_apart() -> None:
    runs = [defined(1, params={"lr": 0.1, "width": 8, "seed": 1}), defined(2, params={"lr": 0.2, "width": 8})]
    assert labels(runs) == ["lr 0.1", "lr 0.2"]
    assert labels(runs[:1]) == ["rings"]
    assert labels([defined(1), defined(2, recipe="digits")]) == ["rings", "digits"]


def test_a_word_that_only_ends_like_a_seed_stays() -> None:
    assert seedless(["seed", "--use-seed", "--seed"]) == ["seed", "--use-seed"]
