"""The charts of the workbench, driven as a person drives them and asked by `state()`."""

import json
import math
import re
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import parse_qs

import pytest
from browsing import OpenPage
from playwright.sync_api import Page, expect
from reports import running
from rest import Rest
from waiting import wait_for

from app.runs.words import RunState
from danlu.events import EventWriter

pytestmark = pytest.mark.browser
STEPS = 120
ODD = [
    "a b/c",
    'quote"',
    "comma,tilde~",
    "percent%20",
    "<b>bold</b>",
    "ünï/码",
    "__proto__",
    "constructor",
    "e/👩‍🔬",
]


def trained(rest: Rest, tags: dict[str, float] | None = None, **fields: Any) -> int:
    """A run that ended, with a curve of each tag: values times exp(-step / 40), and one of its own height."""
    run = rest.submit(recipe="rings", **fields)
    with EventWriter(rest.folder(run)) as writer:
        for step in range(STEPS):
            for tag, height in (tags or {"loss/train": 1.0, "loss/val": 2.0, "acc": 0.5}).items():
                writer.scalar(tag, height * math.exp(-step / 40), step)
    rest.bring(run["id"], RunState.SUCCEEDED)
    return int(run["id"])


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.locator("danlu-curves").evaluate("island => island.state()")
    return found


def compare(page: Page, runs: list[int], query: str = "") -> None:
    page.goto("/compare?" + "&".join(f"run={run}" for run in runs) + query)
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1", timeout=30_000)
    wait_for(lambda: state(page)["drawn"], 10, "the first chart")


def card(page: Page, tag: str) -> Any:
    return page.locator(f"[data-tag={json.dumps(tag)}]")


