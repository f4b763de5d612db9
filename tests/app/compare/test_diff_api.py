"""Two runs compared over REST, on both databases."""

import json
from typing import Any

import pytest
from rest import Rest, refused

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary

CODE = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\nprint(p.parse_args())\n"


def diff(rest: Rest, a: int, b: int, **asked: Any) -> dict[str, Any]:
    answer = rest.get("/compare/diff", a=a, b=b, **asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ended(rest: Rest, log: str, packages: dict[str, str], loss: float, **fields: Any) -> int:
    """A run that has ended, with an output, an environment and a metric."""
    run = rest.submit(**({"recipe": "rings"} | fields))
    token = rest.bring(run["id"], RunState.RUNNING)
    assert token is not None
    folder = rest.folder(run)
    (folder / "stdout.log").write_text(log, encoding="utf-8")
    (folder / ".danlu").mkdir(exist_ok=True)
    record = {"python": "3.13.1", "torch": "2.10", "host": "box", "packages": packages}
    (folder / ".danlu" / "environment.json").write_text(json.dumps(record), encoding="utf-8")
    metric = MetricSummary("loss", step=9, last=loss, min=loss, max=1.0, min_step=1, max_step=2, count=10)
    with rest.served.db.write() as session:
        workers.report(session, run["id"], token, now=utcnow(), progress={}, metrics=[metric])
        queue.finish(session, run["id"], token, Reason.COMPLETED, now=utcnow())
    return int(run["id"])


def snapshot(rest: Rest, text: str) -> str:
    answer = rest.http.post("/api/v1/snapshots?filename=train.py", content=text.encode())
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


def test_two_runs_of_a_recipe(rest: Rest) -> None:
    a = ended(rest, "epoch 1\nloss 0.5\n", {"torch": "2.10"}, 0.5, params={"lr": 0.1}, seed=1)
    b = ended(rest, "epoch 1\nloss 0.4\n", {"torch": "2.11", "new": "1"}, 0.25, params={"lr": 0.3}, seed=2)
    body = diff(rest, a, b)
    assert (body["a"]["id"], body["b"]["id"]) == (a, b)
    assert body["params"][0]["key"] == "lr"
    assert body["params"][0]["delta"] == pytest.approx(0.2)
    assert not any(row["differs"] for row in body["params"][1:])
    assert {row["key"] for row in body["settings"] if row["differs"]} >= {"seed"}
    assert body["metrics"][0]["delta"]["last"] == pytest.approx(-0.25)
    assert body["code"]["kind"] == "recipes"
    assert "rings" in body["code"]["note"]
    assert body["git"]["uncommitted"] == "none"
    assert body["environment"]["packages"]["changed"] == [{"name": "torch", "a": "2.10", "b": "2.11"}]
    assert body["log"]["first"] == {"line": 2, "a": "loss 0.5", "b": "loss 0.4"}
    assert body["log"]["bytes"] == [17, 17]
    masked = diff(rest, a, b, part="log", mask=True)
    assert masked["log"]["same"] is True
    assert masked["params"] is None


def test_two_scripts_line_by_line(rest: Rest) -> None:
    one, two = snapshot(rest, CODE), snapshot(rest, CODE.replace("0.1", "0.2"))
    git = {"commit": "abc", "branch": "main", "dirty": True, "diff": "diff --git a/x b/x\n"}
    script: dict[str, Any] = {"recipe": None, "experiment": "exp"}
    ids = []
    for code, more in ((one, {"git": git}), (two, {"git": git | {"diff": ""}}), (one, {})):
        body = {
            name: value for name, value in (script | {"snapshot": code} | more).items() if value is not None
        }
        answer = rest.post("/runs", body)
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    body = diff(rest, ids[0], ids[1])
    (file,) = body["code"]["files"]
    assert (file["path"], file["status"], file["added"], file["removed"]) == ("train.py", "changed", 1, 1)
    assert [line[0] for line in file["lines"] if line[0] in "+-"] == ["-", "+"]
    assert body["git"]["same_commit"] is True
    assert body["git"]["uncommitted"] == "only a"
    assert body["environment"] is None
    assert body["log"]["same"] is True, "neither has printed anything"
    same = diff(rest, ids[0], ids[2])["code"]
    assert same["same"] is True
    assert "same snapshot" in same["note"]
    other = diff(rest, ids[0], rest.submit(recipe="rings")["id"])["code"]
    assert (other["kind"], other["same"]) == ("mixed", False)


def test_refusals(rest: Rest) -> None:
    run = rest.submit()["id"]
    refused(rest.get("/compare/diff", a=run, b=run), 422, "b")
    refused(rest.get("/compare/diff", a=run), 422, "b")
    assert "999" in refused(rest.get("/compare/diff", a=run, b=999), 404)["detail"]
    refused(rest.get("/compare/diff", a=run, b=999, part="weather"), 422)
