"""The charts' data in Chromium: compact columns, deltas, rewinds, zoomed ranges, and what is asked of the server."""

import math
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect
from reports import running
from rest import Rest
from scalars import write
from waiting import wait_for

from app.runs.words import RunState
from danlu.events import EventWriter

pytestmark = pytest.mark.browser
LONG = 6000
SPIKE = 4321

DECODED = """async (query) => {
  const { decode } = await import("/static/js/columns.js");
  const packed = decode(await (await fetch(`/api/v1/metrics?${query}&format=columns`)).arrayBuffer());
  const { series } = await (await fetch(`/api/v1/metrics?${query}`)).json();
  const plain = packed.series.map((one) => ({
    run: one.run, tag: one.tag, x: one.x ?? one.step, y: one.y, step: one.step, wall: one.wall,
    nonfinite: [...one.bad], total: one.total, sampled: one.sampled,
  }));
  return [JSON.stringify(plain), JSON.stringify(series), packed.series.every((one) => one.step === packed.series[0].step)];
}"""
STORE = """async (runs) => {
  const { SeriesStore } = await import("/static/js/chart_store.js");
  const { thin } = await import("/static/js/chart_data.js");
  const asked = [];
  const real = window.fetch;
  window.fetch = (url, ...rest) => (asked.push(String(url)), real(url, ...rest));
  const store = new SeriesStore(runs);
  const { signal } = new AbortController();
  const plain = (tag) => store.series(tag).map((one) => ({ ...one, bad: [...one.bad] }));
  try {
    %s
  } finally {
    window.fetch = real;
  }
}"""


def finished(rest: Rest, values: list[float], tag: str = "loss") -> tuple[int, Path]:
    run = rest.submit()
    folder = rest.folder(run)
    write(folder, tag, values)
    rest.bring(run["id"], RunState.SUCCEEDED)
    return run["id"], folder


def settle(rest: Rest, *runs: int) -> None:
    query = {"run": list(runs), "points": 4}
    wait_for(lambda: rest.get("/metrics", **query).json()["settled"], 12, "all to be read")


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.locator("danlu-curves").evaluate("island => island.state()")
    return found


