"""The table of an experiment: it filters while one types, selects without jumping, and keeps the focus."""

import re

import pytest
from browsing import OpenPage, Watch
from playwright.sync_api import Locator, Page, Route, expect
from rest import Rest
from scenes import furnished, report, running

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState

pytestmark = pytest.mark.browser

FAILED = 2
"""How many of the furnished runs have failed."""
LONG = "丹炉🔥 مرحبا " + "long" * 45


def opened(page: Page, path: str = "/experiments/exp") -> Page:
    """The page, with its rows."""
    page.goto(path)
    expect(page.locator("danlu-runs")).to_have_attribute("data-ready", "1")
    return page


def filter_box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Filter runs")


def test_it_filters_while_one_types_and_the_address_holds_it(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page)
    rows = page.locator("danlu-runs tbody tr")
    expect(rows).to_have_count(6)
    filter_box(page).fill("glow")
    expect(rows).to_have_count(1)
    expect(filter_box(page)).to_be_focused()
    page.wait_for_url("**/experiments/exp?q=glow")
    rest.submit(recipe="rings", name="glow worm")
    expect(rows).to_have_count(2)
    rest.submit(recipe="rings", name="other")
    filter_box(page).fill("")
    expect(rows).to_have_count(8)
    page.wait_for_url("**/experiments/exp")
    filter_box(page).fill("state:failed or lr:0.01")
    expect(rows).to_have_count(4)
    expect(page.get_by_text("4 of 8")).to_be_visible()
    page.reload()
    expect(rows).to_have_count(4)


def test_a_wrong_filter_says_where_and_keeps_what_is_shown(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page)
    filter_box(page).fill("state:failed id<x")
    expect(page.locator(".wt-error")).to_contain_text("id needs a number, not 'x' at column 17")
    expect(page.locator(".wt-error mark")).to_have_text("x")
    expect(filter_box(page)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("danlu-runs tbody tr")).to_have_count(6)
    filter_box(page).fill("state:failed id>0 name:unlucky")
    expect(page.locator(".wt-error")).to_be_hidden()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(1)


def test_suggestions_are_taken_with_the_keyboard(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page)
    filter_box(page).press_sequentially("sta")
    expect(page.get_by_role("option", name=re.compile("^state"))).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(filter_box(page)).to_have_value("state:")
    expect(page.get_by_role("option", name="failed")).to_be_visible()
    filter_box(page).press_sequentially("fa")
    expect(page.get_by_role("option").first).to_have_text("failed")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(filter_box(page)).to_have_value("state:failed ")
    expect(page.locator("danlu-runs tbody tr")).to_have_count(FAILED)


def test_a_state_is_one_click(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page, "/experiments/exp?state=failed")
    expect(filter_box(page)).to_have_value("state:failed")
    expect(page.locator("danlu-runs tbody tr")).to_have_count(FAILED)
    page.get_by_role("button", name=f"{FAILED} failed").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(6)
    page.get_by_role("button", name="1 running").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(1)
    expect(page.get_by_role("button", name="1 running")).to_have_attribute("aria-pressed", "true")


def test_filters_and_comparing_work_without_scripts(open_page: OpenPage, rest: Rest) -> None:
    furnished(rest)
    page = open_page(javascript=False)
    page.goto("/experiments/exp")
    page.get_by_label("State", exact=True).select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(FAILED)
    page.goto("/experiments/exp?q=lr<x or")
    expect(page.locator("#q-error")).to_contain_text("a term is missing at column 8")
    page.goto("/experiments/exp?sort=owner,-params.lr")
    page.locator("tbody input").nth(0).check()
    page.locator("tbody input").nth(1).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
    expect(page.get_by_role("rowheader", name="optimizer")).to_be_visible()


