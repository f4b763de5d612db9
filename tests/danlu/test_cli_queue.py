"""`danlu submit --grid`, `--after` and `danlu queue`: the real command line against a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packed import TRAIN
from rest import Rest, resting
from test_pack import write

from app.config import load_settings
from app.runs.words import RunState
from danlu.commands.grid import read_grid, read_values


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[Rest]:
    (tmp_path / "home").mkdir()
    with resting(load_settings(home=tmp_path / "home", port=0)) as made:
        yield made


def danlu(rest: Rest, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "danlu", *arguments],
        capture_output=True, text=True, check=False, timeout=120, cwd=cwd,
        env={**os.environ, "DANLU_URL": rest.served.url, "DANLU_HOME": str(rest.served.settings.home / "none"),
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def printed(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.01", [0.1, 0.01]),
        ("1..5", [1, 2, 3, 4, 5]),
        ("5..1", [5, 4, 3, 2, 1]),
        ("0..10..5", [0, 5, 10]),
        ("0.1..0.5..0.2", [0.1, 0.3, 0.5]),
        ("0..1..0.3", [0, 0.3, 0.6, 0.9]),
        ("-1..1", [-1, 0, 1]),
        ("1e-3..3e-3..1e-3", [0.001, 0.002, 0.003]),
        ("1..3, 10", [1, 2, 3, 10]),
        ("adam, sgd", ["adam", "sgd"]),
        ("true,null", [True, None]),
        ("[1, 2]", [1, 2]),
        ("[[64],[64,64]]", [[64], [64, 64]]),
        ('{"a":1},{"a":2}', [{"a": 1}, {"a": 2}]),
        ('"1..3",b', ["1..3", "b"]),
        ("v1..v2", ["v1..v2"]),
    ],
)
def test_values_of_a_grid(text: str, values: list[object]) -> None:
    assert read_values(text) == values
    assert [type(value) for value in read_values(text)] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["lr"], "KEY=VALUES"),
        (["=1"], "KEY=VALUES"),
        (["lr="], "KEY=VALUES"),
        (["lr=1", "lr=2"], "lr twice"),
        (["lr=1..5..-1"], "leads nowhere"),
        (["lr=1..5..0"], "leads nowhere"),
        (["lr=1..1e9"], "1000000000 values; at most 500"),
    ],
)
def test_a_grid_that_is_none(settings: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_grid(settings)


def test_a_grid_makes_one_request_of_many_runs(rest: Rest) -> None:
    done = danlu(
        rest, "submit", "rings", "--grid", "lr=0.1,0.01", "--grid", "seed=1..3", "--priority", "4", "--json"
    )
    made = printed(done)
    assert [(run["params"]["lr"], run["seed"], run["priority"]) for run in made["items"]] == [
        (lr, seed, 4) for lr in (0.1, 0.01) for seed in (1, 2, 3)
    ]
    assert {run["sweep"] for run in rest.items()} == {made["sweep"]}
    told = danlu(rest, "submit", "rings", "--grid", "lr=0.3,0.4")
    newest, before = rest.items()[:2]
    assert told.stdout.splitlines() == [
        f"Sweep of 2 runs, {before['id']} to {newest['id']}: {rest.served.url}/experiments/rings?sweep={newest['sweep']}",
        f"Run {before['id']} is queued: rings lr=0.3",
        f"Run {newest['id']} is queued: rings lr=0.4",
    ]
    wrong = danlu(rest, "submit", "rings", "--grid", "lr=0.1,7")
    assert wrong.returncode == 2
    assert "grid.lr" in wrong.stderr
    assert danlu(rest, "submit", "rings", "--grid", "lr=5..1..2").returncode == 2
    assert len(rest.items()) == 8


def test_a_script_is_packed_once_for_its_whole_grid(rest: Rest, tmp_path: Path) -> None:
    write(tmp_path / "mnist", {"train.py": TRAIN})
    done = danlu(
        rest,
        "submit",
        "train.py",
        "--grid",
        "lr=0.1,0.01",
        "--json",
        "--",
        "--epochs",
        "2",
        cwd=tmp_path / "mnist",
    )
    made = printed(done)
    assert [run["args"] for run in made["items"]] == [
        ["--lr", "0.1", "--epochs", "2"],
        ["--lr", "0.01", "--epochs", "2"],
    ]
    assert [run["name"] for run in made["items"]] == ["train lr=0.1", "train lr=0.01"]


def test_waiting_for_a_sweep_ends_with_the_worst(rest: Rest) -> None:
    made = rest.post("/sweeps", {"experiment": "e", "recipe": "rings", "grid": {"lr": [0.1, 0.2]}}).json()[
        "items"
    ]
    assert len(made) == 2
    process = subprocess.Popen(
        [sys.executable, "-m", "danlu", "submit", "rings", "--grid", "lr=0.3,0.4", "--wait"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "DANLU_URL": rest.served.url, "DANLU_HOME": str(rest.served.settings.home / "none")},
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Sweep of 2 runs")
    newest, before = rest.items()[:2]
    rest.bring(newest["id"], RunState.FAILED)
    rest.bring(before["id"], RunState.SUCCEEDED)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert out.splitlines() == [
        f"Run {before['id']} is succeeded: rings lr=0.3", f"Run {newest['id']} is failed: rings lr=0.4",
    ]  # fmt: skip


def test_the_queue_is_shown_paused_resumed_and_reordered(rest: Rest) -> None:
    first, second, third = (rest.submit(name=name)["id"] for name in ("alpha", "beta", "gamma"))
    shown = danlu(rest, "queue")
    assert shown.returncode == 0
    lines = [
        line for line in shown.stdout.splitlines() if any(name in line for name in ("alpha", "beta", "gamma"))
    ]
    assert [line.split()[:2] for line in lines] == [["1", str(first)], ["2", str(second)], ["3", str(third)]]
    assert "a worker takes it in a moment" in lines[0]
    moved = danlu(rest, "queue", "move", str(third), "--before", str(first))
    assert moved.stdout == f"Run {third} is number 1 in the queue, with priority 0\n"
    assert danlu(rest, "queue", "move", str(third), "--after", str(first)).returncode == 0
    assert printed(danlu(rest, "queue", "move", str(second), "--top", "--json"))["position"] == 1
    assert printed(danlu(rest, "queue", "move", str(first), "--bottom", "--json"))["position"] == 3
    wrong = danlu(rest, "queue", "move", str(first))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "exactly one" in wrong.stderr
    assert danlu(rest, "queue", "pause").stdout == "The queue is paused.\n"
    paused = danlu(rest, "queue")
    assert "The queue is paused by user:local" in paused.stderr
    listing = printed(danlu(rest, "queue", "--json"))
    assert [run["id"] for run in listing["items"]] == [second, third, first]
    assert danlu(rest, "queue", "resume").stdout == "The queue goes on.\n"
    assert rest.get("/queue").json()["paused"] is None
    rest.bring(first, RunState.RUNNING)
    gone = danlu(rest, "queue", "move", str(first), "--top")
    assert gone.returncode == 2
    assert f"Run {first} is running" in gone.stderr


def test_a_run_after_another_one(rest: Rest) -> None:
    first = rest.submit()["id"]
    run = printed(danlu(rest, "submit", "rings", "--after", str(first), "--json"))
    assert (run["after"], run["waiting_reason"]) == (first, f"waits for run #{first}")
    wrong = danlu(rest, "submit", "rings", "--after", "999")
    assert wrong.returncode == 2
    assert "no run 999" in wrong.stderr
