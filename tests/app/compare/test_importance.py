"""Which params a metric depends on: the figures, and GET /api/v1/compare/importance on a real server."""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rest import Rest, refused, resting

from app.clock import utcnow
from app.compare.importance import importance
from app.config import load_settings
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary


@pytest.fixture
def rest(home: Path) -> Iterator[Rest]:
    with resting(load_settings(home=home, port=0)) as served:
        yield served


def sweep(n: int) -> tuple[list[dict[str, Any]], list[float]]:
    """Runs whose loss is set by lr in the main, a little by the optimizer, and not at all by the width."""
    rng = random.Random(4)
    params, loss = [], []
    for _ in range(n):
        lr, optimizer = 10 ** rng.uniform(-5, -1), rng.choice(["sgd", "adam"])
        params.append(
            {
                "lr": lr,
                "optimizer": optimizer,
                "width": rng.choice([16, 32, 64]),
                "amp": rng.random() < 0.5,
                "batch": 8,
            }
        )
        loss.append(-math.log10(lr) + (0.6 if optimizer == "sgd" else 0.0) + rng.gauss(0, 0.05))
    return params, loss


def test_what_matters_is_found_and_what_does_not_is_not() -> None:
    found = importance(*sweep(80), "min")
    assert [item.param for item in found.items[:2]] == ["lr", "optimizer"]
    lr, optimizer = found.items[:2]
    assert lr.importance > 0.7
    assert lr.spearman is not None
    assert lr.spearman < -0.9
    assert lr.better == "higher"
    assert (optimizer.kind, optimizer.spearman, optimizer.distinct) == ("category", None, 2)
    assert sum(item.importance for item in found.items) == pytest.approx(1)
    assert all(item.importance < 0.1 for item in found.items[2:])
    assert {item.param: item.kind for item in found.items}["amp"] == "boolean"
    assert found.constant == ["batch"]
    assert found.score is not None
    assert found.score > 0.8
    assert importance(*sweep(80), "min") == found


def test_a_large_metric_may_be_the_better_one() -> None:
    params, loss = sweep(40)
    assert importance(params, loss, "max").items[0].better == "lower"


def test_few_runs_bring_a_caveat_and_very_few_nothing() -> None:
    params, loss = sweep(29)
    assert "Only 29 runs" in importance(params, loss, "min").caveats[0]
    assert not any("Only" in text for text in importance(*sweep(30), "min").caveats)
    few = importance(params[:4], loss[:4], "min")
    assert (few.n, few.items) == (4, [])
    assert few.caveats == ["4 runs have this metric; at least 5 are needed to say anything."]
    five = importance(params[:5], loss[:5], "min")
    assert five.score is None
    assert len(five.items) == 4


def test_noise_is_called_noise() -> None:
    params, loss = sweep(40)
    random.Random(1).shuffle(loss)
    found = importance([{"width": one["width"]} for one in params], loss, "min")
    assert any("mean little" in text for text in found.caveats)


def test_values_of_every_sort_missing_ones_and_a_diverged_run() -> None:
    params, loss = sweep(40)
    loss[7] = 1e300
    for number, one in enumerate(params):
        one["huge"] = 10**400 if number % 2 else 10**399  # no float
        one["mixed"] = [1, "a", None, True, [1], {"b": 2}][number % 6]
        one["nan"] = math.nan if number % 3 else 1.0
        one["wide"] = 1e300 * (number % 4)
        one["name"] = f"run {number}"
        if number % 5 == 0:
            del one["lr"]
    found = importance(params, loss, "min")
    kinds = {item.param: item.kind for item in found.items}
    assert kinds["lr"] == kinds["wide"] == "number"
    assert kinds["mixed"] == kinds["huge"] == kinds["nan"] == kinds["name"] == "category"
    assert {item.param: item.n for item in found.items}["lr"] == 32
    assert found.items[0].param == "lr"


def test_nothing_differs() -> None:
    assert importance([{"a": 1}] * 9, [float(x) for x in range(9)], "min").caveats == [
        "No param differs between these runs."
    ]
    assert importance([{"a": x} for x in range(9)], [0.5] * 9, "min").caveats == [
        "The metric is the same in all of these runs."
    ]


def trained(rest: Rest, n: int) -> list[int]:
    found = []
    for number, (params, loss) in enumerate(zip(*sweep(n), strict=True)):
        run = rest.submit(params=params, name="odd" if number % 2 else "even")["id"]
        token = rest.bring(run, RunState.RUNNING)
        assert token is not None
        summary = MetricSummary(
            "loss", step=9, last=loss, min=loss - 1, max=loss + 1, min_step=1, max_step=2, count=10
        )
        with rest.served.db.write() as session:
            workers.report(session, run, token, now=utcnow(), progress={}, metrics=[summary])
        found.append(run)
        with rest.served.db.write() as session:
            queue.finish(session, run, token, Reason.COMPLETED, now=utcnow())
    return found


def ask(rest: Rest, **params: Any) -> httpx.Response:
    return rest.get("/compare/importance", **params)


def test_over_an_experiment_a_query_and_chosen_runs(rest: Rest) -> None:
    runs = trained(rest, 12)
    rest.submit(params={"lr": 1.0})
    whole = ask(rest, metric="loss", experiment="exp").json()
    assert (whole["n"], whole["left_out"], whole["goal"], whole["summary"]) == (12, 1, "min", "last")
    assert whole["items"][0]["param"] == "lr"
    assert set(whole["items"][0]) == {
        "param", "kind", "n", "distinct", "importance", "spread", "spearman", "p", "better",
    }  # fmt: skip
    assert ask(rest, metric="loss", experiment="exp", q="name:odd").json()["n"] == 6
    assert ask(rest, metric="loss", run=runs[:3]).json()["items"] == []
    assert ask(rest, metric="no/such", experiment="exp").json()["n"] == 0


def test_bad_questions(rest: Rest) -> None:
    refused(ask(rest, metric="loss"), 422, "experiment")
    refused(ask(rest, metric="loss", experiment="exp", summary="mean"), 422, "summary")
    assert ask(rest, metric="loss", experiment="nope").status_code == 404
    answer = ask(rest, metric="loss", experiment="exp", q="lr<")
    assert answer.status_code == 422
    assert "q" in answer.json()["fields"]