def test_a_first_tick_moves_no_row_and_clear_takes_all_back(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page)
    boxes = page.locator("danlu-runs tbody input[type=checkbox]")
    before = boxes.nth(0).bounding_box()
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    assert boxes.nth(0).bounding_box() == before
    boxes.nth(2).focus()
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.wait_for_url(re.compile(r"sel=\d+,\d+,\d+"))
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_role("link", name="Compare")).to_be_hidden()
    expect(page.get_by_role("checkbox", name="Select all runs")).to_be_focused()
    filter_box(page).fill("no such run")
    expect(page.get_by_text("No run of this experiment matches.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(6)


def test_cancel_shows_at_once_and_a_refusal_puts_it_back(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("500")
    run_id, _ = running(rest)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/cancel", hold)
    opened(page)
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
    opened(page)
    expect(page).to_have_title("● 1 running · exp · Danlu")
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    with rest.served.db.write() as session:
        queue.finish(session, run_id, token, Reason.COMPLETED, now=utcnow())
    expect(page).to_have_title("exp · Danlu")


def test_sorting_groups_and_columns_are_in_the_address(page: Page, rest: Rest) -> None:
    for place, (lr, optimizer) in enumerate([(0.1, "adam"), (0.01, "sgd"), (0.1, "sgd"), (0.5, "adam")]):
        run = rest.submit(recipe="rings", params={"lr": lr, "optimizer": optimizer}, name=f"run {place}")
        rest.bring(run["id"], RunState.SUCCEEDED)
    opened(page)
    names = page.locator("danlu-runs tbody tr .wt-name a")
    head = page.get_by_role("columnheader", name=re.compile("^lr"))
    head.locator(".wt-sort").click()
    expect(names).to_have_text(["run 3", "run 2", "run 0", "run 1"])
    expect(head).to_have_attribute("aria-sort", "descending")
    page.get_by_role("columnheader", name=re.compile("^optimizer")).locator(".wt-sort").click(
        modifiers=["Shift"]
    )
    expect(names).to_have_text(["run 3", "run 2", "run 0", "run 1"])
    page.wait_for_url(re.compile(r"sort=-params.lr,-params.optimizer"))
    page.get_by_role("button", name="Group").click()
    page.get_by_role("menuitemcheckbox", name="optimizer").click()
    expect(page.locator("danlu-runs tbody .wt-opener b")).to_have_text(["adam", "sgd"])
    expect(page.locator("danlu-runs tbody tr").nth(0)).to_contain_text("0.3 ± 0.28284")
    page.locator("danlu-runs tbody .wt-opener").nth(1).click()
    expect(names).to_have_text(["run 2", "run 1"])
    page.go_back()
    expect(names).to_have_count(4)
    page.go_forward()
    expect(page.locator("danlu-runs tbody .wt-opener")).to_have_count(2)
    page.reload()
    expect(page.locator("danlu-runs tbody .wt-opener b")).to_have_text(["adam", "sgd"])


def test_columns_are_chosen_moved_pinned_and_hidden(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page)

    def shown() -> list[str]:
        columns: list[str] = page.evaluate("document.querySelector('danlu-runs').shown().columns")
        return columns

    first = shown()
    assert {"state", "progress", "params.lr", "metrics.val_acc.last"} <= set(first)
    page.get_by_role("button", name="Columns").click()
    panel = page.get_by_role("dialog", name="Columns")
    panel.get_by_role("searchbox").fill("seed")
    panel.get_by_role("checkbox", name="Seed").check()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Columns")).to_be_focused()
    assert shown() == [*first, "seed"]
    head = page.get_by_role("columnheader", name=re.compile("^Seed"))
    head.locator(".wt-sort").focus()
    page.keyboard.press("Alt+ArrowLeft")
    assert shown()[-2:] == ["seed", first[-1]]
    expect(head.locator(".wt-sort")).to_be_focused()
    head.locator(".wt-sort").click(button="right")
    page.get_by_role("menuitemcheckbox", name="Pin").click()
    assert shown()[0] == "seed"
    page.get_by_role("columnheader", name=re.compile("^val_acc")).locator(".wt-sort").click(button="right")
    page.get_by_role("menuitemcheckbox", name="Largest value").click()
    assert "metrics.val_acc.max" in shown()
    expect(page.get_by_role("gridcell", name="0.9", exact=True)).to_be_visible()
    page.get_by_role("button", name="Differences").click()
    assert "params.optimizer" not in shown()
    page.reload()
    expect(page.locator("danlu-runs")).to_have_attribute("data-ready", "1")
    assert shown()[0] == "seed"


def test_thousands_of_rows_are_a_window_on_them(page: Page, rest: Rest) -> None:
    for number in range(60):
        rest.submit(name=f"run {number}")
    opened(page)
    rows = page.locator("danlu-runs tbody tr")
    table = page.get_by_role("grid", name="Runs")
    expect(table).to_have_attribute("aria-rowcount", "61")
    assert rows.count() < 40
    page.locator("danlu-runs tbody input").first.focus()
    page.keyboard.press("End")
    expect(page.get_by_role("checkbox", name="Select run 0 #1")).to_be_focused()
    expect(page.get_by_role("checkbox", name="Select run 0 #1")).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(page.get_by_role("checkbox", name="Select run 59 #60")).to_be_focused()
    page.get_by_role("checkbox", name="Select all runs").check()
    expect(page.get_by_text("60 selected")).to_be_visible()


def test_new_runs_wait_behind_a_pill_while_somebody_points_at_the_rows(page: Page, rest: Rest) -> None:
    ids = furnished(rest)
    opened(page)
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    row = page.locator(f"#run-{ids['running']}")
    row.hover()
    before = row.bounding_box()
    made = [rest.submit(recipe="rings", name=f"newcomer {number}") for number in range(2)]
    pill = page.get_by_role("button", name="2 new runs")
    expect(pill).to_be_visible()
    assert row.bounding_box() == before
    pill.click()
    expect(page.get_by_role("checkbox", name=f"Select newcomer 1 #{made[1]['id']}")).to_be_focused()
    rest.post(f"/runs/{made[0]['id']}/cancel")
    expect(page.locator(f"#run-{made[0]['id']} .chip")).to_have_text("cancelled")


def test_long_names_and_tags_widen_no_page(open_page: OpenPage, rest: Rest) -> None:
    named = rest.submit(recipe="rings", name=LONG, tags=["y" * 60, "ok"])["id"]
    other, token = running(rest)
    report(rest, other, token, epoch=5)
    for width in (390, 1280):
        page = open_page(width=width)
        for path in ("/", "/experiments/exp", f"/runs/{named}", f"/compare?run={named}&run={other}"):
            page.goto(path)
            expect(page.locator("main h1").first).to_be_visible()
            if "compare" in path or "experiments" in path:
                expect(page.locator("danlu-runs")).to_have_attribute("data-ready", "1")
                expect(page.locator(".curve-legend button").first).to_be_attached()
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (width, path)
