"""Sweeps over HTTP, on both databases: one request, many runs, all or none."""

from typing import Any

import pytest
from packed import TRAIN, zipped
from rest import Rest, refused
from sqlalchemy import event

from app.runs.words import RunState

BODY: dict[str, Any] = {"experiment": "exp", "recipe": "rings"}
GRID: dict[str, Any] = {"lr": [0.1, 0.01], "seed": [1, 2, 3]}


def sweep(rest: Rest, **fields: Any) -> dict[str, Any]:
    answer = rest.post("/sweeps", BODY | {"grid": GRID} | fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_every_combination_is_a_run_that_says_so(rest: Rest) -> None:
    made = sweep(rest, params={"epochs": 7}, tags=["t"], priority=3)
    runs = made["items"]
    assert [run["name"] for run in runs] == [
        "rings lr=0.1 seed=1", "rings lr=0.1 seed=2", "rings lr=0.1 seed=3",
        "rings lr=0.01 seed=1", "rings lr=0.01 seed=2", "rings lr=0.01 seed=3",
    ]  # fmt: skip
    assert [(run["params"]["lr"], run["seed"]) for run in runs] == [
        (lr, seed) for lr in GRID["lr"] for seed in GRID["seed"]
    ]
    assert [run["position"] for run in runs] == [1, 2, 3, 4, 5, 6]
    for run in runs:
        assert (run["sweep"], run["params"]["epochs"], run["tags"], run["priority"]) == (
            made["sweep"],
            7,
            ["t"],
            3,
        )
        assert run["slug"].endswith(f"-{run['id']}")
        assert [entry["to"] for entry in rest.get(f"/runs/{run['id']}/events").json()["items"]] == ["queued"]
    rest.submit()
    assert [run["id"] for run in rest.items(sweep=made["sweep"], sort="created")] == [
        run["id"] for run in runs
    ]
    assert rest.items(sweep="other") == []
    assert rest.get(f"/runs/{runs[3]['id']}").json() == runs[3]


def test_one_drawn_seed_serves_all_and_what_does_not_vary_is_not_in_the_name(rest: Rest) -> None:
    runs = sweep(rest, name="mine", grid={"lr": [0.1, 0.2], "epochs": [5], "note": ["a b", None]})["items"]
    assert len({run["seed"] for run in runs}) == 1
    assert [run["name"] for run in runs] == [
        'mine lr=0.1 note="a b"', "mine lr=0.1 note=null", 'mine lr=0.2 note="a b"', "mine lr=0.2 note=null",
    ]  # fmt: skip
    assert {run["params"]["epochs"] for run in runs} == {5}
    assert {run["seed"] for run in sweep(rest, grid={"lr": [0.3, 0.4]}, seed=9)["items"]} == {9}


def test_a_key_repeats_the_whole_answer(rest: Rest) -> None:
    body = BODY | {"grid": GRID}
    first = rest.post("/sweeps", body, **{"Idempotency-Key": "k1"})
    again = rest.post("/sweeps", body, **{"Idempotency-Key": "k1"})
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(rest.items()) == 6
    turned = BODY | {"grid": {"seed": GRID["seed"], "lr": GRID["lr"]}}
    refused(rest.post("/sweeps", turned, **{"Idempotency-Key": "k1"}), 422, "Idempotency-Key")
    gone, *left = [run["id"] for run in first.json()["items"]]
    rest.bring(gone, RunState.CANCELLED)
    assert rest.http.delete(f"/api/v1/runs/{gone}").status_code == 204
    again = rest.post("/sweeps", body, **{"Idempotency-Key": "k1"})
    assert [run["id"] for run in again.json()["items"]] == left
    assert len(rest.items()) == 5


@pytest.mark.parametrize(
    ("fields", "wrong", "says"),
    [
        ({"grid": {}}, "grid", "at least one key"),
        ({"grid": {"lr": []}}, "grid", "no values for lr"),
        ({"grid": {"lr": [0.1, 0.2, 0.1]}}, "grid", "0.1 of lr twice"),
        ({"grid": {"lr": [n / 1000 for n in range(1, 502)]}}, "grid", "makes 501 runs; at most 500"),
        ({"grid": {"lr": [0.1], "seed": list(range(501))}}, "grid", "makes 501 runs"),
        ({"grid": {"lr": 0.1}}, "grid.lr", "list"),
        ({"grid": {"lr": [0.1, -1]}}, "grid.lr", "of the value -1"),
        ({"grid": {"lr": [0.1, "x"]}}, "grid.lr", 'of the value "x"'),
        ({"grid": {"wrong": [1]}}, "grid.wrong", ""),
        ({"grid": {"seed": [1, -1]}}, "grid.seed", "whole numbers"),
        ({"grid": {"seed": [1, 1.5]}}, "grid.seed", "whole numbers"),
        ({"grid": {"seed": [1, 2]}, "seed": 3}, "grid.seed", "give it once"),
        ({"params": {"lr": 0.5}}, "grid.lr", "give lr once"),
        ({"params": {"epochs": 0}}, "params.epochs", ""),
        ({"after": 999}, "after", "no run 999"),
        ({"parent": 999}, "parent", "no run 999"),
        ({"recipe": "nope"}, "recipe", "unknown"),
        ({"recipe": None}, "snapshot", "exactly one"),
    ],
)  # fmt: skip
def test_one_wrong_run_and_there_is_none(rest: Rest, fields: dict[str, Any], wrong: str, says: str) -> None:
    body = {key: value for key, value in (BODY | {"grid": GRID} | fields).items() if value is not None}
    answer = refused(rest.post("/sweeps", body), 422, wrong)
    assert says in answer["fields"][wrong].lower()
    assert rest.items() == []
    assert rest.get("/experiments").json()["items"] == []


def test_500_runs_take_the_statements_of_a_few(rest: Rest) -> None:
    statements: list[str] = []
    event.listen(rest.served.db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    sweep(rest, grid={"lr": [0.5]})
    few = len(statements)
    statements.clear()
    runs = sweep(rest, grid={"lr": [n / 1000 for n in range(1, 101)], "seed": [1, 2, 3, 4, 5]})["items"]
    assert len(runs) == len({run["slug"] for run in runs}) == 500
    assert runs[-1]["position"] == 501
    others = [text for text in statements if not text.startswith("INSERT")]
    assert len(others) <= few + 12


def test_scripts_are_swept_by_their_options(rest: Rest) -> None:
    files = {
        "train.py": TRAIN,
        "seeded.py": 'import argparse\np = argparse.ArgumentParser()\np.add_argument("--seed", type=int, default=0)\np.parse_args()\n',
    }
    code = rest.http.post("/api/v1/snapshots?filename=x.zip", content=zipped(files)).json()["id"]
    body = {"experiment": "exp", "snapshot": code, "entrypoint": "train.py"}
    made = rest.post("/sweeps", body | {"args": ["--mystery", "7"], "grid": GRID})
    assert made.status_code == 201, made.text
    runs = made.json()["items"]
    assert [run["seed"] for run in runs] == [1, 2, 3, 1, 2, 3]  # it has no such option: the run's own
    assert runs[3]["args"] == ["--lr", "0.01", "--mystery", "7"]
    assert (runs[3]["name"], runs[3]["params"]["lr"]) == ("train lr=0.01 seed=1", 0.01)
    made = rest.post("/sweeps", body | {"entrypoint": "seeded.py", "grid": {"seed": [4, 5]}})
    runs = made.json()["items"]
    assert [run["args"] for run in runs] == [["--seed", "4"], ["--seed", "5"]]
    assert len({run["seed"] for run in runs}) == 1
    both = rest.post("/sweeps", body | {"args": ["--lr", "0.5"], "grid": {"lr": [0.1]}})
    assert "give it once" in refused(both, 422, "grid.lr")["fields"]["grid.lr"]
    refused(rest.post("/sweeps", body | {"grid": {"nope": [1]}}), 422, "grid.nope")
