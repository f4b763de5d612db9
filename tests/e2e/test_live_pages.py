"""Pages move by themselves, and nothing that a person is doing on them is lost by it."""

import psutil
import pytest
from browsing import Watch
from playwright.sync_api import Page, expect
from rest import Rest
from scenes import failed, furnished, report, running
from waiting import wait_for

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState

pytestmark = pytest.mark.browser


def open_live(page: Page, path: str) -> None:
    """Go there and wait for the live stream."""
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-live", "open")


def test_a_run_page_follows_its_run_to_the_end(page: Page, rest: Rest) -> None:
    run_id, token = running(rest)
    open_live(page, f"/runs/{run_id}")
    expect(page.locator("#run-head .chip")).to_have_text("running")
    expect(page.locator("#progress")).to_contain_text("epoch 4 of 10")
    report(rest, run_id, token, epoch=7)
    expect(page.locator("#progress")).to_contain_text("epoch 7 of 10")
    with rest.served.db.write() as session:
        queue.finish(session, run_id, token, Reason.COMPLETED, now=utcnow())
    expect(page.locator("#run-head .chip")).to_have_text("succeeded")
    expect(page.locator("#run-timeline")).to_contain_text("completed")
    expect(page).to_have_title(f"✓ glowing #{run_id} · Danlu")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_rows_move_while_ticks_and_focus_stay(page: Page, rest: Rest) -> None:
    ids = furnished(rest)
    open_live(page, "/experiments/exp")
    tick = page.get_by_role("checkbox", name=f"Select glowing #{ids['running']}")
    tick.focus()
    page.keyboard.press("Space")
    made = rest.submit(recipe="rings", name="newcomer")
    page.get_by_role("button", name="1 new run").wait_for()
    expect(tick).to_be_checked()
    expect(tick).to_be_focused()
    rest.post(f"/runs/{ids['queued']}/cancel")
    expect(page.locator(f"#run-{ids['queued']} .chip")).to_have_text("cancelled")
    expect(tick).to_be_focused()
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.get_by_role("button", name="1 new run").click()
    expect(page.locator(f"#run-{made['id']} .chip")).to_have_text("queued")


def test_shift_click_takes_a_range_and_compare_gets_it(page: Page, rest: Rest) -> None:
    furnished(rest)
    page.goto("/experiments/exp")
    boxes = page.locator("danlu-runs tbody input[type=checkbox]")
    boxes.nth(0).click()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(page.get_by_text("4 selected")).to_be_visible()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare 4 runs")).to_be_visible()


def test_cancel_from_the_page(page: Page, rest: Rest) -> None:
    run_id, token = running(rest)
    open_live(page, f"/runs/{run_id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#run-head .chip")).to_have_text("stopping")
    with rest.served.db.write() as session:
        queue.finish(session, run_id, token, Reason.CANCELLED_BY_USER, now=utcnow())
    expect(page.locator("#run-head .chip")).to_have_text("cancelled")


def test_cancel_from_the_table(page: Page, rest: Rest) -> None:
    run = rest.submit(recipe="rings", name="waiting")
    open_live(page, "/experiments/exp")
    page.locator(f"#run-{run['id']}").get_by_role("button", name="Cancel").click()
    expect(page.locator(f"#run-{run['id']} .chip")).to_have_text("cancelled")


def test_delete_asks_first_and_escape_keeps(page: Page, rest: Rest) -> None:
    run_id = failed(rest)
    page.goto(f"/runs/{run_id}")
    opener = page.get_by_role("button", name="Delete")
    opener.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/experiments/exp")
    expect(page.locator("#toasts")).to_contain_text("was deleted")
    assert rest.get(f"/runs/{run_id}").status_code == 404


def test_retry_opens_the_new_run(page: Page, rest: Rest) -> None:
    run = rest.submit(recipe="rings")
    rest.bring(run["id"], RunState.SUCCEEDED)
    page.goto(f"/runs/{run['id']}")
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url(f"**/runs/{run['id'] + 1}")
    expect(page.locator("#run-head .chip")).to_have_text("queued")


def test_curves_and_output_are_on_the_page(page: Page, rest: Rest) -> None:
    run_id, _ = running(rest)
    open_live(page, f"/runs/{run_id}")
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1", timeout=30_000)
    expect(page.locator("danlu-curves canvas").first).to_be_visible()
    expect(page.locator("danlu-log")).to_contain_text("epoch 2")


def test_tensorboard_opens_inside_the_page(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("/experiments/exp/tensorboard/")  # its own warnings are not ours
    running(rest)
    page.goto("/experiments/exp?tab=tensorboard")
    expect(page.get_by_text("Starting TensorBoard")).to_be_visible()
    expect(page.locator("danlu-board")).to_have_attribute("data-state", "ready", timeout=60_000)
    inside = page.frame_locator("iframe[title=TensorBoard]")
    expect(inside.get_by_text("Time Series").first).to_be_visible(timeout=60_000)


def test_tensorboard_comes_back_by_itself_when_it_dies(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("/experiments/exp/tensorboard")
    running(rest)
    page.goto("/experiments/exp?tab=tensorboard")
    board = page.locator("danlu-board")
    expect(board).to_have_attribute("data-state", "ready", timeout=60_000)
    status = "/experiments/exp/tensorboard"
    before = rest.get(status).json()["pid"]
    psutil.Process(before).kill()
    wait_for(lambda: rest.get(status).json()["pid"] not in (None, before), 30, "another TensorBoard")
    expect(board).to_have_attribute("data-state", "ready", timeout=60_000)
    inside = page.frame_locator("iframe[title=TensorBoard]")
    expect(inside.get_by_text("Time Series").first).to_be_visible(timeout=60_000)
