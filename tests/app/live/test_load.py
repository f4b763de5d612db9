"""Many streams, slow readers, and what they may not cost the others."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from eventstream import Stream
from reports import running
from rest import Rest
from waiting import wait_for

from app.live import hub as hub_module
from app.live import stream as stream_module
from app.runs.logfile import LogWriter


@contextmanager
def raw_stream(rest: Rest, topics: str, resume: str = "") -> Iterator[socket.socket]:
    """A connection that asked for a stream and reads nothing of it."""
    host, port = rest.served.url.removeprefix("http://").split(":")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((host, int(port)))
        lead = f"GET /api/v1/stream?topics={topics} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        sock.sendall(f"{lead}Last-Event-ID: {resume}\r\n\r\n".encode())
        yield sock


def test_fifty_streams_hold_no_connection_and_slow_nobody(rest: Rest) -> None:
    run, tell = running(rest)
    hub = rest.served.app.state.hub
    pool = rest.served.db.engine.pool
    topics = f"run:{run['id']},metrics:{run['id']},log:{run['id']},experiment:exp,workers"
    with ExitStack() as stack:
        for _ in range(49):
            stack.enter_context(raw_stream(rest, topics))
        stream = stack.enter_context(Stream(rest.http, topics))
        wait_for(lambda: len(hub) == 50, what="50 streams")
        stream.expect("metrics")
        wait_for(lambda: pool.checkedout() == 0, 5, "the connections to be back")  # type: ignore[attr-defined]
        slowest = 0.0
        for step in range(1, 6):
            began = time.monotonic()
            assert rest.http.get("/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            tell(step, loss=float(step))
            point = stream.expect("metrics", lambda data, step=step: data["tags"].get("loss", [0])[0] == step)
            assert point.at - began < 1.5
        assert slowest < 1.0
    wait_for(lambda: len(hub) == 0, what="the end of the streams")
    assert pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_reader_that_takes_nothing_is_dropped_and_blocks_nobody(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "SEND_SECONDS", 1.0)
    run, tell = running(rest)
    writer = LogWriter(rest.folder(run), 64 << 20)
    writer.write(b"a line of sixteen\n" * 1_000_000)
    hub = rest.served.app.state.hub
    with (
        raw_stream(rest, f"log:{run['id']}", f"{run['id']}=0"),
        Stream(rest.http, f"metrics:{run['id']}") as quick,
    ):
        wait_for(lambda: len(hub) == 2, what="both streams")
        for step in range(1, 4):
            began = time.monotonic()
            tell(step, loss=1.0)
            seen = quick.expect("metrics", lambda data, step=step: data["tags"].get("loss", [0])[0] == step)
            assert seen.at - began < 1.0
        wait_for(lambda: len(hub) == 1, 10, "the slow one to be dropped")
    writer.close()


def test_there_is_a_most(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_STREAMS", 1)
    with Stream(rest.http, "workers") as stream:
        stream.expect("workers")
        answer = rest.get("/stream", topics="workers")
        assert answer.status_code == 503
        assert answer.json()["error"] == "unavailable"


def test_the_database_may_be_locked_for_a_while(rest: Rest) -> None:
    run, tell = running(rest)
    with Stream(rest.http, f"metrics:{run['id']}") as stream:
        stream.expect("metrics")
        with rest.served.db.write():  # readers of a WAL go on
            assert rest.http.get("/healthz").status_code == 200
        tell(9, loss=0.1)
        stream.expect("metrics", lambda data: "loss" in data["tags"])
