"""From ticked runs to TensorBoard on exactly these, with what is seen carried over."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from boards import write_scalars
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from rest import Rest
from test_runs_table import opened

from app.runs.words import RunState

pytestmark = pytest.mark.browser


def ended(rest: Rest, experiment: str, name: str) -> dict[str, Any]:
    run = rest.submit(experiment=experiment, recipe="rings", name=name)
    rest.bring(run["id"], RunState.SUCCEEDED)
    write_scalars(rest.folder(run), "loss/train", 20)
    return run


def board_of(page: Page) -> Page:
    """Press the button, and the page that it opens, with TensorBoard in it."""
    with page.context.expect_page() as opened_tab:
        page.get_by_role("group", name="Selected runs").get_by_role("button", name="TensorBoard").click()
    board = opened_tab.value
    expect(board.get_by_role("textbox", name="Filter runs (regex)")).to_be_visible(timeout=90_000)
    return board


def test_two_of_five_runs_of_several_experiments(page: Page, rest: Rest) -> None:
    runs = [ended(rest, "a" if number < 3 else "b", f"run {number}") for number in range(5)]
    chosen = (runs[1], runs[4])
    everything = "&".join(f"run={run['id']}" for run in runs)
    opened(page, f"/compare?{everything}&sm=0.9&sel={chosen[0]['id']},{chosen[1]['id']}&f=loss")
    board = board_of(page)
    board.wait_for_url(re.compile(r"/tensorboard/[0-9a-f]{16}/.*#timeseries"), timeout=60_000)
    base = urlsplit(board.url).path
    names = sorted(f"{run['experiment']}/{run['slug']}" for run in chosen)
    expect(board.get_by_text(names[0]).first).to_be_visible(timeout=60_000)
    assert sorted(rest.http.get(f"{base}data/runs").json()) == names
    assert sorted(rest.http.get(f"{base}data/plugin/scalars/tags").json()) == names
    expect(board.get_by_text(names[1]).first).to_be_visible()
    for run in runs:
        if run not in chosen:
            expect(board.get_by_text(run["slug"])).to_have_count(0)
    asked = parse_qs(urlsplit(board.url).query)
    assert (asked["smoothing"], asked["darkMode"], asked["tagFilter"]) == (["0.9"], ["false"], ["loss"])


def test_within_a_small_experiment_its_own_board_is_filtered(open_page: OpenPage, rest: Rest) -> None:
    page = open_page(theme="dark")
    runs = [ended(rest, "exp", f"run {number}") for number in range(5)]
    opened(page, f"/experiments/exp?sel={runs[0]['id']},{runs[3]['id']}")
    board = board_of(page)
    board.wait_for_url(re.compile(r"/experiments/exp/tensorboard/.*#timeseries"), timeout=60_000)
    rows = board.locator(
        "runs-data-table tb-data-table-content-row, tbody tr.run-row, tb-data-table-content-cell"
    )
    expect(rows.filter(has_text=runs[0]["slug"]).first).to_be_visible(timeout=60_000)
    expect(rows.filter(has_text=runs[3]["slug"]).first).to_be_visible()
    for hidden in (runs[1], runs[2], runs[4]):
        expect(rows.filter(has_text=hidden["slug"])).to_have_count(0)
    asked = parse_qs(urlsplit(board.url).query)
    assert asked["runFilter"] == [f"^({runs[0]['slug']}|{runs[3]['slug']})(/|$)"]
    assert asked["darkMode"] == ["true"]
    expect(board.locator("body.dark-mode")).to_have_count(1)


def test_a_run_that_is_gone_is_said_and_no_tab_stays(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("404")
    one, two = ended(rest, "exp", "one"), ended(rest, "exp", "two")
    opened(page, f"/experiments/exp?sel={one['id']},{two['id']}")
    page.route(
        "**/collections",
        lambda route: route.fulfill(status=404, json={"error": "not_found", "detail": "There is no run 2."}),
    )
    page.get_by_role("group", name="Selected runs").get_by_role("button", name="TensorBoard").click()
    expect(page.get_by_text("There is no run 2.")).to_be_visible()
    assert page.context.pages == [page]
