"""Chromium: from the navigation to the first chart."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
