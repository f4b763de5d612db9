"""Chromium: from the navigation to the first chart, and what a frame costs while somebody hovers, zooms or watches."""

import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.compare.contestants import Contestant

VIEWPORT = {"width": 1600, "height": 1200}
PATIENCE = 180.0  # seconds for a chart
CANDIDATES = ("chromium", "chromium-browser", "google-chrome")

# Looks once a frame, and notes the moment after the paint of the frame in which a chart was first there.
WATCH = """
(() => {
  const special = %s;
  const small = new OffscreenCanvas(24, 24);
  const pen = small.getContext("2d", { willReadFrequently: true });
  const filled = (canvas) => {
    if (canvas.width < 150 || canvas.height < 80) return false;
    pen.clearRect(0, 0, 24, 24);
    try { pen.drawImage(canvas, 0, 0, 24, 24); } catch { return false; }
    return pen.getImageData(0, 0, 24, 24).data.filter((value, i) => i %% 4 === 3 && value > 8).length > 20;
  };
  const any = () => [...document.querySelectorAll("canvas")].some(filled)
    || [...document.querySelectorAll("svg path")].some((path) => (path.getAttribute("d") ?? "").length > 2000);
  const look = () => {
    if ((special ?? any)()) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => (window.benchPainted = performance.now());
      port2.postMessage(0);
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""

# What the main thread does in a frame that begins with `act`: the script, style, layout and paint of it.
FRAMES = """
async ([kind, count, runs, tag]) => {
  const island = document.querySelector("danlu-curves");
  const frame = (act) => new Promise((resolve) => requestAnimationFrame(() => {
    const began = performance.now();
    act();
    requestAnimationFrame(() => 0);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(performance.now() - began);
    port2.postMessage(0);
  }));
  const card = island.cards.get(tag) ?? [...island.cards.values()][0];
  const over = card.plot.over;
  const box = over.getBoundingClientRect();
  const steps = card.series[0].step;
  const last = steps.at(-1);
  const acts = {
    hover: (i) => over.dispatchEvent(new PointerEvent("pointermove", {
      bubbles: true, pointerType: "mouse", clientX: box.x + box.width * (0.1 + (0.8 * i) / count), clientY: box.y + box.height * (0.3 + 0.4 * ((i * 7) %% 10) / 10),
    })),
    zoom: (i) => island.view.panTo((last * 0.3 * i) / count, last - (last * 0.3 * i) / count),
    append: (i) => {
      for (const run of runs) document.body.dispatchEvent(new CustomEvent("danlu:metrics", { detail: { run, tags: { [card.tag]: [last + 1 + i, 0.1 + 0.05 * Math.sin(run + i)] } } }));
    },
    idle: () => 0,
  };
  const times = [];
  for (let i = 0; i < count; i++) {
    times.push(await frame(() => acts[kind](i)));
    // what was only begun in that frame goes on in the next ones
    if (kind === "append") for (let k = 0; k < 14; k++) times.push(await frame(() => 0));
  }
  return times;
}
""".replace("%%", "%")


def chromium() -> str:
    """Path of a Chromium: ``$CHROMIUM``, or the first one of this machine.

    Raises:
        FileNotFoundError: there is none.
    """
    found = os.environ.get("CHROMIUM") or next(
        (path for name in CANDIDATES if (path := shutil.which(name))), None
    )
    if found is None:
        raise FileNotFoundError("no Chromium: install the package chromium, or set CHROMIUM to its path")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium without a GPU."""
    with sync_playwright() as playwright:
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        launched = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield launched
        launched.close()


def first_chart(opened: Browser, contestant: Contestant, rounds: int, *, warm: bool) -> list[float]:
    """Seconds from the navigation to the paint of the first chart; inf where none came.

    Args:
        opened: the browser.
        contestant: whose page.
        rounds: how often.
        warm: the browser has been there before; else each round is a new profile's first visit.
    """
    times = []
    context = opened.new_context(viewport=VIEWPORT) if warm else None
    if context:
        _visit(context.new_page(), contestant)
    for _ in range(rounds):
        here = context or opened.new_context(viewport=VIEWPORT)
        page = here.new_page()
        times.append(_visit(page, contestant))
        page.close()
        if not context:
            here.close()
    if context:
        context.close()
    return times


def _visit(page: Page, contestant: Contestant) -> float:
    page.add_init_script(WATCH % (contestant.painted or "null"))
    page.goto(contestant.page, wait_until="commit", timeout=60_000)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        painted = page.evaluate("() => window.benchPainted ?? null")
        if painted is not None:
            return float(painted) / 1000
        time.sleep(0.1)
    return float("inf")


def frames(
    opened: Browser, contestant: Contestant, runs: int, count: int = 60
) -> dict[str, tuple[float, float]]:
    """Milliseconds of the main thread a frame, median and 95th percentile, of Danlu's comparison; and MB of its heap."""
    page = opened.new_page(viewport=VIEWPORT)
    page.goto(contestant.page)
    page.locator('.curve[data-drawn][data-tag="lr"]').wait_for(timeout=60_000)
    found = {}
    for kind, times in (("hover", count), ("zoom", count), ("append", 20)):
        measured: list[float] = page.evaluate(FRAMES, [kind, times, list(range(1, runs + 1)), "lr"])
        if kind == "append":  # the frame of the points and the 14 after it: the worst of each
            measured = [max(measured[i : i + 15]) for i in range(0, len(measured), 15)]
        found[kind] = (statistics.median(measured), statistics.quantiles(measured, n=20)[18])
    found["heap"] = (_heap(page), 0.0)
    page.close()
    return found


def _heap(page: Page) -> float:
    """MB of JavaScript objects that are reachable."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")) / 1e6
