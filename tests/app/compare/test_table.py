"""GET /table: runs in columns, alike on both databases; what changed since; answers that still hold."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from rest import Rest, refused, resting
from sqlalchemy import update

from app.clock import utcnow
from app.compare.table.cache import Bodies
from app.config import Settings
from app.models import Run
from app.runs.words import RunState
from app.workers.queries import MetricSummary, write_metrics


@pytest.fixture
def rest(settings: Settings) -> Iterator[Rest]:
    """A served home on either database."""
    with resting(settings) as served:
        yield served


def give(rest: Rest, run_id: int, **values: float) -> None:
    rows = [
        MetricSummary(tag, 5, last, last if math.isfinite(last) else None, None, 4, None, 6)
        for tag, last in values.items()
    ]
    with rest.served.db.write() as session:
        write_metrics(session, run_id, rows, utcnow())


def table(rest: Rest, **params: Any) -> dict[str, Any]:
    answer = rest.get("/table", **params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_columns_say_what_the_runs_say(rest: Rest) -> None:
    one = rest.submit(params={"lr": 0.1, 'quo"te 日': None}, tags=["a", "b"], seed=7, name="one")
    two = rest.submit(params={}, experiment="other", name="two")
    rest.bring(one["id"], RunState.SUCCEEDED)
    give(rest, one["id"], acc=0.5, loss=math.nan)
    give(rest, two["id"], loss=0.25)
    body = table(rest)
    columns = body["columns"]
    assert columns["id"] == [two["id"], one["id"]]
    assert {len(column) for column in columns.values()} == {2}
    for row in (one["id"], two["id"]):
        at = columns["id"].index(row)
        run = rest.get(f"/runs/{row}").json()
        for name in (
            "name",
            "experiment",
            "state",
            "reason",
            "owner",
            "recipe",
            "seed",
            "priority",
            "tags",
            "params",
            "colour",
        ):
            assert columns[name][at] == run[name], name
    assert columns["finished_at"][1] - columns["started_at"][1] == pytest.approx(
        rest.get(f"/runs/{one['id']}").json()["duration_s"], abs=0.01
    )
    assert columns["finished_at"][0] is None
    assert body["metrics"]["acc"] == {
        "run": [one["id"]],
        "last": [0.5],
        "min": [0.5],
        "max": [None],
        "step": [5],
        "nonfinite": None,
    }
    loss = body["metrics"]["loss"]
    by_run = dict(zip(loss["run"], zip(loss["last"], loss["nonfinite"], strict=True), strict=True))
    assert by_run == {one["id"]: (None, "nan"), two["id"]: (0.25, None)}


def test_runs_are_chosen_and_sorted_as_in_the_list(rest: Rest) -> None:
    ids = [
        rest.submit(params={"lr": lr}, experiment="one" if lr < 0.5 else "two")["id"]
        for lr in (0.3, 0.1, 0.9)
    ]
    assert table(rest, experiment="one", sort="params.lr")["columns"]["id"] == [ids[1], ids[0]]
    assert table(rest, run=[ids[2], ids[0], 999])["columns"]["id"] == [ids[2], ids[0]]
    assert table(rest, q="lr>0.2", only="ids", sort="-params.lr") == {"total": 2, "ids": [ids[2], ids[0]]}
    assert table(rest, q="nothing")["columns"]["id"] == []
    assert table(rest, q="lr<x", typing=True)["problem"]["position"] == 3
    refused(rest.get("/table", experiment="no"), 404)
    refused(rest.get("/table", experiment="no", only="ids"), 404)
    for name, value in (
        ("sort", "nothing"),
        ("run", 0),
        ("only", "names"),
        ("since", "x"),
        ("since", "2026-01-01T00:00:00"),
        ("nope", 1),
    ):
        refused(rest.get("/table", **{name: value}), 422, name if name != "run" else "run.0")


def test_an_answer_that_still_holds_is_not_sent_again(rest: Rest) -> None:
    run = rest.submit()["id"]
    first = rest.get("/table")
    tag = first.headers["etag"]
    again = rest.http.get("/api/v1/table", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert "no-cache" in first.headers["cache-control"]
    rest.http.patch(f"/api/v1/runs/{run}", json={"name": "renamed"})
    changed = rest.http.get("/api/v1/table", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["columns"]["name"] == ["renamed"]
    assert rest.get("/table", q="renamed").headers["etag"] != changed.headers["etag"]


def test_only_what_changed_since_is_sent(rest: Rest) -> None:
    old, new = rest.submit()["id"], rest.submit()["id"]
    with rest.served.db.write() as session:
        session.execute(update(Run).where(Run.id == old).values(updated_at=utcnow().replace(year=2020)))
    version = table(rest)["version"]
    give(rest, old, acc=1)
    give(rest, new, acc=2)
    body = table(rest, since=version)
    assert body["total"] == 2
    assert body["columns"]["id"] == [new]
    assert body["metrics"]["acc"]["run"] == [new]


@pytest.mark.parametrize(
    "since", ["2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)  # fmt: skip
def test_a_version_that_is_none_is_refused_by_its_name(rest: Rest, since: str) -> None:
    rest.submit()
    refused(rest.get("/table", since=since), 422, "since")


def test_numbers_that_json_does_not_know_are_null(rest: Rest) -> None:
    if not rest.served.db.is_sqlite:
        pytest.skip("PostgreSQL stores no NaN in JSON")
    run = rest.submit()["id"]
    with rest.served.db.write() as session:
        session.execute(
            update(Run).where(Run.id == run).values(params={"a": math.nan, "b": [math.inf, 1], "c": "NaN"})
        )
    assert table(rest)["columns"]["params"] == [{"a": None, "b": [None, 1], "c": "NaN"}]


def test_five_hundred_tags_of_a_few_runs(rest: Rest) -> None:
    ids = [rest.submit()["id"] for _ in range(3)]
    for run_id in ids:
        give(rest, run_id, **{f"layer.{number}/grad 'n' \"orm\"": number / 7 for number in range(500)})
    metrics = table(rest)["metrics"]
    assert len(metrics) == 500
    assert metrics["layer.6/grad 'n' \"orm\""]["last"] == [pytest.approx(6 / 7)] * 3


def test_kept_answers_are_those_of_their_state_and_bounded(rest: Rest) -> None:
    run = rest.submit(name="before")["id"]
    assert table(rest)["columns"]["name"] == ["before"]
    assert rest.get("/table").content == rest.get("/table").content
    rest.http.patch(f"/api/v1/runs/{run}", json={"name": "after"})
    assert table(rest)["columns"]["name"] == ["after"]
    bodies = Bodies(limit=10)
    for tag, body in (("a", b"1234"), ("b", b"1234"), ("c", b"12345678"), ("d", b"12"), ("c", b"1234")):
        bodies.put(tag, body)
    assert [bodies.get(tag) for tag in "abcd"] == [None, None, b"1234", b"12"]
