"""Ranges, deltas, epochs and the columns of GET /api/v1/metrics, on a real server with real event files."""

import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from scalars import COLUMNS, new_run, read_columns, write
from served import Served
from waiting import wait_for

from danlu.events import EventWriter


def ask(api: httpx.Client, query: str) -> dict[str, Any]:
    answer = api.get(f"/api/v1/metrics?{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def settled(api: httpx.Client, query: str) -> dict[str, Any]:
    """The answer once the data server has read all that there is."""
    found = wait_for(lambda: body if (body := ask(api, query))["settled"] else None, 10, "all to be read")
    assert found is not None
    return found


def columns(api: httpx.Client, query: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    answer = api.get(f"/api/v1/metrics?{query}", headers={"Accept": COLUMNS})
    assert answer.headers["content-type"] == COLUMNS
    return read_columns(answer.content)


def test_a_range_shows_what_thinning_left_out(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    write(folder, "loss", [math.sin(step / 7) for step in range(5000)])
    settled(api, f"run={run}")
    (part,) = ask(api, f"run={run}&points=100&from=1000&to=1080")["series"]
    assert part["step"] == list(range(1000, 1081))
    assert part["total"] == 5000
    (part,) = ask(api, f"run={run}&points=50&from=1000.5&to=3000")["series"]
    assert (part["step"][0], part["step"][-1]) == (1001, 3000)
    assert len(part["step"]) <= 50
    (part,) = ask(api, f"run={run}&points=0&x=relative&from=100&to=101")["series"]
    assert part["step"] == [400, 401, 402, 403, 404]
    assert part["x"] == [100, 100.25, 100.5, 100.75, 101]
    (part,) = ask(api, f"run={run}&points=0&x=wall&from=2249.5")["series"]
    assert part["step"] == [4998, 4999]
    assert ask(api, f"run={run}&from=9000")["series"][0]["step"] == []


def test_a_spike_is_in_every_form_and_at_every_width(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    values = [math.sin(step / 300) for step in range(9000)]
    values[4321], values[17] = 77.5, -77.5
    write(folder, "loss", values)
    settled(api, f"run={run}")
    for points in (4, 10, 333, 1000):
        (series,) = ask(api, f"run={run}&points={points}")["series"]
        _, (packed,) = columns(api, f"run={run}&points={points}")
        for steps, found in (series["step"], series["y"]), (packed["step"], packed["value"]):
            assert found[steps.index(4321)] == 77.5
            assert found[steps.index(17)] == -77.5
            assert (steps[0], steps[-1]) == (0, 8999)
            assert len(steps) <= points


def test_only_what_came_since(served: Served, api: httpx.Client) -> None:
    one, first = new_run(served)
    two, second = new_run(served)
    write(first, "loss", [float(step) for step in range(100)])
    write(second, "loss", [float(step) for step in range(10)])
    query = f"run={one}&run={two}"
    settled(api, query)
    a, b = ask(api, f"{query}&since=97")["series"]
    assert (a["step"], a["before"], a["anchor"], a["total"]) == ([98, 99], 98, 1024.25, 100)
    assert (b["step"], b["before"], b["anchor"], b["total"]) == ([], 10, 1002.25, 10)
    a, b = ask(api, f"{query}&since={one}:98&since={two}:8")["series"]
    assert (a["step"], b["step"]) == ([99], [9])
    a, b = ask(api, f"{query}&since={one}:98")["series"]
    assert (a["step"], a["before"]) == ([99], 99)
    assert len(b["step"]) == 10
    assert "before" not in b
    (a,) = ask(api, f"run={one}&since=-5")["series"]
    assert (len(a["step"]), a["before"], a["anchor"]) == (100, 0, None)
    head, (a, b) = columns(api, f"{query}&since=97")
    assert (a["step"], b["step"]) == ([98, 99], [])
    assert (head["before"], head["anchor"]) == ([98, 10], [1024.25, 1002.25])


def test_a_run_that_went_back_is_told_by_what_lies_before(served: Served, api: httpx.Client) -> None:
    """Resumed from a checkpoint at step 50: the same number of points, but others."""
    run, folder = new_run(served)
    write(folder, "loss", [1.0] * 100)
    (before,) = settled(api, f"run={run}")["series"]
    write(folder, "loss", [2.0] * 70, first=50, began=5000.0)
    wait_for(lambda: ask(api, f"run={run}")["series"][0]["total"] == 120, 8, "the second attempt")
    (delta,) = ask(api, f"run={run}&since=99")["series"]
    assert delta["before"] == before["total"] == 100
    assert before["wall"][-1] == 1024.75
    assert delta["anchor"] == 5024.75


def test_x_by_the_epoch_that_a_run_logged(served: Served, api: httpx.Client) -> None:
    one, first = new_run(served)
    two, second = new_run(served)
    with EventWriter(first) as writer:
        for step in range(40):
            writer.scalar("loss", 1.0, step)
            if step % 5 == 4:
                writer.scalar("epoch", step // 10, step)
    write(second, "loss", [1.0] * 10)
    settled(api, f"run={one}&run={two}")
    query = f"run={one}&run={two}&tag=loss&x=epoch"
    a, b = ask(api, query)["series"]
    assert (a["x"][4], a["x"][14], a["x"][34], a["x"][39]) == (0, 1, 3, 3.5)
    assert a["x"][0] == -0.4
    assert all(left < right for left, right in zip(a["x"], a["x"][1:], strict=False))
    assert b["x"] == b["step"]
    (part,) = ask(api, f"run={one}&tag=loss&x=epoch&from=1&to=1.5")["series"]
    assert part["step"] == [14, 15, 16, 17, 18, 19]
    _, packed = columns(api, query)
    assert [one["x"] for one in packed] == [a["x"], b["x"]]


def test_columns_are_the_json(served: Served, api: httpx.Client) -> None:
    runs = [new_run(served) for _ in range(3)]
    for number, (_, folder) in enumerate(runs):
        write(folder, "loss", [math.nan, math.inf, -math.inf, 0.1, 1e-30, 3e38, float(number)])
        write(folder / "eval", "acc", [0.5, 0.25], first=10**12)
    query = "&".join(f"run={run}" for run, _ in runs)
    body = settled(api, query)
    for axis in ("step", "relative", "wall", "epoch"):
        body = ask(api, f"{query}&x={axis}")
        head, packed = columns(api, f"{query}&x={axis}")
        assert head["settled"]
        for one, two in zip(body["series"], packed, strict=True):
            assert (one["run"], one["tag"], one["total"]) == (two["run"], two["tag"], two["total"])
            assert one["step"] == two["step"]
            assert one["wall"] == two["wall"]
            assert one["x"] == two.get("x", two["step"])
            names = {index: float(name) for index, name in one["nonfinite"]}
            for index, value in enumerate(two["value"]):
                wanted = names.get(index, one["y"][index])
                assert value == wanted or (math.isnan(value) and math.isnan(wanted))
    # The three runs' steps are there once, and without data.
    assert sum(kind == "range" for kind, *_ in head["columns"]) == 2


def test_the_first_tags_come_with_the_names_of_all(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    for tag in ("val/loss", "val/acc", "layer10", "layer9"):
        write(folder, tag, [1.0])
    body = settled(api, f"run={run}&first=2")
    assert body["all"] == ["layer9", "layer10", "val/acc", "val/loss"]
    assert [series["tag"] for series in body["series"]] == ["layer10", "layer9"]
    head, packed = columns(api, f"run={run}&first=1")
    assert (head["all"], [one["tag"] for one in packed]) == (body["all"], ["layer9"])


def test_finished_runs_are_read_once(
    served: Served, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, first = new_run(served)
    two, second = new_run(served)
    for folder in (first, second):
        write(folder, "loss", [1.0, 2.0])
    settled(api, f"run={one}&run={two}")
    reader = served.app.state.scalar_reader
    real, asked = reader.read, []

    def read(address: str, names: set[str], tags: set[str] | None = None) -> object:
        asked.append(sorted(names))
        return real(address, names, tags)

    monkeypatch.setattr(reader, "read", read)
    for _ in range(2):
        assert len(ask(api, f"run={one}&run={two}&points=0")["series"]) == 2
    assert asked == []
    write(second, "loss", [3.0], first=2)
    wait_for(lambda: ask(api, f"run={one}&run={two}")["series"][1]["total"] == 3, 8, "the new point")
    assert {name for names in asked for name in names} == {second.name}


def test_gzip_over_a_network_where_it_pays(served: Served, api: httpx.Client, tmp_path: Path) -> None:
    run, folder = new_run(served)
    write(folder, "loss", [1.0] * 20_000)
    settled(api, f"run={run}&points=4")
    url = f"/api/v1/metrics?run={run}&points=0"
    assert "content-encoding" not in api.get(url, headers={"Accept-Encoding": "gzip"}).headers
    assert "content-encoding" not in api.get(url, headers={"Accept-Encoding": "identity"}).headers
