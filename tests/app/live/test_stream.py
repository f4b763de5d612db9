"""The stream as a page sees it, on a real server."""

import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from eventstream import Stream
from reports import running
from rest import Rest
from served import serving
from sqlalchemy import delete, update
from waiting import wait_for

from app.auth import tokens
from app.clock import utcnow
from app.config import Settings
from app.live.collector import Collector
from app.live.hub import Subscription
from app.live.messages import Message
from app.live.topics import Kind, Topic
from app.models import ApiToken, Metric, Run
from app.runs.words import RunState


def test_the_first_events_are_the_present_state(both: Rest) -> None:
    run, tell = running(both)
    tell(3, loss=0.5, acc__val=0.25)
    folder = both.folder(run)
    (folder / "stdout.log").write_bytes(b"hello\nworld\n")
    topics = f"run:{run['id']},metrics:{run['id']},log:{run['id']},experiment:exp,experiments,workers,run:999,experiment:no"
    with Stream(both.http, topics) as stream:
        seen = stream.expect("run").data
        whole = both.get(f"/runs/{run['id']}").json()
        assert {**seen, "duration_s": 0} == {**whole, "duration_s": 0}
        assert stream.expect("metrics").data == {
            "run": run["id"], "tags": {"loss": [3, 0.5], "acc/val": [3, 0.25]},
        }  # fmt: skip
        log = stream.expect("log")
        assert log.data == {"run": run["id"], "offset": 0, "end": 12, "text": "hello\nworld\n"}
        assert log.id == f"{run['id']}=12"
        assert stream.expect("experiment").data == {"slug": "exp", "runs": 1, "states": {"running": 1}}
        assert stream.expect("experiments").data == {"experiments": 1}
        (worker,) = stream.expect("workers").data["workers"]
        assert (worker["id"], worker["alive"]) == ("w1", True)
        assert stream.expect("gone", lambda data: "run" in data).data == {"run": 999}
        assert stream.expect("gone", lambda data: "experiment" in data).data == {"experiment": "no"}
        assert stream.retry == 1000
        assert stream.answer is not None
        assert stream.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.answer.headers["x-accel-buffering"] == "no"


def test_curves_that_get_other_names_are_told_to_be_gone(rest: Rest) -> None:
    run, tell = running(rest)
    tell(1, loss=0.5, acc=0.25)
    with Stream(rest.http, f"metrics:{run['id']}") as stream:
        assert set(stream.expect("metrics").data["tags"]) == {"loss", "acc"}
        with rest.served.db.write() as session:
            session.execute(delete(Metric).where(Metric.run_id == run["id"], Metric.tag == "loss"))
        tell(2, train__loss=0.125)
        seen = stream.expect("metrics", lambda data: "gone" in data).data
        assert seen["gone"] == ["loss"]


def test_a_slow_reader_hears_the_last_names(rest: Rest) -> None:
    topic = Topic(Kind.METRICS, run=1)
    nobody: Any = None
    stream = Subscription((topic,), connection=nobody, principal=nobody)
    stream.offer([Message(topic, "metrics", {"run": 1, "tags": {"a": [1, 1.0], "b": [1, 1.0]}})])
    stream.offer([Message(topic, "metrics", {"run": 1, "tags": {"c": [2, 2.0]}, "gone": ["a"]})])
    stream.offer([Message(topic, "metrics", {"run": 1, "tags": {"b": [3, 3.0]}})])
    (told,) = stream.take()
    assert told.data == {"run": 1, "tags": {"b": [3, 3.0], "c": [2, 2.0]}, "gone": ["a"]}
    stream.offer([Message(topic, "metrics", {"run": 1, "tags": {}, "gone": ["b"]})])
    stream.offer([Message(topic, "metrics", {"run": 1, "tags": {"b": [4, 4.0]}})])
    assert stream.take()[0].data == {"run": 1, "tags": {"b": [4, 4.0]}}


def test_a_step_is_visible_within_a_second(both: Rest) -> None:
    run, tell = running(both)
    delays = []
    with Stream(both.http, f"run:{run['id']},metrics:{run['id']}") as stream:
        stream.expect("metrics")
        for step in range(1, 6):
            began = time.monotonic()
            tell(step, loss=1 / step, broken=float("nan"))
            point = stream.expect("metrics", lambda data, step=step: data["tags"].get("loss", [0])[0] == step)
            assert point.data["tags"] == {"loss": [step, 1 / step], "broken": [step, None, "nan"]}
            seen = stream.expect("run", lambda data, step=step: data["progress"]["step"] == step)
            delays.append(max(point.at, seen.at) - began)
    assert max(delays) < 1.0, delays


def test_the_queue_is_told_of_its_pause_its_order_and_what_runs(rest: Rest) -> None:
    first, second = rest.submit()["id"], rest.submit()["id"]
    with Stream(rest.http, "queue") as stream:
        assert stream.expect("queue").data == {"queued": 2, "running": 0, "paused": None}
        paused = rest.post("/queue/pause").json()["paused"]
        assert stream.expect("queue", lambda data: data["paused"] == paused).data["queued"] == 2
        told = len(stream.events)
        rest.post(f"/runs/{second}/move", {"before": first})
        wait_for(lambda: len(stream.events) > told)
        assert stream.events[-1].data == {"queued": 2, "running": 0, "paused": paused}
        rest.post("/queue/resume")
        stream.expect("queue", lambda data: data["paused"] is None)
        rest.bring(first, RunState.RUNNING)
        stream.expect("queue", lambda data: (data["queued"], data["running"]) == (1, 1))


