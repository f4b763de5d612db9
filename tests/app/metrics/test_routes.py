"""GET /api/v1/metrics on a real server, with the real data server and event files that we wrote."""

import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from boards import children_of
from factories import make_experiment, make_run
from served import Served, serving
from sqlalchemy import select
from waiting import wait_for

from app.clock import utcnow
from app.config import load_settings, run_dir
from app.models import Experiment, Run
from danlu.events import EventWriter
from danlu.hparams import write_session_start


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(load_settings(home=home, port=0, auth="none")) as running:
        yield running


@pytest.fixture
def api(served: Served) -> httpx.Client:
    return served.client()


def new_run(served: Served, slug: str = "rings") -> tuple[int, Path]:
    """A run of an experiment, made when it is new, and its folder."""
    with served.db.write() as session:
        experiment = session.scalar(select(Experiment).where(Experiment.slug == slug))
        run = make_run(session, experiment or make_experiment(session, slug))
        folder = run_dir(served.settings, slug, run.slug)
        folder.mkdir(parents=True, exist_ok=True)
        return run.id, folder


def write(folder: Path, tag: str, values: list[float], first: int = 0) -> None:
    with EventWriter(folder) as writer:
        for step, value in enumerate(values, first):
            writer.scalar(tag, value, step, wall_time=1000.0 + step * 0.25)


def series_of(api: httpx.Client, query: str) -> list[dict[str, Any]]:
    answer = api.get(f"/api/v1/metrics?{query}")
    assert answer.status_code == 200, answer.text
    series: list[dict[str, Any]] = answer.json()["series"]
    return series


