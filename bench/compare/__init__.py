"""One metric of a hundred runs: Danlu's workbench beside TensorBoard, MLflow, Aim and Trackio, on the same curves.

All are up at the same time and are asked in turn (A B C …, A B C …), so that a drift of the machine hits all alike. What a
peer's own page asks for is asked of it; where it cannot be installed, or shows no chart, the table says so.
`BENCH_POINTS=10000` measures the peers with long curves too, which takes an hour to fill; without it, Danlu alone has those. What a
frame costs in Danlu is in `bench/charts.py`.
"""

import math
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from playwright.sync_api import Browser

from bench.common import Figure
from bench.compare import browser, contestants, venv
from bench.compare.contestants import Contestant

RUNS = 100
LONG = 10_000
ROUNDS = 5
SLOW, FEW = 15.0, 3  # a page that takes so many seconds is not waited for more often than that


def measure() -> Iterator[Figure]:
    """With curves of 1,000 points beside the peers, then with 10,000."""
    yield Figure("load of the machine at the start", _load())
    with ExitStack() as stack:
        points = int(os.environ.get("BENCH_POINTS", "1000"))
        here = list(_up(stack, RUNS, points))
        for name, reason in _absent:
            yield Figure(name, "absent", reason[:60])
        yield from _calls(here, points)
        opened = stack.enter_context(browser.browser())
        yield from _charts(opened, here, points)
    with contestants.danlu(RUNS, LONG) as alone:
        yield from _long(alone)
    yield Figure("load of the machine at the end", _load())


_absent: list[tuple[str, str]] = []


def _up(stack: ExitStack, runs: int, points: int) -> Iterator[Contestant]:
    only = os.environ.get("BENCH_PEERS_OF_COMPARE", "tensorboard,mlflow,aim,trackio").split(",")
    for name in ("danlu", *only):
        if not name:
            continue
        try:
            yield stack.enter_context(getattr(contestants, name)(runs, points))
        except (venv.Unavailable, TimeoutError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            _absent.append((name, str(error) or type(error).__name__))


def _calls(here: Sequence[Contestant], points: int) -> Iterator[Figure]:
    times: dict[str, list[float]] = {one.name: [] for one in here}
    sizes = {one.name: one.ask() for one in here}  # the first call of each may read files
    for _ in range(ROUNDS):
        for one in here:
            began = time.perf_counter()
            one.ask()
            times[one.name].append(time.perf_counter() - began)
    for one in here:
        median = statistics.median(times[one.name])
        own = one is here[0]
        aim = "< 60 ms, < 1.5 MB" if own else one.note
        reached = median < 0.060 and sizes[one.name] < 1.5e6 if own else None
        yield Figure(
            f"one metric, 100 runs of {points:,} points: {one.name}",
            f"{median * 1000:,.0f} ms, {sizes[one.name] / 1e6:.2f} MB",
            aim,
            reached,
        )


def _charts(opened: Browser, here: Sequence[Contestant], points: int) -> Iterator[Figure]:
    cold: dict[str, list[float]] = {one.name: [] for one in here}
    for number in range(ROUNDS):
        for one in here:
            if number < FEW or statistics.median(cold[one.name]) < SLOW:
                cold[one.name] += browser.first_chart(opened, one, 1, warm=False)
    quick = [one for one in here if statistics.median(cold[one.name]) < SLOW]
    warm = {one.name: browser.first_chart(opened, one, ROUNDS, warm=True) for one in quick}
    fastest = min((statistics.median(cold[one.name]) for one in here[1:]), default=math.inf)
    for one in here:
        first = statistics.median(cold[one.name])
        text = "none within 3 min" if first == math.inf else f"{first:.2f} s"
        if one.name in warm:
            text += f", browser warm {statistics.median(warm[one.name]):.2f} s"
        else:
            text += f" (of {len(cold[one.name])})"
        own = one is here[0]
        reached = first < 1.0 and first <= fastest / 2 if own else None
        what = f"navigation → first chart, 100 runs of {points:,} points: {one.name}"
        yield Figure(what, text, "< 1 s, half of the fastest peer's" if own else "", reached)


def _long(danlu: Contestant) -> Iterator[Figure]:
    for name, ask, aim, most, size in (
        ("thinned to 1,000", danlu.ask, "< 60 ms, < 1.5 MB", 0.060, 1.5e6),
        ("all points", danlu.more["all points"], "< 400 ms", 0.400, math.inf),
    ):
        took, sent = [], ask()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            ask()
            took.append(time.perf_counter() - began)
        median = statistics.median(took)
        yield Figure(
            f"one metric, 100 runs of {LONG:,} points, {name}: Danlu",
            f"{median * 1000:,.0f} ms, {sent / 1e6:.2f} MB",
            aim,
            median < most and sent < size,
        )
    with browser.browser() as opened:
        first = statistics.median(browser.first_chart(opened, danlu, ROUNDS, warm=False))
    yield Figure(f"navigation → first chart, 100 runs of {LONG:,} points: Danlu", f"{first:.2f} s")


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())