@pytest.mark.parametrize(
    "query", ["points=0", "points=50", "points=0&x=relative", "x=wall&points=7", "x=epoch", "from=3&to=90"]
)
def test_the_columns_in_chromium_are_the_json(page: Page, rest: Rest, query: str) -> None:
    page.goto("/workers")
    noise = random.Random(query)
    runs = []
    for _ in range(3):
        values = [noise.gauss(0, 10.0 ** noise.randint(-30, 30)) for _ in range(120)]
        values[5], values[77], values[78] = math.nan, math.inf, -math.inf
        run, folder = finished(rest, values)
        write(folder, "epoch", [float(step // 10) for step in range(120)])
        runs.append(run)
    settle(rest, *runs)
    packed, plain, shared = page.evaluate(DECODED, "&".join(f"run={run}" for run in runs) + f"&{query}")
    assert packed == plain
    assert shared or query.startswith(("points=50", "x=wall"))


def in_page(page: Page, runs: list[int], script: str) -> Any:
    """Run a script on a store of these runs: it has store, thin, plain, asked and signal."""
    return page.evaluate(STORE % script, runs)


def test_what_is_known_is_not_fetched_again(page: Page, rest: Rest) -> None:
    page.goto("/workers")
    (one, first), (two, _) = finished(rest, [1.0] * 100), finished(rest, [2.0] * 40)
    settle(rest, one, two)
    page.evaluate("window.kept = {}")
    script = """
      await store.list(signal);
      window.kept.store = store;
      return [store.names(), store.loaded("loss"), store.settled, plain("loss").map((s) => s.step.length)];
    """
    assert in_page(page, [one, two], script) == [["loss"], True, True, [100, 40]]
    write(first, "loss", [3.0, math.nan], first=100)
    wait_for(lambda: rest.get("/metrics", run=one).json()["series"][0]["total"] == 102, 8, "the new points")
    follow = """
      const kept = window.kept.store;
      await kept.follow(["loss"], 1000, signal);
      return [asked, kept.series("loss").map((s) => [s.step.length, s.y.at(-1), s.bad.get(101) ?? null, s.total])];
    """
    asked, series = in_page(page, [one, two], follow)
    assert len(asked) == 1
    assert f"since={one}%3A99&since={two}%3A39" in asked[0]
    assert series == [[102, None, "nan", 102], [40, 2, None, 40]]
    asked, series = in_page(page, [one, two], follow)
    assert f"since={one}%3A101" in asked[0]
    assert series[0] == [102, None, "nan", 102]


def test_a_past_that_has_changed_is_fetched_anew(page: Page, rest: Rest) -> None:
    page.goto("/workers")
    run, folder = finished(rest, [1.0] * 100)
    settle(rest, run)
    in_page(page, [run], "await store.load(['loss'], 1000, signal); window.kept = store;")
    write(folder, "loss", [2.0] * 80, first=50, began=9000.0)
    wait_for(
        lambda: rest.get("/metrics", run=run).json()["series"][0]["total"] == 130, 8, "the second attempt"
    )
    script = """
      await window.kept.follow(["loss"], 1000, signal);
      const [series] = window.kept.series("loss");
      return [asked.length, series.step.length, series.y[49], series.y[50], series.y.at(-1)];
    """
    assert in_page(page, [run], script) == [2, 130, 1, 2, 2]


def test_live_points_rewind_and_are_dropped_when_the_server_has_them(page: Page, rest: Rest) -> None:
    page.goto("/workers")
    run, folder = finished(rest, [1.0] * 10)
    settle(rest, run)
    script = """
      await store.load(["loss"], 1000, signal);
      window.kept = store;
      const before = store.series("loss")[0];
      const touched = store.hear(runs[0], { loss: [12, 5] });
      const after = store.series("loss")[0];
      store.hear(runs[0], { loss: [12, 5] });
      store.hear(runs[0], { loss: [14, null, "inf"] });
      const later = store.series("loss")[0];
      return [touched, before.step.length, after.step, later.step.at(-1), later.bad.get(11), before !== after, after.step === later.step];
    """
    steps = [*range(10), 12, 14]
    assert in_page(page, [run], script) == [["loss"], 10, steps, 14, "inf", True, True]
    back = """
      window.kept.hear(runs[0], { loss: [6, 7] });
      const [series] = window.kept.series("loss");
      return [series.step, series.y.at(-1), [...series.bad]];
    """
    assert in_page(page, [run], back) == [[0, 1, 2, 3, 4, 5, 6], 7, []]
    write(folder, "loss", [7.0, 8.0], first=6, began=9000.0)
    wait_for(lambda: rest.get("/metrics", run=run).json()["series"][0]["total"] == 8, 8, "the second attempt")
    script = """
      await window.kept.follow(["loss"], 1000, signal);
      const [series] = window.kept.series("loss");
      return [series.step, series.y.slice(-2), series.total];
    """
    assert in_page(page, [run], script) == [list(range(8)), [7, 8], 8]


def test_a_range_is_spliced_in_full_and_a_spike_survives_thinning_here_too(page: Page, rest: Rest) -> None:
    page.goto("/workers")
    values = [math.sin(step / 50) for step in range(LONG)]
    values[SPIKE], values[100] = 99.0, math.nan
    run, _ = finished(rest, values)
    settle(rest, run)
    script = """
      await store.load(["loss"], 100, signal);
      const coarse = store.series("loss")[0];
      await store.focus(["loss"], { axis: "step", from: 2000, to: 2400 }, 1000, signal);
      const fine = store.series("loss")[0];
      const inside = fine.step.filter((step) => step >= 2000 && step <= 2400);
      const ascending = fine.step.every((step, i) => !i || step > fine.step[i - 1]);
      const at = fine.step.indexOf(100);
      store.unfocus();
      const again = store.series("loss")[0];
      const fewer = thin({ ...fine, bad: new Map(fine.bad) }, 60);
      return [coarse.step.length, inside.length, ascending, fine.bad.get(at), again.step.length, fewer.step.length,
        fewer.y[fewer.step.indexOf(4321)], fewer.bad.get(fewer.step.indexOf(100)), [fewer.step[0], fewer.step.at(-1)]];
    """
    coarse, inside, ascending, bad, again, fewer, spike, hole, ends = in_page(page, [run], script)
    assert (inside, ascending, bad, again, spike, hole) == (401, True, "nan", coarse, 99, "nan")
    assert coarse <= 100
    assert fewer <= 60
    assert ends == [0, LONG - 1]


def test_series_out_of_sight_are_given_up(page: Page, rest: Rest) -> None:
    page.goto("/workers")
    run, folder = finished(rest, [1.0] * 10)
    write(folder, "acc", [1.0] * 10)
    settle(rest, run)
    script = """
      await store.load(["loss", "acc"], 0, signal);
      for (const tag of ["loss", "acc"]) for (const one of store.series(tag)) one.step.length = 1e6; // pretend
      await store.load(["loss", "acc"], 0, signal);
      const before = [store.loaded("loss"), store.loaded("acc")];
      store.trim(new Set(["acc"]));
      return [before, store.loaded("loss"), store.loaded("acc"), store.names(), store.series("loss")[0].step.length];
    """
    assert in_page(page, [run], script) == [[True, True], True, True, ["acc", "loss"], 10]


def test_a_page_asks_once_and_then_only_for_news(page: Page, rest: Rest) -> None:
    run, tell = running(rest)
    with EventWriter(rest.folder(run)) as writer:
        for step in range(50):
            writer.scalar("loss", 1.0, step)
    settle(rest, run["id"])
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/metrics?" in request.url:
            asked.append(request.url)

    page.on("request", note)
    page.goto(f"/runs/{run['id']}")
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1", timeout=30_000)
    assert state(page)["points"] == {"loss": [50]}
    assert len(asked) == 1
    assert "first=" in asked[0]
    with EventWriter(rest.folder(run)) as writer:
        for step in range(50, 60):
            writer.scalar("loss", 0.5, step)
    tell(59, loss=0.5)
    wait_for(lambda: state(page)["points"] == {"loss": [60]}, 15, "the new points")
    assert all("since=49" in url or "since=59" in url for url in asked[1:])


def test_a_zoom_is_asked_for_once_when_it_rests(page: Page, rest: Rest) -> None:
    run, _ = finished(rest, [math.sin(step / 50) for step in range(LONG)])
    settle(rest, run)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "from=" in request.url else None)
    page.goto(f"/runs/{run}")
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1", timeout=30_000)
    assert state(page)["points"]["loss"][0] <= 1000
    page.locator("danlu-curves").evaluate(
        "island => { for (let i = 0; i < 5; i++) island.view.zoomTo(2000 + i, 2200 + i); }"
    )
    wait_for(lambda: state(page)["points"]["loss"][0] > 1050, 15, "the range in full")
    assert len(asked) == 1
    assert "from=2000" in asked[0]


@pytest.mark.parametrize("query", ["", "&sel=1", "&hide=2", "&x=epoch", "&sm=0.5&z=3~60"])
def test_a_comparison_asks_for_its_rows_and_first_curves_once(page: Page, rest: Rest, query: str) -> None:
    """They are asked for by the page itself; a browser complains where nobody takes the answer."""
    one, two = finished(rest, [1.0] * 100)[0], finished(rest, [2.0] * 100)[0]
    settle(rest, one, two)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 1600, "height": 1400})
    page.goto(f"/compare?run={one}&run={two}{query}")
    expect(page.locator(".curve[data-drawn]").first).to_be_visible(timeout=30_000)
    assert sum("first=4" in url for url in asked) == 1
    assert sum("/api/v1/table" in url and "since" not in url for url in asked) == 1
    assert not [
        url for url in asked if "/api/v1/metrics" in url and "first=" not in url and "from=" not in url
    ]
