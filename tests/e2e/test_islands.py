"""The islands of the run page: curves and log, driven as a person drives them; the charts are asked by `state()`."""

import math
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from reports import Tell, running
from rest import Rest
from waiting import wait_for

from app.runs.logfile import LogWriter
from danlu.events import EventWriter

pytestmark = pytest.mark.browser
STEPS = 300
HIDE = """hidden => {
  Object.defineProperty(document, "visibilityState", { value: hidden ? "hidden" : "visible", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def trained(rest: Rest) -> tuple[dict[str, Any], Tell]:
    """A running run with 300 steps of two tags, one of which has a hole."""
    run, tell = running(rest)
    with EventWriter(rest.folder(run)) as writer:
        for step in range(STEPS):
            writer.scalar("loss", math.nan if step == 100 else math.exp(-step / 80), step)
            writer.scalar("acc/val", 1 - math.exp(-step / 60), step)
    return run, tell


def state(page: Page, island: str = "danlu-curves") -> dict[str, Any]:
    found: dict[str, Any] = page.locator(island).evaluate("island => island.state()")
    return found


def open_run(page: Page, run: dict[str, Any], query: str = "") -> None:
    page.goto(f"/runs/{run['id']}{query}")
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    for island in ("danlu-curves", "danlu-log"):
        expect(page.locator(island)).to_have_attribute("data-ready", "1", timeout=30_000)


def test_curves_zoom_smooth_and_are_linked_to(page: Page, rest: Rest) -> None:
    run, _ = trained(rest)
    open_run(page, run)
    assert state(page)["points"] == {"acc/val": [STEPS], "loss": [STEPS]}
    expect(page.get_by_role("img", name="Line chart of loss. 300 points")).to_be_visible()

    over = page.locator('[data-tag="loss"] .curve-over')
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    hover = state(page)["hover"]
    assert hover["tag"] == "loss"
    assert abs(hover["values"][0]["step"] - STEPS / 2) < 3
    expect(page.locator(".tip")).to_contain_text(f"step {hover['values'][0]['step']}")
    expect(page.locator('[data-tag="acc/val"] .curve-value.at')).to_be_visible()

    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40)
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 40)
    page.mouse.up()
    low, high = wait_for(lambda: state(page)["zoom"], 5, "the zoom")
    assert 140 < low < 160
    assert 215 < high < 235
    page.get_by_label("Smoothing").fill("0.6")
    page.get_by_role("button", name="Log y").click()
    page.wait_for_url(re.compile(r"\?sm=0\.6&logy=1&z=[\d.~]+$"))
    page.reload()
    again = wait_for(lambda: state(page) if state(page)["drawn"] else None, 20, "the curves of the link")
    assert (again["smoothing"], again["logY"]) == (0.6, True)
    assert again["zoom"] == pytest.approx([low, high], rel=1e-5)
    page.locator('[data-tag="loss"] .curve-plot').press("0")
    assert state(page)["zoom"] is None


def test_curves_without_a_mouse(page: Page, rest: Rest) -> None:
    run, _ = trained(rest)
    open_run(page, run)
    plot = page.locator('[data-tag="loss"] .curve-plot')
    plot.press("End")
    assert state(page)["hover"]["values"][0]["step"] == STEPS - 1
    plot.press("ArrowLeft")
    expect(page.locator("danlu-curves > div > [role=status]").last).to_contain_text(f"at step {STEPS - 2}")
    page.get_by_role("button", name="Zoom in").click()
    assert state(page)["zoom"] is not None
    page.get_by_role("button", name="Show everything (0)").click()
    assert state(page)["zoom"] is None
    page.get_by_role("button", name="More about loss").click()
    page.get_by_role("menuitem", name="View as table").click()
    table = page.get_by_role("region", name="Points of loss")
    expect(table.get_by_role("row")).to_have_count(STEPS + 1)
    expect(table.get_by_role("row", name="100 NaN", exact=True)).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="More about loss").click()
        page.get_by_role("menuitem", name="Download CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == "run,step,wall_time,value"
    assert len(lines) == STEPS + 1
    assert lines[101].endswith(",NaN")


def test_points_appear_as_they_are_reported(page: Page, rest: Rest) -> None:
    run, tell = trained(rest)
    open_run(page, run)
    tell(STEPS, loss=0.01, new__tag=1.0)
    wait_for(lambda: state(page)["points"].get("loss", [0])[0] > STEPS, 5, "the new point")
    assert "new/tag" in state(page)["tags"]


def test_a_run_without_scalars_says_so(page: Page, rest: Rest) -> None:
    run = rest.submit()
    open_run(page, run)
    expect(page.locator("danlu-curves")).to_contain_text("No scalars yet")
    expect(page.locator("danlu-log")).to_contain_text("No output yet")


def test_output_is_text_and_bars_are_one_line(page: Page, rest: Rest) -> None:
    run, _ = running(rest)
    writer = LogWriter(rest.folder(run), 1 << 20)
    writer.write(b"<img src=x onerror=alert(1)> \x1b[1;31mred\x1b[0m plain \x1b]0;title\x07\n")
    for percent in range(101):
        writer.write(f"\r{percent}% done".encode())
    open_run(page, run)
    lines = page.locator(".log-line")
    expect(lines).to_have_text(["<img src=x onerror=alert(1)> red plain", "100% done"])
    expect(page.locator(".log-line .ansi-1.ansi-bold")).to_have_text("red")
    expect(page.locator("danlu-log img")).to_have_count(0)
    writer.write(b"\r\x1b[Kfinished\nnext\n")
    expect(lines).to_have_text(["<img src=x onerror=alert(1)> red plain", "finished", "next"])
    writer.close()


def test_a_hidden_tab_rests_and_loses_no_line(page: Page, rest: Rest) -> None:
    run, _ = running(rest)
    writer = LogWriter(rest.folder(run), 1 << 20)
    writer.write(b"before\n")
    open_run(page, run)
    hub = rest.served.app.state.hub
    assert len(hub) == 1
    page.evaluate(HIDE, arg=True)
    expect(page.locator("html")).to_have_attribute("data-live", "paused")
    wait_for(lambda: len(hub) == 0, what="the end of the stream")
    writer.write(b"meanwhile\n")
    page.evaluate(HIDE, arg=False)
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    writer.write(b"after\n")
    expect(page.locator(".log-line")).to_have_text(["before", "meanwhile", "after"])
    writer.close()


def test_a_reader_above_the_end_is_left_there(page: Page, rest: Rest) -> None:
    run, _ = running(rest)
    writer = LogWriter(rest.folder(run), 64 << 20)
    writer.write("".join(f"line {n} {'x' * 60}\n" for n in range(9000)).encode())
    open_run(page, run)
    log = page.locator("danlu-log")
    log.scroll_into_view_if_needed()
    assert state(page, "danlu-log")["following"] is True
    scroller = log.get_by_role("log")
    scroller.evaluate("element => { element.scrollTop -= 3000; }")
    wait_for(lambda: not state(page, "danlu-log")["following"], 5, "the end of following")
    at = scroller.evaluate("element => element.scrollTop")
    writer.write(b"new 1\nnew 2\n")
    pill = log.get_by_role("button", name="2 new lines")
    expect(pill).to_be_visible()
    assert scroller.evaluate("element => element.scrollTop") == at

    def first_line() -> bool:
        scroller.evaluate("element => { element.scrollTop = 0; }")
        return bool(state(page, "danlu-log")["top"] == 0)

    wait_for(first_line, 20, "the first line of the log")
    expect(page.locator(".log-line").first).to_contain_text("line 0 ")
    assert state(page, "danlu-log")["lines"] <= 5200
    log.get_by_role("button", name="↓").click()
    expect(page.locator(".log-line").last).to_have_text("new 2")
    log.get_by_label("Find in the output shown").fill("line 8999")
    expect(log.locator("output")).to_have_text("1 of 1")
    writer.close()
