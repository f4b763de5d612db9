"""Groups of seeds over REST, on both databases."""

from typing import Any

import pytest
from rest import Rest, refused

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary


def ended(rest: Rest, value: float, *, seed: int, **fields: Any) -> int:
    """A run that has succeeded with this last value of `loss`."""
    run_id = int(rest.submit(recipe="rings", seed=seed, **fields)["id"])
    token = rest.bring(run_id, RunState.RUNNING)
    assert token is not None
    metric = MetricSummary(
        "loss", step=9, last=value, min=value - 1, max=value, min_step=1, max_step=2, count=10
    )
    with rest.served.db.write() as session:
        workers.report(session, run_id, token, now=utcnow(), progress={}, metrics=[metric])
        queue.finish(session, run_id, token, Reason.COMPLETED, now=utcnow())
    return run_id


def seeds(rest: Rest, **asked: Any) -> dict[str, Any]:
    answer = rest.get("/compare/seeds", **asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_runs_that_differ_in_the_seed_are_one_group(rest: Rest) -> None:
    slow = [ended(rest, 1.0 + n / 10, seed=n, params={"lr": 0.01}) for n in range(3)]
    fast = [ended(rest, 3.0 + n / 10, seed=n, params={"lr": 0.1}) for n in range(4)]
    waiting = rest.submit(recipe="rings", params={"lr": 0.1}, seed=9)["id"]
    body = seeds(rest, experiment="exp")
    assert body["metric"] == "loss"
    assert body["metrics"] == {"loss": 7}
    one, two = body["groups"]
    assert (one["label"], two["label"]) == ("lr 0.1", "lr 0.01")
    assert (one["n"], two["n"]) == (4, 3)
    assert one["mean"] == pytest.approx(3.15)
    assert two["sd"] == pytest.approx(0.1)
    assert two["low"] <= two["mean"] <= two["high"]
    assert one["left_out"] == {"queued": 1}
    assert [run["id"] for run in one["runs"]] == [waiting, *reversed(fast)]
    assert [run["seed"] for run in two["runs"]] == [2, 1, 0]
    assert body["comparison"] is None
    compared = seeds(rest, experiment="exp", a=slow[0], b=fast[0])["comparison"]
    assert (compared["a"], compared["b"]) == (two["key"], one["key"])
    assert compared["mean"] == pytest.approx(2.05)
    assert compared["n"] == [3, 4]
    assert compared["verdict"] == "different"
    least = seeds(rest, run=[*slow, *fast], value="min", a=fast[0], b=slow[1], test="mannwhitney")
    assert least["groups"][1]["mean"] == pytest.approx(0.1)
    assert least["comparison"]["test"] == "Mann-Whitney U test"
    assert least["comparison"]["p"] == pytest.approx(2 / 35)


def test_what_does_not_count_is_named(rest: Rest) -> None:
    ended(rest, 1.0, seed=0)
    ended(rest, 2.0, seed=0)
    ended(rest, float("nan"), seed=1)
    run = rest.submit(recipe="rings", seed=3)["id"]
    rest.bring(run, RunState.SUCCEEDED)
    (group,) = seeds(rest, experiment="exp")["groups"]
    assert (group["n"], group["mean"]) == (1, 2.0)
    assert group["left_out"] == {"repeats a seed": 1, "not finite": 1, "no value": 1}


def test_too_few_seeds_get_a_number_and_no_verdict(rest: Rest) -> None:
    a = [ended(rest, 1.0 + n, seed=n, params={"lr": 0.01}) for n in range(3)]
    b = ended(rest, 9.0, seed=1, params={"lr": 0.1})
    compared = seeds(rest, experiment="exp", a=a[0], b=b)["comparison"]
    assert (compared["p"], compared["verdict"], compared["needed"]) == (None, None, [0, 2])
    assert compared["mean"] == pytest.approx(7.0)


def test_a_param_named_seed_is_the_seed(rest: Rest) -> None:
    for n in range(2):
        run = rest.submit(recipe="free", params={"lr": 1, "random_seed": n}, seed=5)["id"]
        rest.bring(run, RunState.SUCCEEDED)
    (group,) = seeds(rest, experiment="exp")["groups"]
    assert group["seed_param"] == "random_seed"
    assert group["params"] == {"lr": 1}
    assert [run["seed"] for run in group["runs"]] == [1, 0]


def test_filters_and_refusals(rest: Rest) -> None:
    one = ended(rest, 1.0, seed=0, params={"lr": 0.01}, tags=["good"])
    ended(rest, 1.0, seed=0, params={"lr": 0.1})
    assert len(seeds(rest, experiment="exp", q="tag:good")["groups"]) == 1
    assert seeds(rest, experiment="exp", metric="nothing")["groups"][0]["left_out"] == {"no value": 1}
    refused(rest.get("/compare/seeds"), 422, "experiment")
    refused(rest.get("/compare/seeds", experiment="exp", a=one, b=one), 422, "b")
    refused(rest.get("/compare/seeds", experiment="exp", a=one, b=999), 422, "b")
    refused(rest.get("/compare/seeds", experiment="none"), 404)
    refused(rest.get("/compare/seeds", experiment="exp", test="students"), 422, "test")
    assert rest.get("/compare/seeds", experiment="exp", q="lr<").status_code == 422
    assert seeds(rest, run=[999])["groups"] == []
