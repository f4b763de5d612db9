"""The workbench where things are odd: runs that go, panes that were out of sight, few points, names like those of JavaScript."""

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from reports import running
from rest import Rest
from waiting import wait_for

from app.runs.words import RunState
from danlu.events import EventWriter

pytestmark = pytest.mark.browser
INK = """tag => {
  const canvas = document.querySelector(`[data-tag=${JSON.stringify(tag)}] .curve-lines`);
  if (!canvas?.width) return 0;
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const { data } = pen.getImageData(0, 0, copy.width, copy.height);
  let found = 0;
  for (let at = 3; at < data.length; at += 4) found += data[at] > 100;
  return found;
}"""
"""Pixels of a chart's lines that can be seen."""


def trained(rest: Rest, points: dict[str, list[float]], **fields: Any) -> int:
    """A run that ended, with these curves."""
    run = rest.submit(**fields)
    with EventWriter(rest.folder(run)) as writer:
        for tag, values in points.items():
            for step, value in enumerate(values):
                writer.scalar(tag, value, step)
    rest.bring(run["id"], RunState.SUCCEEDED)
    return int(run["id"])


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.locator("danlu-curves").evaluate("island => island.state()")
    return found


def compare(page: Page, runs: list[int], **query: str) -> None:
    page.goto("/compare?" + urlencode([*(("run", run) for run in runs), *query.items()]))
    expect(page.locator("danlu-runs")).to_have_attribute("data-ready", "1", timeout=30_000)


def drawn(page: Page) -> None:
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1", timeout=30_000)


def ink(page: Page, tag: str) -> int:
    found: int = page.evaluate(INK, tag)
    return found


def has_point(page: Page, step: int) -> bool:
    """Has the last of the tags this point by now?"""
    return bool(state(page)["points"].get("t5") == [step + 1])


def test_a_run_that_is_deleted_leaves_the_comparison_with_a_word(page: Page, rest: Rest) -> None:
    runs = [trained(rest, {"loss": [3.0 + k, 2.0, 1.0]}, name=f"r{k}") for k in range(3)]
    compare(page, runs)
    drawn(page)
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    assert rest.http.delete(f"/api/v1/runs/{runs[0]}").status_code in {200, 204}
    expect(page.locator(".toast")).to_contain_text(f"r0 #{runs[0]} was deleted meanwhile")
    expect(page.locator(".wt tbody tr")).to_have_count(2)
    wait_for(lambda: state(page)["runs"] == runs[:0:-1], 5, "the two that are left")
    page.get_by_role("button", name="Epoch", exact=True).click()  # everything is fetched anew
    wait_for(lambda: [one["key"] for one in state(page)["lines"]["loss"]] == runs[:0:-1], 5, "their curves")
    expect(page.locator(".curve-message")).to_be_hidden()
    page.reload()
    expect(page.locator("main .banner")).to_contain_text(f"Run #{runs[0]} is not there")
    expect(page.locator("h1")).to_contain_text("2 runs")


def test_a_pane_that_was_out_of_sight_shows_what_was_chosen_meanwhile(page: Page, rest: Rest) -> None:
    runs = [trained(rest, {"loss": [float(k), 9.0 - k]}) for k in (0, 4)]
    compare(page, runs)
    drawn(page)
    both = wait_for(lambda: ink(page, "loss"), 5, "two lines")
    page.get_by_role("tab", name="Parameters").click()
    expect(page.locator("#pane-charts")).to_be_hidden()
    page.get_by_label(f"Select free #{runs[0]}").check()
    wait_for(lambda: f"sel={runs[0]}" in page.evaluate("location.search"), 5, "the address")
    page.get_by_role("tab", name="Charts").click()
    wait_for(lambda: 0 < ink(page, "loss") < 0.7 * both, 5, "one line")
    page.go_back()
    expect(page.get_by_role("tab", name="Parameters")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize(("axis", "theme"), [("step", "light"), ("relative", "dark")])
def test_the_first_points_of_a_run_are_seen_at_once(
    open_page: OpenPage, rest: Rest, axis: str, theme: str
) -> None:
    run, tell = running(rest)
    page = open_page(theme=theme)
    slow = page.context.new_cdp_session(page)
    page.goto(f"/compare?run={run['id']}&x={axis}")
    expect(page.locator("danlu-curves .curve-message")).to_contain_text("No scalars yet")
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 8})  # as on a busy machine
    tags = [f"t{number}" for number in range(6)]
    for step in range(5):
        tell(step, **{tag: 1.0 + step * (place + 1) for place, tag in enumerate(tags)})
        wait_for(partial(has_point, page, step), 10, f"point {step}")
        for tag in tags:
            wait_for(partial(ink, page, tag), 5, f"{tag} after point {step}")
    wait_for(lambda: all(ink(page, tag) > 100 for tag in tags), 10, "lines, not dots")


def test_names_that_every_object_has(page: Page, rest: Rest, watch: Watch) -> None:
    odd = ["__proto__", "constructor", "toString"]
    one = trained(rest, {tag: [2.0, 1.0] for tag in odd}, params={"constructor": 1, "toString": "a"})
    two = trained(rest, {"constructor": [3.0, 1.0]}, params={"lr": 0.1})
    compare(page, [one, two], cols="metrics.__proto__.last,constructor,params.constructor", constructor="1", pc="constructor,params.lr", w="constructor~90")  # fmt: skip
    drawn(page)
    assert set(state(page)["tags"]) == set(odd)
    lines = {line["key"]: line["label"] for line in state(page)["lines"]["constructor"]}
    assert "constructor 1" in lines[one]
    assert "constructor" not in lines[two]
    page.get_by_role("tab", name="Parameters").click()
    expect(page.locator(".by-params")).to_have_attribute("data-ready", "1")
    expect(page.locator(".by-title")).to_have_count(2)
    assert watch.rest() == []


def test_table_and_charts_make_the_same_groups(page: Page, rest: Rest) -> None:
    runs = [
        trained(rest, {"loss": [lr, lr / 2]}, params={"lr": lr, "random_seed": seed}, name=f"{lr} {seed}")
        for seed in range(11)
        for lr in (0.1, 0.2)
    ]
    compare(page, [*runs[:3], runs[-1]], group="configuration")
    drawn(page)
    groups = {tuple(sorted(group["runs"])) for group in state(page)["groups"]}
    assert groups == {(runs[0], runs[2]), (runs[1], runs[-1])}
    shown = page.locator(".wt-group .wt-opener b").all_text_contents()
    assert sorted(shown) == ["lr 0.1", "lr 0.2"]
    lines = state(page)["lines"]["loss"]
    assert {line["label"] for line in lines} == {"lr 0.1", "lr 0.2"}
    # their oldest runs may have the same colour: groups are told apart all the same
    compare(page, [runs[0], runs[1], runs[10], runs[11]], group="params.random_seed")
    drawn(page)
    looks = [(line["colour"], line["dash"]) for line in state(page)["lines"]["loss"]]
    assert len(set(looks)) == len(looks), json.dumps(looks)