def test_states_and_deletions_are_told(rest: Rest) -> None:
    run = rest.submit()
    with Stream(rest.http, f"run:{run['id']},experiment:exp,experiments") as stream:
        assert stream.expect("run").data["state"] == "queued"
        rest.bring(run["id"], RunState.SUCCEEDED)
        assert stream.expect("run", lambda data: data["state"] == "succeeded").data["reason"] == "completed"
        stream.expect("experiment", lambda data: data["states"] == {"succeeded": 1})
        second = rest.submit(experiment="other")
        stream.expect("experiments", lambda data: data["experiments"] == 2)
        assert rest.http.delete(f"/api/v1/runs/{run['id']}").status_code == 204
        stream.expect("gone", lambda data: data == {"run": run["id"]})
        stream.expect("experiment", lambda data: data["runs"] == 0)
        assert all(one.data.get("id") != second["id"] for one in stream.events)


def test_a_queued_run_moves_up_without_being_touched(rest: Rest) -> None:
    first, second = rest.submit(), rest.submit()
    with Stream(rest.http, f"run:{second['id']}") as stream:
        assert stream.expect("run").data["position"] == 2
        rest.bring(first["id"], RunState.RUNNING)
        stream.expect("run", lambda data: data["position"] == 1)


def test_a_worker_that_fell_silent_is_told(rest: Rest) -> None:
    from app.models import Worker

    with Stream(rest.http, "workers") as stream:
        stream.expect("workers", lambda data: data["workers"][0]["alive"])
        with rest.served.db.write() as session:
            session.execute(update(Worker).values(last_seen_at=utcnow() - timedelta(hours=1)))
        stream.expect("workers", lambda data: not data["workers"][0]["alive"])


def test_a_pause_between_changes_is_silent(rest: Rest) -> None:
    run, tell = running(rest)
    tell(1, loss=1.0)
    with Stream(rest.http, f"run:{run['id']},metrics:{run['id']}") as stream:
        stream.expect("metrics")
        known = len(stream.events)
        with rest.served.db.write() as session:  # a heartbeat: nothing that anybody would see
            session.execute(update(Run).values(lease_seq=Run.lease_seq + 1))
        tell(2, other=1.0)
        moved = stream.expect("metrics", lambda data: "other" in data["tags"])
        assert moved.data["tags"] == {"other": [2, 1.0]}
        assert len(stream.events) <= known + 2


def test_a_revoked_token_ends_the_stream(sqlite_settings: Settings) -> None:
    with serving(sqlite_settings) as served:
        secret = tokens.create_local_token(served.db, "ci", "read", utcnow())
        other = tokens.create_local_token(served.db, "ci2", "read", utcnow())
        client = served.client()
        assert client.get("/api/v1/stream?topics=workers").status_code == 401
        with (
            Stream(client, "workers", {"authorization": f"Bearer {secret}"}) as stream,
            Stream(client, "workers", {"authorization": f"Bearer {other}"}) as kept,
        ):
            stream.expect("workers")
            kept.expect("workers")
            began = time.monotonic()
            with served.db.write() as session:
                session.execute(update(ApiToken).where(ApiToken.name == "ci").values(revoked_at=utcnow()))
            assert stream.ended.wait(5)
            assert time.monotonic() - began < 5
            assert not kept.ended.is_set()


def test_a_revoked_token_ends_the_stream_when_nothing_can_be_looked_up(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_collector: Collector, _topics: object) -> None:
        raise LookupError("a row that nobody can read")

    monkeypatch.setattr(Collector, "poll", broken)
    with serving(sqlite_settings) as served:
        secret = tokens.create_local_token(served.db, "ci", "read", utcnow())
        with Stream(served.client(), "workers", {"authorization": f"Bearer {secret}"}) as stream:
            stream.expect("workers")
            with served.db.write() as session:
                session.execute(update(ApiToken).values(revoked_at=utcnow()))
            assert stream.ended.wait(5)


def test_a_logout_ends_the_stream(sqlite_settings: Settings) -> None:
    with serving(sqlite_settings) as served:
        served.add_user("ada", "admin")
        browser = served.log_in("ada")
        watching = served.client(
            cookie="; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        )
        with Stream(watching, "workers") as stream:
            stream.expect("workers")
            assert browser.post("/logout").status_code in (200, 303)
            assert stream.ended.wait(5)


def test_closing_ends_streams_and_refuses_new_ones(rest: Rest) -> None:
    hub = rest.served.app.state.hub
    with Stream(rest.http, "workers") as stream:
        stream.expect("workers")
        assert len(hub) == 1
        rest.served.app.state.hub.close()
        assert stream.ended.wait(2)
    answer = rest.get("/stream", topics="workers")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_the_hub_rests_when_nobody_listens(rest: Rest) -> None:
    hub = rest.served.app.state.hub
    with Stream(rest.http, "workers") as stream:
        stream.expect("workers")
    wait_for(lambda: len(hub) == 0, what="the end of the subscription")
    with Stream(httpx.Client(base_url=rest.served.url, trust_env=False), "workers") as again:
        again.expect("workers")
