"""GET /runs: filters, sorting alike on both databases, pages that neither skip nor repeat."""

import base64
import json
import math
import random
from typing import Any

from rest import Rest, refused

from app.clock import utcnow
from app.runs.words import RunState
from app.workers.queries import MetricSummary, write_metrics


def all_pages(rest: Rest, limit: int, **params: Any) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        answer = rest.get("/runs", limit=limit, **params, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += [run["id"] for run in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found


def give_metric(rest: Rest, run_id: int, tag: str, value: float) -> None:
    summary = MetricSummary(tag, 5, value, None if math.isnan(value) else value, None, 5, None, 6)
    with rest.served.db.write() as session:
        write_metrics(session, run_id, [summary], utcnow())


def test_filters(rest: Rest) -> None:
    a = rest.submit(name="50% off", notes="ünder_score", tags=["x", "y"], experiment="one")["id"]
    b = rest.submit(name="500 off", notes="under-score", tags=["y", "x%"], experiment="two")["id"]
    c = rest.submit(name="ÄPFEL and Pears", recipe="rings", experiment="two")["id"]
    rest.bring(b, RunState.CANCELLED)

    def ids(**params: Any) -> set[int]:
        return {run["id"] for run in rest.items(**params)}

    assert ids(experiment="two") == {b, c}
    assert ids(state="queued") == {a, c}
    assert ids(state=["queued", "cancelled"]) == {a, b, c}
    assert ids(recipe="rings") == {c}
    assert ids(tag="y") == {a, b}
    assert ids(tag=["x", "y"]) == {a}
    assert ids(tag="x%") == {b}
    assert ids(q="0%") == {a}
    assert ids(q="_") == {a}
    assert ids(q="PEARS") == {c}
    assert ids(q="äpfel") == set()  # only ASCII letters are folded, alike on both databases
    assert ids(q="Äpfel") == {c}
    assert ids(q="'; DROP TABLE run --") == set()
    assert ids(q="(a+)+$" * 20) == set()
    refused(rest.get("/runs", experiment="nothere"), 404)


def test_bad_queries_are_refused_by_name(rest: Rest) -> None:
    rest.submit()
    for params, name in (
        ({"limit": 0}, "limit"), ({"limit": -1}, "limit"), ({"limit": 501}, "limit"), ({"limit": 10**9}, "limit"),
        ({"limit": "x"}, "limit"), ({"state": "done"}, "state.0"), ({"sort": "name;drop"}, "sort"),
        ({"sort": "--name"}, "sort"), ({"sort": "metrics."}, "sort"), ({"sort": "params"}, "sort"), ({"sort": ""}, "sort"),
        ({"cursor": "garbage"}, "cursor"), ({"cursor": "é"}, "cursor"), ({"cursor": ""}, "cursor"),
        ({"q": "\0"}, "q"), ({"tag": "a\0"}, "tag.0"), ({"experiment": "\0"}, "experiment"), ({"stat": "queued"}, "stat"),
        ({"sort": "params.\0"}, "sort"), ({"q": "x" * 501}, "q"),
    ):  # fmt: skip
        refused(rest.get("/runs", **params), 422, name)


def test_forged_cursors_are_refused(rest: Rest) -> None:
    for _ in range(3):
        rest.submit(params={"lr": 1})
    moment = "2026-01-01T00:00:00+00:00"
    for inside in (
        [], {}, 1, None, ["-created"], ["name", moment, 1], ["-created", moment, "1"], ["-created", moment, 2**63],
        ["-created", moment, True], ["-created", moment, 1, 1], ["-created", "2026", 1], ["-created", 5, 1],
        ["-created", "0001-01-01T00:00:00+14:00", 1], ["-created", "9999-12-31T23:59:59-14:00", 1],
        ["-created", moment, None], ["-created", moment, [1]], ["-created", "2026-01-01T00:00:00", 1],
    ):  # fmt: skip
        raw = base64.urlsafe_b64encode(json.dumps(inside).encode()).decode().rstrip("=")
        refused(rest.get("/runs", cursor=raw), 422, "cursor")
    for text in (r'["name","2026-01-01T00:00:00Z",0,"\ud800",1]', '["name","2026-01-01T00:00:00Z",0,"\\u0000",1]',
                 '["-created","2026-01-01T00:00:00Z",NaN]', "[" * 5000):  # fmt: skip
        raw = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        refused(rest.get("/runs", cursor=raw, sort="name" if "name" in text else "-created"), 422, "cursor")


def test_pages_neither_skip_nor_repeat_while_runs_are_added(rest: Rest) -> None:
    first = [rest.submit(name=f"n{n % 3}")["id"] for n in range(12)]
    for sort in ("-created", "-name", "name", "priority", "-updated", "experiment", "duration"):
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            page = rest.get("/runs", limit=5, sort=sort, **cursor).json()
            seen += [run["id"] for run in page["items"]]
            rest.submit(name="n1")
            if page["next"] is None or len(seen) > 100:
                break
            cursor = {"cursor": page["next"]}
        assert len(seen) == len(set(seen)), sort
        assert set(first) <= set(seen), sort


VALUES: list[Any] = [
    3,
    0.5,
    -1e300,
    1e300,
    10**15 + 1,
    0,
    True,
    False,
    "b",
    "B",
    "é",
    "",
    "10",
    None,
    [1],
    {"a": 1},
]


def test_sorting_by_params_is_total_and_alike_on_both_databases(rest: Rest) -> None:
    by_id = {rest.submit(params={"v": value, 'we"ird.key': 1})["id"]: value for value in VALUES}
    missing = rest.submit()["id"]
    up, down = all_pages(rest, 3, sort="params.v"), all_pages(rest, 4, sort="-params.v")
    numbers = [-1e300, 0, False, 0.5, True, 3, 10**15 + 1, 1e300]
    assert sorted(up) == sorted(down) == sorted([*by_id, missing])
    assert [by_id[run_id] for run_id in up[:8]] == numbers
    assert [by_id[run_id] for run_id in down[:8]] == [1e300, 10**15 + 1, 3, True, 0.5, False, 0, -1e300]
    texts = [by_id[run_id] for run_id in up[8:15]]
    assert [text for text in texts if isinstance(text, str)] == ["", "10", "B", "b", "é"]
    assert set(up[-2:]) == {missing, next(run_id for run_id, value in by_id.items() if value is None)}
    assert set(down[-2:]) == set(up[-2:])
    assert len(all_pages(rest, 5, sort='params.we"ird.key')) == len(VALUES) + 1


def test_sorting_by_a_metric_puts_missing_and_nonfinite_last(rest: Rest) -> None:
    runs = [rest.submit()["id"] for _ in range(7)]
    values = {
        runs[0]: 0.5,
        runs[1]: -1.0,
        runs[2]: 2.0,
        runs[3]: float("nan"),
        runs[4]: float("inf"),
        runs[5]: 0.5,
    }
    for run_id, value in values.items():
        give_metric(rest, run_id, "val/acc", value)
        give_metric(rest, run_id, "other", 1.0)
    down = all_pages(rest, 2, sort="-metrics.val/acc")
    assert down == [runs[2], runs[5], runs[0], runs[1], runs[6], runs[4], runs[3]]
    assert all_pages(rest, 3, sort="metrics.val/acc")[:4] == [runs[1], runs[0], runs[5], runs[2]]
    assert len(all_pages(rest, 3, sort="metrics.nothere")) == 7


def test_metrics_stand_in_the_json_with_their_nonfinite_last(rest: Rest) -> None:
    run = rest.submit()
    rest.bring(run["id"], RunState.RUNNING)
    give_metric(rest, run["id"], "loss", 0.25)
    give_metric(rest, run["id"], "bad", float("-inf"))
    shown = rest.get(f"/runs/{run['id']}").json()
    assert shown["metrics"]["loss"] == {
        "last": 0.25, "min": 0.25, "max": None, "step": 5, "min_step": 5, "max_step": None, "count": 6,
    }  # fmt: skip
    assert (shown["metrics"]["bad"]["last"], shown["metrics"]["bad"]["nonfinite"]) == (None, "-inf")
    assert rest.items()[0]["metrics"] == shown["metrics"]


def test_every_sort_works_over_all_states(rest: Rest) -> None:
    runs = [rest.submit(name=random.choice("abc"))["id"] for _ in range(6)]
    for run_id, state in zip(runs, RunState, strict=False):
        rest.bring(run_id, state)
    for sort in (
        "created",
        "updated",
        "started",
        "finished",
        "name",
        "state",
        "recipe",
        "experiment",
        "priority",
        "duration",
    ):
        for sign in ("", "-"):
            assert sorted(all_pages(rest, 2, sort=sign + sort)) == runs, sign + sort
