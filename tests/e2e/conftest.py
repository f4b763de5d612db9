"""Chromium on a real server. Every test also fails on a console error, a refused resource or a script error."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import OpenPage, Watch
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rest import Rest, resting

from app.config import Settings, load_settings

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
CANDIDATES = ("chromium", "chromium-browser", "google-chrome")
TRACES = Path("test-results")


def chromium() -> str | None:
    """Path of a Chromium: DANLU_CHROMIUM as it was at the start, else the first one of this machine."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in CANDIDATES if (found := shutil.which(name))), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    executable = chromium()
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a browser: install the package chromium, or set CHROMIUM to its path")
        pytest.skip("no Chromium found: install the package chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def e2e_settings(home: Path) -> Settings:
    """A home on SQLite."""
    return load_settings(home=home, port=0)


@pytest.fixture
def rest(e2e_settings: Settings) -> Iterator[Rest]:
    """A served home without a login, with two recipes and one live worker."""
    with resting(e2e_settings) as served:
        yield served


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures see whether their test failed, for the trace."""
    report = yield
    setattr(item, f"report_{report.when}", report)
    return report


@pytest.fixture
def watch() -> Watch:
    """What the pages of this test complained about."""
    return Watch()


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, browser: Browser, watch: Watch, rest: Rest
) -> Iterator[OpenPage]:
    """Makes pages in contexts of their own: `open_page(width=390, theme="dark")`; keeps a trace of a failed test.

    It comes after the server, so that its pages and their streams are closed before that.
    """
    contexts: list[BrowserContext] = []

    def make(
        *,
        width: int = 1280,
        height: int = 860,
        theme: str = "light",
        base: str = rest.served.url,
        javascript: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            timezone_id="UTC",
            locale="en-US",
            base_url=base,
            java_script_enabled=javascript,
        )
        context.tracing.start(snapshots=True)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        return page

    yield make
    report = getattr(request.node, "report_call", None)
    for number, context in enumerate(contexts):
        if report is not None and report.failed:
            TRACES.mkdir(exist_ok=True)
            context.tracing.stop(path=TRACES / f"{request.node.name}-{number}.zip")
        context.close()
    assert watch.rest() == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page on the served home, on a laptop's screen."""
    return open_page()
