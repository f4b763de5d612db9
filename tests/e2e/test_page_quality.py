"""Every page: no accessibility violation in either theme, no sideways scroll on a phone, no complaint in the console."""

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from rest import Rest
from scenes import NASTY, furnished

pytestmark = pytest.mark.browser

PAGES = {
    "experiments": "/",
    "runs": "/experiments/exp",
    "new run": "/runs/new?recipe=rings",
    "new script": "/runs/new/script",
    "queued": "/runs/{queued}",
    "running": "/runs/{running}",
    "failed": "/runs/{failed}",
    "crashed": "/runs/{crashed}",
    "queue": "/queue",
    "workers": "/workers",
    "compare": "/compare?run={running}&run={succeeded}",
    "nothing to compare": "/compare",
    "missing": "/runs/999999",
}


@pytest.fixture
def ids(rest: Rest) -> dict[str, int]:
    return furnished(rest)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_an_accessibility_violation(
    open_page: OpenPage, ids: dict[str, int], theme: str, watch: Watch
) -> None:
    watch.allow("404")
    watch.allow("Applying inline style")  # by axe; the test below sees the same pages without it
    page = open_page(theme=theme)
    found = {}
    for name, path in PAGES.items():
        page.goto(path.format(**ids))
        expect(page.locator("main h1").first).to_be_visible()
        found[name] = violations(page, theme=theme)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_no_page_scrolls_sideways_on_a_phone(open_page: OpenPage, ids: dict[str, int], watch: Watch) -> None:
    watch.allow("404")
    page = open_page(width=390, height=844)
    found = {}
    for name, path in PAGES.items():
        page.goto(path.format(**ids))
        expect(page.locator("main h1").first).to_be_visible()
        found[name] = overflow(page)
    assert {name: wide for name, wide in found.items() if wide > 0} == {}


def test_what_a_user_typed_is_text_everywhere(page: Page, ids: dict[str, int]) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto("/experiments/exp")
    expect(page.get_by_role("link", name=NASTY)).to_be_visible()
    page.get_by_role("link", name=NASTY).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(NASTY)
    page.goto(f"/runs/{ids['failed']}")
    expect(page.get_by_label("Why it failed")).to_contain_text(NASTY)
    assert page.locator("img[src=x]").count() == 0


def test_a_traceback_is_shown_first_with_the_failing_line(page: Page, ids: dict[str, int]) -> None:
    page.goto(f"/runs/{ids['crashed']}")
    why = page.get_by_label("Why it failed")
    expect(why.locator(".traceback > p")).to_have_text(f"ValueError: {NASTY}")
    failing = why.locator(".failing")
    expect(failing.locator("figcaption")).to_have_text("train.py, line 20, in back")
    expect(failing.locator("li")).to_have_count(7)
    expect(failing.locator("li.at code")).to_contain_text("raise ValueError")
    assert page.locator("img[src=x]").count() == 0
    # The rest is folded, what libraries did once more.
    library = why.get_by_text("torch/fx.py, line 9")
    expect(library).to_be_hidden()
    why.get_by_text("The way there: 4 calls").click()
    expect(library).to_be_hidden()
    why.get_by_text("2 in libraries").click()
    expect(library).to_be_visible()
    why.get_by_text("The traceback as printed").click()
    expect(why.locator("pre")).to_contain_text("Traceback (most recent call last):")
    expect(why.locator("pre")).not_to_contain_text("it/s")


def test_a_failed_run_shows_its_reason_and_last_lines_first(page: Page, ids: dict[str, int]) -> None:
    page.goto(f"/runs/{ids['failed']}")
    why = page.get_by_label("Why it failed")
    expect(why).to_contain_text("Exception: ValueError")
    expect(page.get_by_label("Last lines of the output")).to_contain_text("Traceback")
    top = why.bounding_box()
    curves = page.get_by_role("heading", name="Curves").bounding_box()
    assert top is not None
    assert curves is not None
    assert top["y"] < curves["y"]


def test_the_theme_is_kept_without_a_flash(page: Page) -> None:
    page.goto("/")
    switch = page.get_by_role("button", name="Colour theme: system")
    switch.click()
    page.get_by_role("button", name="Colour theme: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    with page.expect_response("**/workers") as answer:
        page.get_by_role("link", name="Workers", exact=True).click()
    assert 'data-theme="dark"' in answer.value.text(), "the server renders it"


def test_an_empty_home_teaches_how_to_begin(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Start your first run")).to_be_visible()
    expect(page.locator("#first-curl")).to_contain_text("/api/v1/runs")
    page.get_by_role("region", name="Command").focus()


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.goto("/workers")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
