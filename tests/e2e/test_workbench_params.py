"""The pane of hyper-parameters: parallel coordinates, scatter, importance, with the mouse and without it."""

import math
import re
from typing import Any

import pytest
from accessibility import overflow, violations
from browsing import OpenPage
from playwright.sync_api import Page, expect
from rest import Rest
from waiting import wait_for

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary

RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]


@pytest.fixture
def swept(rest: Rest) -> list[int]:
    """Eight runs, the last one without a metric."""
    found = []
    for number, lr in enumerate(RATES):
        params = {"lr": lr, "optimizer": ("adam", "sgd")[number % 2], "depth": number // 3, "batch": 8}
        run = rest.submit(params=params, name=f"run {number}")["id"]
        token = rest.bring(run, RunState.RUNNING)
        assert token is not None
        loss = abs(math.log10(lr) + 2)
        summary = MetricSummary(
            "loss/val", step=9, last=loss, min=loss / 2, max=loss + 1, min_step=1, max_step=2, count=10
        )
        with rest.served.db.write() as session:
            metrics = [summary] if number < 7 else []
            workers.report(session, run, token, now=utcnow(), progress={}, metrics=metrics)
        with rest.served.db.write() as session:
            queue.finish(session, run, token, Reason.COMPLETED, now=utcnow())
        found.append(run)
    return found


def open_pane(page: Page, query: str = "") -> None:
    page.goto(f"/experiments/exp?pane=params{query}")
    page.wait_for_selector("#pane-params [data-ready]")


def weighed(page: Page) -> None:
    """Wait for the importances: the first question imports scikit-learn."""
    page.wait_for_selector('section[aria-label="Importance"][data-ready]', timeout=60_000)


def card(page: Page, place: int) -> dict[str, Any]:
    shown: dict[str, Any] = page.evaluate(
        "place => document.querySelector('#pane-params').board.cards[place].shown", place
    )
    return shown


def axes(page: Page) -> list[str]:
    return [axis["name"] for axis in card(page, 0)["axes"]]


def inside(page: Page) -> list[int]:
    return sorted(card(page, 0)["inside"])


def at_axis(page: Page, place: int, height: float) -> tuple[float, float]:
    """A point of an axis, from 0 at its lower end to 1."""
    plot = page.locator(".by-axes")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    reach = page.locator(".by-reach").nth(place).bounding_box()
    assert reach is not None
    return box["x"] + card(page, 0)["xs"][place], reach["y"] + 8 + (1 - height) * (reach["height"] - 16)


def test_a_brush_filters_the_table_and_is_in_the_address(page: Page, swept: list[int]) -> None:
    open_pane(page)
    assert set(axes(page)) == {"params.lr", "params.optimizer", "params.depth", "metrics.loss/val.last"}
    assert {axis["name"]: axis["log"] for axis in card(page, 0)["axes"]}["params.lr"] is True
    place = axes(page).index("params.lr")
    page.mouse.move(*at_axis(page, place, 0.2))
    page.mouse.down()
    page.mouse.move(*at_axis(page, place, 0.5))
    page.mouse.move(*at_axis(page, place, 0.7))
    page.mouse.up()
    expected = [run for run, lr in zip(swept, RATES, strict=True) if 0.0005 < lr < 0.027]
    wait_for(lambda: inside(page) == expected, 5, "the runs inside the brush")
    expect(page.get_by_text("3 of 8 runs are inside the brushes")).to_be_visible()
    expect(page.get_by_text("3 of 8, brushed")).to_be_visible()
    expect(page.locator(".wb-runs").get_by_text("run 7", exact=True)).to_have_count(0)
    expect(page.locator(".wb-runs").get_by_text("run 3", exact=True)).to_be_visible()
    page.wait_for_url(re.compile(r"[?&]br=params\.lr~[\d.]+~[\d.]+"))
    page.reload()
    page.wait_for_selector("#pane-params [data-ready]")
    wait_for(lambda: inside(page) == expected, 5, "the same after a reload")
    page.mouse.click(*at_axis(page, place, 0.5))
    wait_for(lambda: len(inside(page)) == 8, 5, "the brush to go")


def test_everything_about_an_axis_without_a_mouse(page: Page, swept: list[int]) -> None:
    open_pane(page)
    title = page.get_by_role("button", name="lr log", exact=True)
    title.press("Enter")
    menu = page.get_by_role("dialog", name="Axis lr")
    menu.get_by_label("From").fill("1e-3")
    menu.get_by_label("To").fill("0.1")
    menu.get_by_label("To").press("Tab")
    wait_for(lambda: inside(page) == swept[2:7], 5, "the range that was typed")
    menu.get_by_role("button", name="Linear scale").press("Enter")
    wait_for(lambda: not card(page, 0)["axes"][axes(page).index("params.lr")]["log"], 5, "a linear axis")
    before = axes(page)
    place = before.index("params.lr")
    page.locator('.by-title[data-name="params.lr"]').press("Alt+ArrowRight")
    moved = [*before[:place], before[place + 1], "params.lr", *before[place + 2 :]]
    wait_for(lambda: axes(page) == moved, 5, "the axis one place on")
    expect(page.locator('.by-title[data-name="params.lr"]')).to_be_focused()
    page.locator('.by-title[data-name="params.optimizer"]').press("Enter")
    other = page.get_by_role("dialog", name="Axis optimizer")
    other.get_by_label("From").select_option("sgd")
    wait_for(lambda: inside(page) == [swept[3], swept[5]], 5, "sgd alone")
    other.get_by_role("button", name="Remove axis").click()
    wait_for(lambda: "params.optimizer" not in axes(page), 5, "the axis to go")
    page.get_by_role("button", name="Clear brushes").click()
    page.get_by_role("button", name="Reset axes").click()
    wait_for(lambda: axes(page) == before and len(inside(page)) == 8, 5, "everything as at first")
    page.get_by_label("Add an axis").select_option("metrics.loss/val.min")
    wait_for(lambda: axes(page)[-1] == "metrics.loss/val.min", 5, "the new axis")


def test_a_title_is_dragged_to_another_place(page: Page, swept: list[int]) -> None:
    open_pane(page)
    before = axes(page)
    box = page.locator(".by-title").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    xs = card(page, 0)["xs"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y)
    page.mouse.move(x + xs[2] - xs[0], y, steps=6)
    page.mouse.up()
    wait_for(lambda: axes(page) == [before[1], before[2], before[0], *before[3:]], 5, "the order")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_scatter_ticks_runs(page: Page, swept: list[int]) -> None:
    open_pane(page)
    shown = card(page, 1)
    assert (shown["x"], shown["y"], shown["log"]) == ("params.lr", "metrics.loss/val.last", [True, False])
    assert [point["id"] for point in shown["points"]] == swept[:7]
    scatter = page.locator(".by-scatter")
    target = shown["points"][2]
    scatter.click(position={"x": target["x"], "y": target["y"]})
    expect(page.locator(".wb-runs").get_by_role("checkbox", checked=True)).to_have_count(1)
    page.wait_for_url(re.compile(rf"[?&]sel={target['id']}(?:&|$)"))
    scatter.press("Escape")
    scatter.press("ArrowRight")
    scatter.press("ArrowRight")
    assert card(page, 1)["near"] == swept[1]
    scatter.press(" ")
    page.wait_for_url(re.compile(rf"sel={target['id']},{swept[1]}"))
    page.get_by_label("Log x axis").click()
    wait_for(lambda: card(page, 1)["log"] == [False, False], 5, "a linear axis")
    page.get_by_label("Across").select_option("params.optimizer")
    page.get_by_label("Colour", exact=True).select_option("params.lr")
    wait_for(lambda: card(page, 1)["x"] == "params.optimizer", 5, "categories across")
    scatter.press("ArrowRight")
    scatter.press("Enter")
    page.wait_for_url(re.compile(r"/runs/\d+$"))


def test_importance_says_how_few_the_runs_are(page: Page, swept: list[int]) -> None:
    open_pane(page)
    weighed(page)
    section = page.get_by_role("region", name="Importance", exact=True)
    expect(section.get_by_text("Only 7 runs")).to_be_visible()
    expect(section.get_by_role("row")).to_have_count(4)
    section.get_by_role("button", name="depth").click()
    wait_for(lambda: card(page, 1)["x"] == "params.depth", 5, "the scatter of that param")
    open_pane(page, "&br=params.lr~~0.002")
    expect(section.get_by_text("3 runs have this metric; at least 5 are needed")).to_be_visible()
    expect(section.get_by_role("table")).to_have_count(0)


def test_no_runs_and_no_metric(page: Page, rest: Rest) -> None:
    rest.submit(params={"lr": 0.1})
    open_pane(page)
    expect(page.get_by_text("These runs have no metric yet.")).to_be_visible()
    page.goto("/experiments/exp?pane=params&q=name:nobody")
    expect(page.get_by_text("No runs to show")).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_and_a_phone(open_page: OpenPage, swept: list[int], width: int, theme: str) -> None:
    page = open_page(width=width, theme=theme)
    open_pane(page, f"&br=params.lr~0.0002~0.2&sel={swept[3]}")
    weighed(page)
    page.evaluate("document.querySelector('.wb-runs').hidden = true")  # the table has tests of its own
    assert violations(page, theme=theme) == []
    assert overflow(page) <= 0
    page.locator(".by-title").first.press("Enter")
    assert violations(page, theme=theme) == []
