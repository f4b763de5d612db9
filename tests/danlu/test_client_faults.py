"""The client, a real server, and what goes wrong between them."""

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.tcp_proxy import Proxy, proxied
from rest import Rest, resting
from served import serving
from waiting import wait_for

import danlu.rest
from app.clock import utcnow
from app.config import Settings
from app.runs import queue
from app.runs.logfile import LogWriter
from app.runs.words import Reason, RunState
from danlu.client import ApiError, Client, LiveEvent, Run, UnreachableError


class Counting(httpx.HTTPTransport):
    """The network, and what was sent over it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return super().handle_request(request)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as served:
        yield served


@pytest.fixture
def proxy(rest: Rest) -> Iterator[Proxy]:
    with proxied(rest.served.url) as made:
        yield made


@pytest.fixture
def network() -> Counting:
    return Counting()


@pytest.fixture
def client(proxy: Proxy, network: Counting, tmp_path: Path) -> Iterator[Client]:
    with Client(proxy.url, home=tmp_path, transport=network, timeout=20) as made:
        yield made


@pytest.mark.parametrize("trouble", ["lose", "hold"])
def test_a_submit_whose_answer_is_lost_makes_one_run(
    trouble: str, proxy: Proxy, rest: Rest, network: Counting, tmp_path: Path
) -> None:
    with Client(proxy.url, home=tmp_path, transport=network, timeout=2) as client:
        setattr(proxy, trouble, 2)
        run = client.submit("exp", "free", {"lr": 0.1})
    assert proxy.lost == 2
    assert [item["id"] for item in rest.items()] == [run.id]
    assert len({request.headers["Idempotency-Key"] for request in network.sent}) == 1


def test_whatever_answer_is_lost_the_outcome_is_that_of_one_call(
    client: Client, proxy: Proxy, rest: Rest
) -> None:
    def losing(action: Callable[[], Any]) -> Any:
        proxy.lose, before = 2, proxy.lost
        result = action()
        assert proxy.lost == before + 2
        return result

    run = losing(lambda: client.submit("exp", "free"))
    assert losing(lambda: run.change(name="new")).name == "new"
    copy = losing(lambda: run.clone(seed=3))
    assert losing(copy.cancel).state == "cancelled"
    again = losing(copy.retry)
    assert sorted(item["id"] for item in rest.items()) == [run.id, copy.id, again.id]
    losing(copy.delete)
    assert sorted(item["id"] for item in rest.items()) == [run.id, again.id]
    assert losing(lambda: client.create_experiment("Rings", "More")).slug == "rings"
    assert {item.slug for item in client.experiments()} == {"exp", "rings"}
    losing(lambda: client.delete_experiment("rings"))
    assert [item.slug for item in client.experiments()] == ["exp"]
    python = sys.executable
    assert losing(lambda: client.create_environment("mine", python)).python == python
    assert [item.name for item in client.environments()] == ["mine"]
    losing(lambda: client.delete_environment("mine"))
    assert client.environments() == []
    token = client.create_token("laptop")
    losing(lambda: client.delete_token(token.id))
    assert dict(losing(run.metrics)) == {}


def test_a_token_whose_answer_is_lost_is_no_second_one(client: Client, proxy: Proxy) -> None:
    proxy.lose = 1
    with pytest.raises(UnreachableError):
        client.create_token("laptop")
    assert [token.name for token in client.tokens()] == ["laptop"]


def test_a_download_goes_on_where_it_broke(
    client: Client, proxy: Proxy, rest: Rest, network: Counting, tmp_path: Path
) -> None:
    run = client.submit("exp", "free")
    data = os.urandom(3_000_000)
    (rest.folder(run.data) / "weights.pt").write_bytes(data)
    proxy.cut = 1_000_000
    fetched = run.download("weights.pt", tmp_path / "weights.pt")
    assert hashlib.sha256(fetched.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert proxy.lost == 1
    ranges = [
        request.headers.get("Range") for request in network.sent if request.url.path.endswith("weights.pt")
    ]
    assert ranges[0] is None
    assert int(str(ranges[1]).removeprefix("bytes=").rstrip("-")) > 900_000


def test_a_file_that_changed_meanwhile_is_fetched_anew(
    client: Client,
    proxy: Proxy,
    rest: Rest,
    tmp_path: Path,
    network: Counting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = client.submit("exp", "free")
    path = rest.folder(run.data) / "weights.pt"
    path.write_bytes(b"a" * 2_000_000)
    proxy.cut = 1_000_000
    send = Counting.handle_request

    def changing(transport: Counting, request: httpx.Request) -> httpx.Response:
        if "Range" in request.headers:
            path.write_bytes(b"b" * 1_500_000)
        return send(transport, request)

    monkeypatch.setattr(Counting, "handle_request", changing)
    assert run.download("weights.pt", tmp_path / "w").read_bytes() == b"b" * 1_500_000


class Collected:
    """What a generator gives, read in a thread of its own."""

    def __init__(self, source: Callable[[], Iterator[Any]]) -> None:
        self.items: list[Any] = []
        self.error: BaseException | None = None
        self._source = source
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            for item in self._source():
                self.items.append(item)
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.error = error

    def whole(self) -> list[Any]:
        self.thread.join(30)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.items


def _logs(events: Iterator[LiveEvent]) -> Iterator[str]:
    """The text of a log, until its run has ended."""
    for event in events:
        if event.name == "log":
            yield event.data["text"]
        elif event.name == "run" and event.data["state"] == "succeeded":
            return


def test_those_who_follow_survive_a_restart_of_the_server(sqlite_settings: Settings, tmp_path: Path) -> None:
    with proxied("http://127.0.0.1:1") as proxy, Client(proxy.url, home=tmp_path) as client:
        with resting(sqlite_settings) as rest:
            proxy.aim(rest.served.url)
            run = client.submit("exp", "free")
            token = rest.bring(run.id, RunState.RUNNING)
            assert token is not None
            writer = LogWriter(rest.folder(run.data), 1 << 20)
            writer.write("步 1\n".encode() + "步".encode()[:2])
            seen: list[str] = []
            waiting = Collected(lambda: iter([_waited(client, run.id, seen)]))
            lines = Collected(lambda: client.run(run.id).stream_logs(poll=0.01))
            live = Collected(lambda: _logs(client.stream(f"log:{run.id}", f"run:{run.id}")))
            wait_for(lambda: seen and lines.items and live.items, what="the first look")
            proxy.aim(None)
        looks = len(seen)
        writer.write("步".encode()[2:] + b" 2\nstep 3\n")
        with serving(rest.served.settings) as served:
            proxy.aim(served.url)
            wait_for(lambda: len(seen) > looks or waiting.error, what="a look after the restart")
            wait_for(lambda: "".join(live.items).endswith("3\n"), what="the stream after the restart")
            writer.write(b"the end")
            writer.close()
            wait_for(lambda: "".join(live.items).endswith("end"), what="the end of the log")
            with served.db.write() as session:
                queue.finish(session, run.id, token, Reason.COMPLETED, now=utcnow())
            assert [item.state for item in waiting.whole()] == ["succeeded"]
            assert lines.whole() == ["步 1", "步 2", "step 3", "the end"]
            assert "".join(live.whole()) == "步 1\n步 2\nstep 3\nthe end"


def _waited(client: Client, run_id: int, seen: list[str]) -> Run:
    return client.run(run_id).wait(poll=0.01, on_update=lambda run: seen.append(run.state))


def test_patience_ends(client: Client, proxy: Proxy) -> None:
    run = client.submit("exp", "free")
    proxy.aim(None)
    for follow in (
        lambda: run.wait(patience=0.05, poll=0.01),
        lambda: list(run.stream_logs(patience=0.05, poll=0.01)),
        lambda: next(client.stream("workers", patience=0.05)),
    ):
        with pytest.raises(UnreachableError):
            follow()
    with pytest.raises(TimeoutError, match=r"has not ended after 0\.05 s"):
        run.wait(0.05)


def test_a_run_that_is_deleted_ends_the_waiting(client: Client, rest: Rest) -> None:
    run = client.submit("exp", "free")
    same = client.run(run.id)
    rest.bring(run.id, RunState.CANCELLED)
    run.delete()
    with pytest.raises(ApiError, match="no run"):
        same.wait(5)
