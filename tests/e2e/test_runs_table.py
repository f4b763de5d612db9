"""The table of an experiment: it filters while one types, selects without jumping, and keeps the focus."""

import pytest
from browsing import OpenPage, Watch
from playwright.sync_api import Page, Route, expect
from rest import Rest
from scenes import furnished, report, running

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason

pytestmark = pytest.mark.browser

LONG = "丹炉🔥 مرحبا " + "long" * 45


def test_it_filters_while_one_types_and_the_address_holds_it(page: Page, rest: Rest) -> None:
    furnished(rest)
    page.goto("/experiments/exp")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(5)
    search = page.get_by_role("searchbox", name="Search in names and notes")
    search.fill("glow")
    expect(rows).to_have_count(1)
    expect(search).to_be_focused()
    page.wait_for_url("**/experiments/exp?q=glow")
    rest.submit(recipe="rings", name="glow worm")
    expect(rows).to_have_count(2)
    rest.submit(recipe="rings", name="other")
    search.fill("")
    expect(rows).to_have_count(7)
    page.wait_for_url("**/experiments/exp")
    page.get_by_label("State", exact=True).select_option("failed")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)


def test_filters_work_without_scripts(open_page: OpenPage, rest: Rest) -> None:
    furnished(rest)
    page = open_page(javascript=False)
    page.goto("/experiments/exp")
    page.get_by_label("State", exact=True).select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_first_tick_moves_no_row_and_clear_takes_all_back(page: Page, rest: Rest) -> None:
    furnished(rest)
    page.goto("/experiments/exp")
    boxes = page.locator("tbody input[type=checkbox]")
    before = boxes.nth(0).bounding_box()
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    assert boxes.nth(0).bounding_box() == before
    boxes.nth(2).focus()
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("link", name="Compare")).to_be_hidden()
    expect(page.get_by_role("checkbox", name="Select all runs")).to_be_focused()
    boxes.nth(0).check()
    page.get_by_role("searchbox").fill("no such run")
    expect(page.get_by_text("No run of this experiment matches.")).to_be_visible()
    expect(page.get_by_role("link", name="Compare")).to_be_hidden()


def test_cancel_shows_at_once_and_a_refusal_puts_it_back(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("500")
    run_id, _ = running(rest)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/cancel", hold)
    page.goto("/experiments/exp")
    chip = page.locator(f"#run-{run_id} .chip")
    page.locator(f"#run-{run_id}").get_by_role("button", name="Cancel").click()
    expect(chip).to_have_text("stopping")
    held[0].fulfill(status=500, body="")
    expect(chip).to_have_text("running")


def test_the_focus_stays_near_when_a_button_goes_away(page: Page, rest: Rest) -> None:
    run_id, token = running(rest)
    page.goto(f"/runs/{run_id}")
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    page.get_by_role("button", name="Cancel").focus()
    with rest.served.db.write() as session:
        queue.finish(session, run_id, token, Reason.COMPLETED, now=utcnow())
    expect(page.get_by_role("link", name="Clone and edit")).to_be_focused()


def test_the_tab_says_how_many_run(page: Page, rest: Rest) -> None:
    run_id, token = running(rest)
    page.goto("/experiments/exp")
    expect(page).to_have_title("● 1 running · exp · Danlu")
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    with rest.served.db.write() as session:
        queue.finish(session, run_id, token, Reason.COMPLETED, now=utcnow())
    expect(page).to_have_title("exp · Danlu")


def test_long_names_and_tags_widen_no_page(open_page: OpenPage, rest: Rest) -> None:
    named = rest.submit(recipe="rings", name=LONG, tags=["y" * 60, "ok"])["id"]
    other, token = running(rest)
    report(rest, other, token, epoch=5)
    for width in (390, 1280):
        page = open_page(width=width)
        for path in ("/", "/experiments/exp", f"/runs/{named}", f"/compare?run={named}&run={other}"):
            page.goto(path)
            expect(page.locator("main h1").first).to_be_visible()
            if "compare" in path:
                expect(page.locator(".curve-legend button").first).to_be_visible()
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (width, path)
