"""Mean, spread and intervals of a few numbers, and whether two groups of them differ. Pure functions.

numpy and scipy are imported where they are needed: they are a large part of the server's memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Test = Literal["welch", "mannwhitney"]

LEVEL = 0.95
"""Of every interval."""
ALPHA = 0.05
LEAST = 3
"""Runs in each of two groups, below which nothing is said of their difference."""
RESAMPLES = 10_000
GENERATOR = "numpy PCG64, seed 0"
"""Fixed, so that the same numbers give the same interval."""
MOST_WAYS = 20_000
"""To divide the runs into two groups, which are all looked at where there are ties."""
_CHUNK = 1 << 21
"""Numbers that are drawn at once: 16 MiB."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of one group; what cannot be said of so few numbers is None."""

    n: int
    mean: float | None = None
    sd: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The second group less the first one, and a test of whether that is chance.

    Attributes:
        n: numbers in each group.
        needed: how many more each group needs before anything is said.
        mean: difference of the means.
        low, high: ends of its 95 % interval; `interval` names how it was made.
        test: name of the test; statistic, df (Welch only) and p (two-sided) are its outcome.
        least_p: the smallest p that groups of these sizes can reach (Mann-Whitney only).
        verdict: "different", "not shown", or None where too few numbers or no spread allow none.
        note: one sentence for a person.
    """

    n: tuple[int, int]
    needed: tuple[int, int]
    mean: float | None
    test: str
    interval: str
    low: float | None = None
    high: float | None = None
    statistic: float | None = None
    df: float | None = None
    p: float | None = None
    least_p: float | None = None
    verdict: Literal["different", "not shown"] | None = None
    note: str = ""


NAMES: dict[Test, str] = {"welch": "Welch's t-test", "mannwhitney": "Mann-Whitney U test"}
INTERVALS: dict[Test, str] = {
    "welch": "t interval with Welch-Satterthwaite degrees of freedom",
    "mannwhitney": f"percentile bootstrap of the difference of means, {RESAMPLES:,} resamples, {GENERATOR}",
}


def summary(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation (n - 1), standard error sd / √n, and a 95 % percentile bootstrap interval of the mean.

    The interval is that of B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), section 13.3:
    the 2.5 % and 97.5 % quantiles of the means of resamples drawn with replacement. It is too narrow for few numbers.
    """
    n = len(values)
    if not n:
        return Summary(0)
    scale, (small,) = _scaled([values])
    mean = math.fsum(small) / n
    if n == 1:
        return Summary(1, mean * scale)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in small) / (n - 1))
    low, high = _quantiles([small])
    return Summary(n, *(one * scale for one in (mean, sd, sd / math.sqrt(n), low, high)))


def difference(a: Sequence[float], b: Sequence[float], test: Test) -> Difference:
    """The mean of `b` less that of `a`, its 95 % interval, and the test that was asked for.

    Of fewer than three numbers in a group nothing is tested.
    """
    n = (len(a), len(b))
    needed = (max(0, LEAST - n[0]), max(0, LEAST - n[1]))
    scale, (one, two) = _scaled([a, b])
    if any(needed):
        mean = (math.fsum(two) / n[1] - math.fsum(one) / n[0]) * scale if all(n) else None
        return Difference(n, needed, mean, NAMES[test], INTERVALS[test], note=_wanting(needed))
    found = _welch(one, two) if test == "welch" else _mann_whitney(one, two)
    low, high = (end and end * scale for end in (found.low, found.high))
    return replace(found, mean=found.mean and found.mean * scale, low=low, high=high)


def _scaled(groups: Sequence[Sequence[float]]) -> tuple[float, list[list[float]]]:
    """A power of two and the numbers divided by it, which costs no digit: squares of very large numbers are none."""
    largest = max((abs(value) for group in groups for value in group), default=0.0)
    scale = 1.0 if largest == 0 or 1e-100 < largest < 1e100 else math.ldexp(1.0, math.frexp(largest)[1] - 1)
    return scale, [[value / scale for value in group] for group in groups]


