"""GET /table: runs in columns, alike on both databases; what changed since; answers that still hold."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from rest import Rest, refused, resting
from sqlalchemy import update

from app.clock import utcnow
from app.compare.table import routes
from app.compare.table.cache import Bodies, Held
from app.compare.table.patch import patched
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
        bodies.put(tag, Held(tag, None, body))
    assert [bodies.get(tag) for tag in "abcd"] == [None, None, b"1234", b"12"]
    bodies.put("e", Held("c", None, b"12"))
    assert bodies.get("c") is None, "a newer answer to the same question takes its place"
    assert bodies.latest("c") == Held("c", None, b"12")
    assert bodies.latest("a") is None


def whole(rest: Rest, **params: Any) -> dict[str, Any]:
    """The answer as it is made when nothing is held."""
    rest.served.app.state.table_bodies = Bodies()
    return table(rest, **params)


def by_run(body: dict[str, Any]) -> dict[str, Any]:
    """The answer with each metric's runs in order."""
    for one in body["metrics"].values():
        order = sorted(range(len(one["run"])), key=one["run"].__getitem__)
        for name, values in one.items():
            one[name] = values and [values[at] for at in order]
    return body


def touch(rest: Rest, run: int, at: datetime | None = None) -> None:
    with rest.served.db.write() as session:
        session.execute(update(Run).where(Run.id == run).values(updated_at=at or utcnow()))


def test_an_answer_that_is_brought_up_to_date_is_as_one_that_is_asked_for(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [rest.submit(name=f"r{number}", params={"n": [number]})["id"] for number in range(24)]
    old = utcnow().replace(year=2020)
    for place, run in enumerate(ids):
        touch(rest, run, old + timedelta(minutes=place))
        give(rest, run, loss=run / 3, acc=run)
    made = []
    monkeypatch.setattr(routes, "patched", lambda *args: made.append(patched(*args)) or made[-1])

    def check(patches: int, **params: Any) -> None:
        now = table(rest, **params)
        assert len([one for one in made if one is not None]) == patches
        held = rest.served.app.state.table_bodies
        assert by_run(now) == by_run(whole(rest, **params))
        rest.served.app.state.table_bodies = held

    check(0)
    give(rest, ids[3], loss=math.nan, new=0.1)
    rest.http.patch(f"/api/v1/runs/{ids[3]}", json={"name": "named", "tags": ["ä"]})
    check(1)
    rest.bring(ids[5], RunState.CANCELLED)
    assert rest.http.delete(f"/api/v1/runs/{ids[5]}").status_code == 204
    check(2)
    added = rest.submit(name="later")["id"]
    give(rest, added, loss=1, acc=math.inf)
    check(3)
    rest.bring(ids[0], RunState.CANCELLED)
    assert rest.post("/runs/bulk", {"ids": [ids[0]], "action": "archive"}).status_code == 200
    check(4)
    check(4, sort="name")
    rest.http.patch(f"/api/v1/runs/{ids[7]}", json={"name": "a first one"})
    check(5, sort="name")
    # a change that comes to light long after its time is missed by what changed since, and noticed by the sum
    with rest.served.db.write() as session:
        session.execute(
            update(Run).where(Run.id == ids[9]).values(name="late", updated_at=old.replace(year=2021))
        )
    check(5, sort="name")
    for run in ids[6:]:
        touch(rest, run)
    check(5, sort="name")