def test_the_first_call_has_everything_that_is_there(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    write(folder, "loss/train", [3.0, 2.0, 1.0])
    write(folder / "eval" / "deep", "loss", [0.5])
    one, two = series_of(api, f"run={run}")
    assert one == {
        "run": run, "tag": "eval/deep/loss", "x": [0], "y": [0.5], "step": [0], "wall": [1000.0],
        "nonfinite": [], "total": 1, "sampled": False,
    }  # fmt: skip
    assert (two["tag"], two["x"], two["y"], two["total"]) == ("loss/train", [0, 1, 2], [3, 2, 1], 3)
    assert two["wall"] == [1000.0, 1000.25, 1000.5]
    assert series_of(api, f"run={run}&x=relative&tag=loss/train")[0]["x"] == [0, 0.25, 0.5]
    assert series_of(api, f"run={run}&x=wall&tag=loss/train")[0]["x"] == two["wall"]
    assert [s["tag"] for s in series_of(api, f"run={run}&tag=eval/deep/loss")] == ["eval/deep/loss"]
    assert series_of(api, f"run={run}&tag=loss") == []
    assert api.get(f"/api/v1/metrics/tags?run={run}").json()["items"] == ["eval/deep/loss", "loss/train"]


def test_curves_of_one_folder_are_named_alike_in_every_run(served: Served, api: httpx.Client) -> None:
    """A script's own folder bears the time and the host; the run's own file beside it holds no curve."""
    one, first = new_run(served)
    two, second = new_run(served)
    for folder, writer in (first, "Oct02_12-30-00_box"), (second, "Oct03_09-00-00_other"):
        write_session_start(folder, {"lr": 0.1}, "g")
        write(folder / "runs" / writer, "loss", [1.0, 2.0])
        write(folder / "runs" / writer, "acc", [0.5])
    query = f"run={one}&run={two}"
    assert [(s["run"], s["tag"]) for s in series_of(api, f"{query}&tag=loss")] == [
        (one, "loss"),
        (two, "loss"),
    ]
    assert {s["tag"] for s in series_of(api, query)} == {"loss", "acc"}
    # A second folder with curves tells both apart, in that run alone.
    write(second / "runs" / "Oct03_10-00-00_other", "loss", [3.0])
    names = {"Oct03_09-00-00_other/loss", "Oct03_09-00-00_other/acc", "Oct03_10-00-00_other/loss"}
    wait_for(lambda: {s["tag"] for s in series_of(api, f"run={two}")} == names, 4, "the new names")
    assert api.get(f"/api/v1/metrics/tags?run={two}").json()["items"] == sorted(names)
    (late,) = series_of(api, f"{query}&tag=Oct03_10-00-00_other/loss")
    assert (late["run"], late["y"]) == (two, [3.0])
    assert [s["run"] for s in series_of(api, f"{query}&tag=loss")] == [one]


def test_a_spike_survives_and_nonfinite_values_are_named(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    values = [math.sin(step / 300) for step in range(8000)]
    values[4321], values[5000], values[6000] = 1234.5, math.nan, math.inf
    write(folder, "loss", values)
    (series,) = series_of(api, f"run={run}&points=100")
    assert len(series["x"]) <= 100
    assert (series["x"][0], series["x"][-1], series["total"]) == (0, 7999, 8000)
    assert series["y"][series["x"].index(4321)] == 1234.5
    named = {series["x"][index]: name for index, name in series["nonfinite"]}
    assert named == {5000: "nan", 6000: "inf"}
    assert series["y"][series["x"].index(5000)] is None
    assert len(series_of(api, f"run={run}&points=0")[0]["x"]) == 8000


def test_runs_of_several_experiments_in_the_order_asked_for(served: Served, api: httpx.Client) -> None:
    made = []
    for slug in ("b", "a", "b"):
        run, folder = new_run(served, slug)
        write(folder, "loss", [float(run)])
        made.append(run)
    order = [made[1], made[2], made[0], made[1]]
    query = "&".join(f"run={run}" for run in order)
    assert [(s["run"], s["y"]) for s in series_of(api, query)] == [(run, [run]) for run in order[:3]]


def test_new_points_new_files_and_new_runs_show_up(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    assert series_of(api, f"run={run}") == []
    write(folder, "loss", [1.0])
    wait_for(lambda: series_of(api, f"run={run}"), 4, "the first point")
    write(folder, "loss", [2.0], first=1)
    wait_for(lambda: series_of(api, f"run={run}")[0]["y"] == [1, 2], 4, "the second file")
    other, folder = new_run(served)
    write(folder / "sub", "loss", [3.0])
    wait_for(lambda: series_of(api, f"run={other}"), 4, "the new run")


def test_a_folder_removed_and_made_again(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    write(folder, "old", [1.0])
    assert [s["tag"] for s in series_of(api, f"run={run}")] == ["old"]
    shutil.rmtree(folder)
    wait_for(lambda: series_of(api, f"run={run}") == [], 4, "the curves to go")
    write(folder, "new", [1.0])
    wait_for(lambda: [s["tag"] for s in series_of(api, f"run={run}")] == ["new"], 8, "the new curves")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_hanging_data_server_is_replaced(
    served: Served, api: httpx.Client, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.metrics.dataserver.DEADLINE", 1.0)
    run, folder = new_run(served)
    write(folder, "loss", [1.0])
    assert series_of(api, f"run={run}")
    (child,) = children_of(served.settings)
    os.kill(child.pid, number)
    write(folder, "loss", [2.0], first=1)  # what is known of unchanged files needs no data server
    wait_for(lambda: series_of(api, f"run={run}")[0]["y"] == [1, 2], 8, "the answer of its successor")
    wait_for(lambda: not child.is_running(), what="the end of the old one")


def test_only_regular_event_files_of_the_run_are_read(
    served: Served, api: httpx.Client, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    write(outside, "secret", [1.0])
    run, folder = new_run(served)
    write(folder, "loss", [1.0])
    (folder / "linked").symlink_to(outside)
    (folder / "datasets").symlink_to(tmp_path)
    (folder / "file").mkdir()
    (folder / "file" / "events.out.tfevents.1.x").symlink_to(next(outside.iterdir()))
    os.mkfifo(folder / "file" / "events.out.tfevents.2.x")
    (folder / "projector_config.pbtxt").write_text('embeddings { tensor_path: "/etc/passwd" }')
    assert [s["tag"] for s in series_of(api, f"run={run}")] == ["loss"]
    shown = served.settings.tensorboard_dir / "rings" / "logdir"
    assert [path.name for path in shown.rglob("*") if not path.is_dir()] == [
        next(folder.glob("events*")).name
    ]


def test_arrow(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    write(folder, "a", [1.0, math.nan])
    write(folder, "b", [3.0])
    answer = api.get(
        f"/api/v1/metrics?run={run}&x=relative", headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column_names == ["run", "tag", "step", "wall", "x", "value"]
    assert table["tag"].to_pylist() == ["a", "a", "b"]
    assert table["x"].to_pylist() == [0, 0.25, 0]
    assert table["value"].to_pylist()[0] == 1
    assert math.isnan(table["value"].to_pylist()[1])
    empty, _ = new_run(served)
    answer = api.get(
        f"/api/v1/metrics?run={empty}", headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    assert pa.ipc.open_stream(answer.content).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("points=-1", "points"),
        ("points=3", "points"),
        ("points=many", "points"),
        ("points=1000000000", "points"),
        ("points=NaN", "points"),
        ("x=hour", "x"),
        ("from=nan", "from"),
        ("from=2&to=1", "from"),
        ("since=1&since=2", "since"),
        ("since=one:2", "since"),
        ("since=1:1e3", "since"),
        ("since=0:5", "since"),
        ("format=csv", "format"),
        ("first=0", "first"),
        ("run=one", "run"),
    ],
)
def test_a_wrong_parameter_is_named(served: Served, api: httpx.Client, query: str, field: str) -> None:
    run, _ = new_run(served)
    answer = api.get(f"/api/v1/metrics?run={run}&{query}")
    assert answer.status_code == 422
    assert any(name.startswith(field) for name in answer.json()["fields"])


def test_too_many_runs_and_no_run(api: httpx.Client) -> None:
    assert api.get("/api/v1/metrics").status_code == 422
    many = "&".join(f"run={number}" for number in range(1, 202))
    assert api.get(f"/api/v1/metrics?{many}").status_code == 422


@pytest.mark.parametrize("unknown", ["99", "0", "-5", str(2**63), "1" + "0" * 30])
def test_an_unknown_run_is_named(served: Served, api: httpx.Client, unknown: str) -> None:
    run, _ = new_run(served)
    answer = api.get(f"/api/v1/metrics?run={run}&run={unknown}")
    assert answer.status_code == 404
    assert unknown in answer.json()["detail"]


def test_what_is_being_deleted_has_no_series_and_starts_nothing(served: Served, api: httpx.Client) -> None:
    run, folder = new_run(served)
    other, _ = new_run(served, "doomed")
    write(folder, "loss", [1.0])
    with served.db.write() as session:
        session.get_one(Run, run).deleted_at = utcnow()
        session.get_one(Experiment, session.get_one(Run, other).experiment_id).deleted_at = utcnow()
    for gone in (run, other):
        assert api.get(f"/api/v1/metrics?run={gone}").status_code == 404
        assert api.get(f"/api/v1/metrics/tags?run={gone}").status_code == 404
    assert children_of(served.settings) == []


def test_nothing_without_a_login(home: Path) -> None:
    with serving(load_settings(home=home, port=0)) as closed, closed.client() as client:
        assert client.get("/api/v1/metrics?run=1").status_code == 401
        assert client.get("/api/v1/metrics/tags?run=1").status_code == 401