def hover(page: Page, tag: str, across: float, down: float = 0.5) -> dict[str, Any]:
    over = card(page, tag).locator(".curve-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
    found: dict[str, Any] = wait_for(lambda: state(page)["hover"], 5, "the crosshair")
    return found


def menu(page: Page, tag: str, item: str) -> None:
    page.get_by_role("button", name=f"More about {tag}").click()
    page.locator(".curve-menu button", has_text=re.compile(f"^{re.escape(item)}[fp]?$")).click()


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(page.evaluate("location.search.slice(1)"))


def test_labels_colours_and_ranked_hover(page: Page, rest: Rest) -> None:
    runs = [
        trained(rest, {"loss/val": k + 1.0, "loss/train": 1.0}, params={"lr": (k + 1) / 20}, name=f"r{k}")
        for k in range(12)
    ]
    compare(page, runs, "&sm=0.5")
    lines = state(page)["lines"]["loss/val"]
    assert {line["key"]: (line["colour"], line["dash"]) for line in lines} == {
        run: (run % 10, int(run > 10)) for run in runs
    }
    assert f"r3 #{runs[3]} · lr 0.2" in {line["label"] for line in lines}
    found = hover(page, "loss/val", 0.02, 0.95)
    heights = [reading["soft"] for reading in found["values"]]
    assert len(found["values"]) == 12
    assert heights[0] == min(heights), "the lowest is nearest to a pointer at the bottom"
    assert all("raw" in reading and reading["soft"] is not None for reading in found["values"])
    tip = page.locator(".tip")
    expect(tip.locator(".tip-row:visible")).to_have_count(10)
    expect(tip).to_contain_text("and 2 more")
    expect(tip.locator(".tip-row").first).to_contain_text("raw")
    expect(card(page, "loss/train").locator(".curve-cross")).to_be_visible()
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    assert state(page)["hover"] is None


def test_zoom_is_shared_goes_back_and_may_be_left_out(page: Page, rest: Rest) -> None:
    compare(page, [trained(rest), trained(rest)])
    hover(page, "acc", 0.25)
    page.mouse.down()
    box = card(page, "acc").locator(".curve-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.up()
    first = state(page)["zoom"]
    assert first == pytest.approx([0.25 * (STEPS - 1), 0.5 * (STEPS - 1)], abs=2)
    wait_for(lambda: state(page)["ranges"]["loss/val"]["x"] == first, 5, "the other chart's range")
    page.get_by_role("button", name="Zoom in").click()
    assert state(page)["zoom"] != first
    card(page, "acc").locator(".curve-over").dblclick()
    wait_for(lambda: state(page)["zoom"] == first, 5, "one zoom back")
    menu(page, "loss/val", "Zoom with the others")
    page.get_by_role("button", name="Show everything (0)").click()
    assert state(page)["zoom"] is None
    before = wait_for(lambda: query(page).get("own"), 5, "the address")
    card(page, "loss/val").locator(".curve-plot").press("+")
    wait_for(lambda: state(page)["ranges"]["loss/val"]["x"][1] < STEPS - 2, 5, "a zoom of its own")
    assert state(page)["zoom"] is None
    assert state(page)["ranges"]["acc"]["x"] == [0, STEPS - 1]
    wait_for(lambda: query(page)["own"] != before, 5, "the address")
    own = state(page)["ranges"]["loss/val"]["x"]
    page.reload()
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1")
    again = wait_for(lambda: state(page)["ranges"].get("loss/val"), 10, "the chart")
    assert again["x"] == pytest.approx(own, rel=1e-6)


def test_axes_of_one_chart_and_of_all(page: Page, rest: Rest) -> None:
    compare(page, [trained(rest, {"loss/train": 1.0, "loss/val": 2.0, "up": -1.0})])
    menu(page, "loss/val", "Log y")
    shown = wait_for(
        lambda: state(page) if card(page, "loss/val").locator(".tag").count() else None, 5, "the mark"
    )
    assert shown["logY"] is False
    menu(page, "loss/val", "y from zero")
    menu(page, "loss/val", "Apply axes to all")
    assert state(page)["logY"] is True
    assert state(page)["zero"] is True
    expect(card(page, "loss/val").locator(".curve-flags .tag")).to_have_count(0)
    expect(card(page, "up").locator(".curve-note")).to_be_visible()
    page.get_by_role("button", name="Log y").click()
    wait_for(lambda: state(page)["ranges"]["up"]["y"][1] == 0, 5, "the axis to zero")
    assert state(page)["ranges"]["loss/val"]["y"][0] == 0
    page.get_by_role("button", name="Log x").click()
    page.get_by_role("button", name="Epoch", exact=True).click()
    wait_for(
        lambda: query(page) == {"run": ["1"], "x": ["epoch"], "logx": ["1"], "zero": ["1"]}, 5, "the address"
    )
    wait_for(lambda: state(page)["ranges"]["up"]["x"][0] > 0, 5, "a logarithmic axis")


def test_outliers_are_ignored_only_when_asked(page: Page, rest: Rest) -> None:
    run = rest.submit(recipe="rings")
    with EventWriter(rest.folder(run)) as writer:
        for step in range(400):
            writer.scalar("loss", 1e6 if step == 200 else 1 + step / 400, step)
    rest.bring(run["id"], RunState.SUCCEEDED)
    compare(page, [run["id"]])
    assert state(page)["ranges"]["loss"]["y"][1] > 1e6
    page.get_by_role("button", name="Ignore outliers").click()
    low, high = wait_for(
        lambda: y if (y := state(page)["ranges"]["loss"]["y"])[1] < 10 else None, 5, "the range"
    )
    assert low < 1.01
    assert 1.9 < high < 2.2


def test_pins_filter_full_screen_and_their_address(page: Page, rest: Rest) -> None:
    tags = {f"{part}/{name}": 1.0 for part in ("loss", "acc", "grad") for name in "abcd"}
    compare(page, [trained(rest, tags)])
    expect(page.get_by_role("button", name="grad 4")).to_be_visible()
    card(page, "grad/d").locator(".curve-plot").press("p")
    expect(page.get_by_role("button", name="Pinned 1")).to_be_visible()
    first = page.locator(".curve").first
    expect(first).to_have_attribute("data-tag", "grad/d")
    page.get_by_role("button", name="acc 4").click()
    expect(card(page, "acc/a")).to_have_count(0)
    page.get_by_label("Filter tags, plain or /regex/").fill("/^(loss|grad).[ad]$/")
    expect(page.locator(".curve-found")).to_have_text("4 of 12")
    expect(page.locator(".curve")).to_have_count(4)
    first.locator(".curve-plot").press("f")
    dialog = page.get_by_role("dialog", name="Chart of grad/d")
    expect(dialog).to_be_visible()
    assert state(page)["full"] == "grad/d"
    wait_for(lambda: query(page).get("full") == ["grad/d"], 5, "the address")
    link = page.evaluate("location.href")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(first.locator(".curve-plot")).to_be_focused()
    wait_for(lambda: "full" not in query(page), 5, "the address")
    page.goto(link)
    expect(dialog.locator(".curve-lines")).to_be_visible(timeout=20_000)
    assert query(page) | {"run": []} == {
        "run": [],
        "f": ["/^(loss|grad).[ad]$/"],
        "pins": ["grad/d"],
        "fold": ["acc"],
        "full": ["grad/d"],
    }


def test_legend_strengthens_and_hides(page: Page, rest: Rest) -> None:
    runs = [trained(rest, params={"lr": lr}) for lr in (0.1, 0.2, 0.3)]
    compare(page, runs)
    entry = page.locator(f'.curve-legend [data-key="{runs[1]}"]')
    entry.hover()
    assert state(page)["glow"] == runs[1]
    expect(page.locator(".curve-lines.dim").first).to_be_visible()
    entry.click()
    wait_for(lambda: runs[1] not in state(page)["runs"], 5, "two runs")
    assert {line["key"] for line in state(page)["lines"]["acc"]} == {runs[0], runs[2]}
    expect(entry).to_have_attribute("aria-pressed", "false")
    wait_for(lambda: query(page).get("hide") == [str(runs[1])], 5, "the address")
    entry.click()
    wait_for(lambda: len(state(page)["lines"]["acc"]) == 3, 5, "three lines")


def test_seeds_of_a_configuration_are_a_mean_with_a_band(page: Page, rest: Rest) -> None:
    runs = [
        trained(rest, {"loss": 1.0 + seed}, params={"lr": lr}, seed=seed)
        for lr in (0.1, 0.2)
        for seed in range(3)
    ]
    compare(page, runs)
    page.get_by_label("Mean of groups").select_option("configuration")
    shown = wait_for(
        lambda: found if len((found := state(page))["lines"]["loss"]) == 2 else None, 5, "two means"
    )
    assert sorted(sorted(group["runs"]) for group in shown["groups"]) == [runs[:3], runs[3:]]
    assert {line["label"] for line in shown["lines"]["loss"]} == {"lr 0.1", "lr 0.2"}
    value = hover(page, "loss", 0.0)["values"][0]
    assert value["raw"] == pytest.approx(2.0)
    assert value["band"] == pytest.approx([2 - 1 / math.sqrt(3), 2 + 1 / math.sqrt(3)])
    assert value["n"] == 3
    page.get_by_label("Band around the mean of a group").select_option("sd")
    wait_for(
        lambda: query(page).get("band") == ["sd"] and query(page).get("group") == ["configuration"],
        5,
        "the address",
    )
    assert hover(page, "loss", 0.001)["values"][0]["band"] == pytest.approx([1, 3])


def test_what_can_be_taken_away(page: Page, rest: Rest) -> None:
    run = rest.submit(recipe="rings", name="taken")
    with EventWriter(rest.folder(run)) as writer:
        for step in range(3000):
            writer.scalar("a/b", math.nan if step == 7 else step / 10, step)
    rest.bring(run["id"], RunState.SUCCEEDED)
    other = trained(rest, {"a/b": 1.0}, name="other")
    compare(page, [run["id"], other])
    got = {}
    for kind in ("CSV", "JSON", "SVG", "PNG"):
        with page.expect_download() as download:
            menu(page, "a/b", f"Download {kind}")
        assert download.value.suggested_filename == f"a-b.{kind.lower()}"
        got[kind] = download.value.path().read_bytes()
    rows = got["CSV"].decode().splitlines()
    assert len(rows) == 1 + 3000 + STEPS, "every point, not those that the chart needs"
    series = {one["run"]: one for one in json.loads(got["JSON"])["series"]}
    assert series[run["id"]]["value"][6:9] == [pytest.approx(0.6), "NaN", pytest.approx(0.8)]
    assert got["PNG"].startswith(b"\x89PNG")
    svg = ET.fromstring(got["SVG"])
    names = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert "image" not in names
    texts = [element.text or "" for element in svg.iter() if element.tag.endswith("}text")]
    assert "a/b" in texts
    assert any(text.startswith("taken #") for text in texts)
    assert any(len(element.get("d", "")) > 500 for element in svg.iter())


def test_tags_of_any_name(page: Page, rest: Rest) -> None:
    compare(page, [trained(rest, dict.fromkeys(ODD, 1.0))])
    assert sorted(state(page)["tags"]) == sorted(ODD)
    for tag in ODD:
        page.get_by_role("button", name=f"Pin {tag}", exact=True).click()
    assert state(page)["pins"] == ODD
    wait_for(lambda: query(page).get("pins", [""])[0].count(",") == len(ODD) - 1, 5, "all in the address")
    page.reload()
    wait_for(lambda: state(page)["pins"] == ODD, 10, "the pins of the address")
    expect(page.locator(".curve-tag b")).to_have_count(0)


def test_ten_thousand_tags(page: Page, rest: Rest) -> None:
    run = rest.submit(recipe="rings")
    with EventWriter(rest.folder(run)) as writer:
        for number in range(10_000):
            writer.scalar(f"part{number // 100}/w{number % 100}", number, 0)
    rest.bring(run["id"], RunState.SUCCEEDED)
    compare_url = f"/compare?run={run['id']}"
    page.goto(compare_url)
    wait_for(
        lambda: page.locator("danlu-curves").count() and state(page)["counts"]["all"] == 10_000,
        60,
        "the tags",
    )
    assert page.locator(".curve").count() < 40
    assert page.locator(".curve-section").count() < 60
    page.get_by_label("Filter tags, plain or /regex/").fill("part77/w77")
    expect(page.locator(".curve")).to_have_count(1)
    expect(page.locator(".curve-value")).to_have_text("7,777")


def test_selection_changes_what_is_drawn_without_a_new_page(page: Page, rest: Rest) -> None:
    runs = [trained(rest, {"loss": 1.0 + k}) for k in range(3)]
    compare(page, runs)
    island = page.locator("danlu-curves").element_handle()
    assert island is not None
    page.locator("danlu-workbench").evaluate("(bench, sel) => bench.state.set({ sel })", runs[:1])
    wait_for(lambda: state(page)["runs"] == runs[:1], 5, "one run")
    wait_for(lambda: [line["key"] for line in state(page)["lines"]["loss"]] == runs[:1], 5, "one line")
    page.locator("danlu-workbench").evaluate("(bench, sel) => bench.state.set({ sel })", [])
    wait_for(lambda: len(state(page)["lines"]["loss"]) == 3, 5, "three lines")
    assert island.evaluate("island => island.isConnected")


def test_live_curves_grow_in_place(page: Page, rest: Rest) -> None:
    run, tell = running(rest)
    with EventWriter(rest.folder(run)) as writer:
        for step in range(STEPS):
            writer.scalar("loss", 1 + math.sin(step / 9), step)
    compare(page, [run["id"]])
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    assert state(page)["ranges"]["loss"]["x"] == [0, STEPS - 1]
    tell(STEPS + 1, loss=1.0)
    wait_for(lambda: state(page)["ranges"]["loss"]["x"][1] > STEPS + 5, 10, "room for what comes")
    room = state(page)["ranges"]["loss"]
    handle = card(page, "loss").locator(".curve-lines").element_handle()
    assert handle is not None
    for step in range(STEPS + 2, STEPS + 6):
        tell(step, loss=1.0)
    wait_for(lambda: state(page)["points"]["loss"][0] >= STEPS + 2, 10, "the points")
    assert state(page)["ranges"]["loss"] == room, "axes stay while there is room"
    assert handle.evaluate("canvas => canvas.isConnected && canvas.width > 0")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_charts_fit_and_do_not_jump(open_page: OpenPage, rest: Rest, theme: str, width: int) -> None:
    runs = [trained(rest, params={"lr": lr}) for lr in (0.1, 0.2)]
    page = open_page(theme=theme, width=width)
    compare(page, runs)
    wait_for(lambda: len(state(page)["drawn"]) == 3, 10, "three charts")
    before = page.locator(".curve").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().toJSON())"
    )
    page.get_by_role("button", name="Log y").click()
    page.get_by_label("Smoothing").fill("0.7")
    page.get_by_role("button", name="Wall").click()
    hover(page, "acc", 0.5)
    after = page.locator(".curve").evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
    assert before == after
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_python_of_a_card_plots_the_same(page: Page, rest: Rest) -> None:
    runs = [
        trained(rest, {'lo"ss': 1.0 + seed}, params={"lr": lr}, seed=seed)
        for lr in (0.1, 0.2)
        for seed in range(2)
    ]
    compare(page, runs, "&sm=0.6&logy=1&z=10~90")
    copied = (
        "async island => (await import('/static/js/chart_python.js')).pythonOf(island.cards.get('lo\"ss'))"
    )
    scripts = {4: page.locator("danlu-curves").evaluate(copied)}
    page.get_by_label("Mean of groups").select_option("configuration")
    wait_for(lambda: len(state(page)["lines"]['lo"ss']) == 2, 5, "two means")
    page.get_by_label("Band around the mean of a group").select_option("ci")
    scripts[2] = page.locator("danlu-curves").evaluate(copied)
    for lines, script in scripts.items():
        figure: dict[str, Any] = {}
        exec(compile("import matplotlib; matplotlib.use('Agg')\n" + script, "copied", "exec"), figure)
        ax = figure["ax"]
        assert ax.get_xlim() == pytest.approx((10, 90))
        assert ax.get_yscale() == "log"
        assert len(ax.get_legend().get_texts()) == lines
        figure["plt"].close(figure["fig"])
