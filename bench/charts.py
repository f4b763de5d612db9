"""The charts of 100 runs in Chromium: how soon they are there, what a frame costs while somebody hovers, zooms or watches, and
what the tab holds after a while.

Frames are processor time of the page's main thread, of real pointer events and of a real stream of points. `BENCH_MINUTES`
says how long the tab is watched before its memory is taken, 2 by default.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Browser, Page

from bench.common import Figure
from bench.compare import browser, contestants
from bench.compare.contestants import Contestant
from bench.feed import Feed, feeding
from bench.mainthread import spread, traced

RUNS, POINTS = 100, 1_000
ROUNDS = 5
MOVES = 60
TAG = "loss/train"
FED_SECONDS = 30.0
APPEND_SECONDS = 5.0
"""Curves of more runs than the stream tells of are fetched so often."""


def measure() -> Iterator[Figure]:
    """Finished runs first, then running ones that grow."""
    minutes = float(os.environ.get("BENCH_MINUTES", "2"))
    with browser.browser() as opened:
        with contestants.danlu(RUNS, POINTS) as ended:
            yield from _first(opened, ended)
            yield from _frames(opened, ended)
        with contestants.danlu(RUNS, POINTS, live=True) as live:
            assert live.home is not None
            with feeding(live.home, POINTS) as feed:
                yield from _live(opened, live, feed, minutes)


def _first(opened: Browser, danlu: Contestant) -> Iterator[Figure]:
    for warm in (False, True):
        took = statistics.median(browser.first_chart(opened, danlu, ROUNDS, warm=warm))
        name = "seen before" if warm else "a new browser profile"
        yield Figure(f"navigation → first chart, {RUNS} runs: {name}", f"{took:.2f} s", "< 1 s", took < 1)


def _frames(opened: Browser, danlu: Contestant) -> Iterator[Figure]:
    with _watched(opened, danlu) as page:
        for name, act in (("hover", _hover), ("zoom by the wheel", _zoom), ("pan", _pan)):
            act(page)  # what is made once is made
            medians, lates = [], []
            for _ in range(ROUNDS):
                with traced(opened, page) as trace:
                    act(page)
                median, late = spread(trace.work)
                medians.append(median)
                lates.append(late)
            yield _frame(name, statistics.median(medians), statistics.median(lates), 16)


def _frame(name: str, median: float, late: float, aim: float) -> Figure:
    text = f"{median:.1f} ms (95 %: {late:.1f})"
    what = f"frame, {RUNS} curves of {POINTS:,} points: {name}"
    return Figure(what, text, f"< {aim} ms", late < aim)


def _live(opened: Browser, danlu: Contestant, feed: Feed, minutes: float) -> Iterator[Figure]:
    with _watched(opened, danlu) as page:
        began = time.monotonic()
        before = _last_step(page)
        with traced(opened, page) as trace:
            page.wait_for_timeout(FED_SECONDS * 1000)
        _well(feed)
        grown = _last_step(page) - before
        if grown <= 0:
            raise RuntimeError("no point of the running runs has reached the page")
        worst = trace.worst(APPEND_SECONDS)
        yield _frame(f"live, {grown / FED_SECONDS:.1f} points a second each", *spread(worst), 8)
        page.wait_for_timeout(max(0.0, minutes * 60 - (time.monotonic() - began)) * 1000)
        _well(feed)
        after = (time.monotonic() - began) / 60
        for name, size in _memory(opened, page).items():
            yield Figure(f"{name} after {after:.0f} min live", f"{size:.0f} MB", "< 200 MB", size < 200)


def _well(feed: Feed) -> None:
    if feed.failed is not None:
        raise RuntimeError("the feed has ended") from feed.failed


@contextmanager
def _watched(opened: Browser, danlu: Contestant) -> Iterator[Page]:
    """The comparison of all runs, with every chart in sight drawn."""
    context = opened.new_context(viewport=browser.VIEWPORT)
    page = context.new_page()
    page.goto(danlu.page)
    page.locator("danlu-curves[data-ready]").wait_for(state="attached", timeout=60_000)
    page.locator(f'.curve[data-drawn][data-tag="{TAG}"]').scroll_into_view_if_needed()
    page.wait_for_timeout(2000)
    try:
        yield page
    finally:
        context.close()


def _area(page: Page) -> tuple[float, float, float, float]:
    box = page.locator(f'.curve[data-tag="{TAG}"] .curve-over').bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def _moves(page: Page, place: Callable[[float], tuple[float, float]]) -> None:
    for number in range(MOVES):
        page.mouse.move(*place(number / MOVES))


def _hover(page: Page) -> None:
    left, top, width, height = _area(page)
    _moves(page, lambda t: (left + width * (0.1 + 0.8 * t), top + height * (0.3 + 0.4 * (t * 17 % 1))))


def _zoom(page: Page) -> None:
    """In and out around a place, as often."""
    left, top, width, height = _area(page)
    page.mouse.move(left + width * 0.4, top + height / 2)
    page.keyboard.down("Control")
    for number in range(MOVES):
        page.mouse.wheel(0, -100 if number < MOVES / 2 else 100)
    page.keyboard.up("Control")
    page.wait_for_timeout(500)


def _pan(page: Page) -> None:
    """The zoomed half of the curves, pulled to and fro."""
    left, top, width, height = _area(page)
    page.mouse.move(left + width * 0.25, top + height / 2)
    page.mouse.down()
    page.mouse.move(left + width * 0.75, top + height / 2, steps=4)
    page.mouse.up()
    page.keyboard.down("Shift")
    page.mouse.down()
    _moves(page, lambda t: (left + width * (0.5 + 0.25 * abs(1 - 2 * t)), top + height / 2))
    page.mouse.up()
    page.keyboard.up("Shift")
    page.keyboard.press("0")
    page.wait_for_timeout(500)


def _last_step(page: Page) -> int:
    last = """(tag) => Math.min(...document.querySelector("danlu-curves").seriesOf(tag).map((one) => one.step.at(-1)))"""
    return int(page.evaluate(last, TAG))


def _memory(opened: Browser, page: Page) -> dict[str, float]:
    """MB: reachable JavaScript objects, and what the tab's process has for itself alone."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    whole = opened.new_browser_cdp_session()
    processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [
        psutil.Process(one["id"]).memory_full_info().uss for one in processes if one["type"] == "renderer"
    ]
    whole.detach()
    return {
        f"JavaScript heap ({metrics['Nodes']:,.0f} nodes)": metrics["JSHeapUsedSize"] / 1e6,
        "the tab's process": max(renderers) / 1e6,
    }