def _welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Welch's t: (mean b - mean a) / √(s²a/na + s²b/nb) on the degrees of freedom of Welch and Satterthwaite.

    B. L. Welch, The generalization of "Student's" problem when several different population variances are involved,
    Biometrika 34 (1947) 28-35. The interval is mean ± t(0.975, df) times the same standard error.
    """
    from scipy.special import stdtr, stdtrit  # Student's t; a tenth of what scipy.stats takes to be imported

    one, two = summary(a), summary(b)
    assert one.mean is not None and two.mean is not None and one.sd is not None and two.sd is not None  # noqa: S101, PT018 - three numbers each
    mean = two.mean - one.mean
    parts = (one.sd**2 / one.n, two.sd**2 / two.n)
    names = (NAMES["welch"], INTERVALS["welch"])
    error = math.sqrt(sum(parts))
    if error <= 1e-12 * max(abs(one.mean), abs(two.mean)):
        note = "Neither group varies at all: there is no spread to compare the difference with."
        return Difference((one.n, two.n), (0, 0), mean, *names, note=note)
    df = sum(parts) ** 2 / (parts[0] ** 2 / (one.n - 1) + parts[1] ** 2 / (two.n - 1))
    t = mean / error
    p = float(2 * stdtr(df, -abs(t)))
    half = float(stdtrit(df, (1 + LEVEL) / 2)) * error
    return Difference(
        (one.n, two.n), (0, 0), mean, *names, mean - half, mean + half, t, df, p, None, _verdict(p), _told(p)
    )  # fmt: skip


def _mann_whitney(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Mann and Whitney's U of `b`: how many pairs have the greater number in `b`, ties counting half.

    H. B. Mann and D. R. Whitney, On a test of whether one of two random variables is stochastically larger than the
    other, Annals of Mathematical Statistics 18 (1947) 50-60; two-sided; exact for small groups, with ties by going
    through all ways to divide the runs; else by the normal approximation with corrections for ties and continuity
    (scipy.stats.mannwhitneyu).
    """
    from scipy import stats  # a second and 50 MB, for those who ask for it only

    ways = math.comb(len(a) + len(b), len(a))
    ties = len({*a, *b}) < len(a) + len(b)
    method: Any = stats.PermutationMethod(n_resamples=MOST_WAYS) if ties and ways <= MOST_WAYS else "auto"
    found = stats.mannwhitneyu(b, a, alternative="two-sided", method=method)
    p, u = float(found.pvalue), float(found.statistic)
    mean = math.fsum(b) / len(b) - math.fsum(a) / len(a)
    low, high = _quantiles([a, b])
    least = min(1.0, 2 / ways)
    note = _told(p)
    if least >= ALPHA:
        note = f"With {len(a)} and {len(b)} runs this test cannot give a p below {least:.2g}: more seeds are needed."
    verdict = None if least >= ALPHA else _verdict(p)
    names = (NAMES["mannwhitney"], INTERVALS["mannwhitney"])
    return Difference(
        (len(a), len(b)), (0, 0), mean, *names, low, high, u, None, p, least, verdict, note
    )  # fmt: skip


def _quantiles(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Percentile bootstrap of the mean of one group, or of the last group's mean less the first one's."""
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(0))
    totals = np.zeros(RESAMPLES)
    for place, group in enumerate(groups):
        values = np.asarray(group, dtype=np.float64)
        centre = values.mean()  # so that large means cost no digits
        step = max(1, _CHUNK // len(values))
        sign = -1.0 if len(groups) > 1 and place == 0 else 1.0
        for start in range(0, RESAMPLES, step):
            rows = min(step, RESAMPLES - start)
            drawn = generator.integers(len(values), size=(rows, len(values)))
            totals[start : start + rows] += sign * ((values - centre)[drawn].mean(axis=1) + centre)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(totals, (tail, 1 - tail))
    return float(low), float(high)


def _verdict(p: float) -> Literal["different", "not shown"]:
    return "different" if p < ALPHA else "not shown"


def _told(p: float) -> str:
    if p < ALPHA:
        return f"A difference this large is unlikely to be chance between seeds (p < {ALPHA})."
    return f"Seeds alone can make a difference this large (p ≥ {ALPHA}); that is no proof that there is none."


def _wanting(needed: tuple[int, int]) -> str:
    parts = [
        f"group {name} needs {count} more seed{'' if count == 1 else 's'}"
        for name, count in zip("AB", needed, strict=True)
        if count
    ]
    return f"Too few runs to tell: {' and '.join(parts)} ({LEAST} in each are the least)."
