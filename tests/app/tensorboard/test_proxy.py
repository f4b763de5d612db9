"""The proxy on a real server: with a fake that tells what it was asked, and with the real TensorBoard."""

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from boards import children_of, fake_program, wait_ready, write_scalars
from factories import make_experiment
from served import Served, serving
from waiting import wait_for

from app.config import load_settings
from app.tensorboard.manager import TensorBoards
from app.tensorboard.units import Limits
from app.web import static_url

Fake = Callable[[str], str]
BASE = "/experiments/rings/tensorboard/"


Start = Callable[..., Served]


@contextmanager
def starting(home: Path) -> Iterator[Start]:
    """Serves a home with the experiments `rings` and `other`, with limits of the test's own."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def start(auth: str = "none", **limits: Any) -> Served:
            patch.setattr(Limits, "of", classmethod(lambda cls, settings: cls(**limits)))
            served = stack.enter_context(serving(load_settings(home=home, port=0, auth=auth)))
            with served.db.write() as session:
                make_experiment(session, "rings")
                make_experiment(session, "other")
            write_scalars(served.settings.experiments_dir / "rings" / "run-1")
            return served

        yield start


@pytest.fixture
def serve(home: Path) -> Iterator[Start]:
    with starting(home) as start:
        yield start


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server, for all tests that break nothing, whose TensorBoard of `rings` is the echo, and ready."""
    with starting(tmp_path_factory.mktemp("home")) as start:
        served = start(program=fake_program(tmp_path_factory.mktemp("fake"), "echo"))
        wait_ready(boards_of(served), "rings")
        yield served


def boards_of(served: Served) -> TensorBoards:
    boards: TensorBoards = served.app.state.tensorboards
    return boards


def raw(served: Served, request: bytes) -> bytes:
    """Send bytes as they are and read until the server closes."""
    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def get_raw(served: Served, target: str, extra: str = "", method: str = "GET") -> tuple[int, bytes]:
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{extra}\r\n"
    answer = raw(served, head.encode("latin-1"))
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


@pytest.mark.parametrize(
    "tail",
    [
        "data/x?a=1&a=2&b=%2F%25+%3B%23",
        "data/a%2Fb/c%25d/e+f/g;h/%C3%A9/i%20j?q=%20+~!$'()*",
        "data/x?" + "q" * 8000,
        "data/x?",
        "data/%E4%B8%B9/a:b@c,d=e",
    ],
)
def test_path_and_query_arrive_byte_for_byte(echo: Served, tail: str) -> None:
    status, body = get_raw(echo, BASE + tail)
    assert status == 200
    expected = (BASE + tail).removesuffix("?")
    assert json.loads(body)["line"] == f"GET {expected} HTTP/1.1"


def test_credentials_and_hop_by_hop_headers_do_not_cross(echo: Served) -> None:
    with echo.client() as client:
        answer = client.get(
            BASE + "data/x",
            headers={
                "Cookie": "danlu_session=secret",
                "Connection": "close, X-Mine",
                "X-Mine": "1",
                "TE": "trailers",
                "Proxy-Authorization": "secret",
                "X-Forwarded-For": "1.2.3.4",
                "X-CSRF-Token": "secret",
                "X-TensorBoard-Feature-Flags": "{}",
                "Referer": "http://127.0.0.1/secret",
                "Accept-Encoding": "identity",
            },
        )
    seen = dict(answer.json()["headers"])
    assert "secret" not in answer.text
    assert seen["x-tensorboard-feature-flags"] == "{}"
    assert seen["accept-encoding"] == "identity"
    assert not seen.keys() & {"cookie", "te", "x-mine", "x-forwarded-for", "referer", "proxy-authorization"}
    assert answer.headers["x-kept"] == "1"
    assert not answer.headers.keys() & {"set-cookie", "x-nominated", "x-frame-options"}
    assert answer.headers["cache-control"] == "private, no-store"
    assert "Cookie" in answer.headers["vary"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_post_arrives_with_its_body(echo: Served) -> None:
    with echo.browser() as browser:
        seen = browser.post(BASE + "data/plugin/x", content=b"\x00\xffbody").json()
    assert seen["body"] == "\x00\xffbody"
    assert dict(seen["headers"])["content-length"] == "6"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_by_us(echo: Served, method: str) -> None:
    status, body = get_raw(echo, BASE + "data/x", method=method)
    assert status == 405
    assert b"line" not in body


def test_head_has_the_headers_and_no_body(echo: Served) -> None:
    with echo.client() as client:
        answer = client.head(BASE + "data/x")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 10
    assert answer.content == b""


@pytest.mark.parametrize(
    "tail",
    [
        "..%2fother/tensorboard/data/x",
        "%2e%2e/%2e%2e/other/tensorboard/",
        "%252e%252e/other",
        "data/;/../../x",
        "data/..;/x",
        "data/..\\..\\x",
        "data/..%5c..%5cx",
        "%25252525252e",
        "data/%00",
        "../../other/tensorboard/data/x",
    ],
)
def test_a_path_that_leads_upwards_is_refused(echo: Served, tail: str) -> None:
    status, body = get_raw(echo, BASE + tail)
    assert status == 400, body
    assert b'"line"' not in body


@pytest.mark.parametrize(
    "slug",
    [
        "missing",
        "127.0.0.1:5432",
        "@evil",
        "..",
        "%2e%2e",
        "rings%2f..%2fother",
        "%72ings",
        "RINGS",
        "a%00b",
        "-h",
    ],
)
def test_only_experiments_that_exist(echo: Served, slug: str) -> None:
    status, _ = get_raw(echo, f"/experiments/{slug}/tensorboard/data/x")
    assert status == 404
    assert [name for name in boards_of(echo).statuses() if name != "rings"] == []


def test_upgrade_is_refused(echo: Served) -> None:
    status, _ = get_raw(echo, BASE + "ws", "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n")
    assert status in {400, 403}


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/", BASE),
        (BASE + "data/y?a=1", BASE + "data/y?a=1"),
        ("data/../notifications_note.json", BASE + "notifications_note.json"),
        ("../../other/tensorboard/", BASE + "experiments/other/tensorboard/"),
        ("/elsewhere", BASE + "elsewhere"),
        ("http://evil.example/x", BASE),
        ("//evil.example/x", BASE),
        ("/experiments/other/tensorboard/", BASE + "experiments/other/tensorboard/"),
    ],
)
def test_redirects_stay_inside(echo: Served, to: str, location: str) -> None:
    with echo.client() as client:
        answer = client.get(BASE + "redirect", headers={"X-To": to})
    assert answer.status_code == 302
    assert answer.headers["location"] == location


def test_an_own_host_in_a_redirect_does_not_leak_the_port(echo: Served) -> None:
    port = boards_of(echo).status("rings").port
    with echo.client() as client:
        answer = client.get(BASE + "redirect", headers={"X-To": f"http://127.0.0.1:{port}{BASE}x"})
    assert answer.headers["location"] == BASE + "x"


@pytest.mark.parametrize(
    "path",
    [
        "data/environment",
        "data//environment",
        "data/environment/",
        "%64ata/environment",
        "data/logdir",
        "experiment/x/data/logdir",
    ],
)
def test_no_path_flag_or_port_is_shown(echo: Served, path: str) -> None:
    with echo.client() as client:
        text = client.get(BASE + path).text
    assert "secret" not in text
    assert "6006" not in text
    assert "debug" not in text


def test_a_large_answer_is_streamed_and_let_go(echo: Served) -> None:
    process = psutil.Process()
    log = echo.settings.tensorboard_dir / "rings" / "tensorboard.log"
    with echo.client() as client, client.stream("GET", BASE + f"big/{1 << 30}") as answer:
        before = process.memory_info().rss
        received = 0
        for chunk in answer.iter_raw():
            received += len(chunk)
            if received > 1 << 20:
                break
        assert process.memory_info().rss - before < 32 << 20
    wait_for(lambda: "let go" in log.read_text(), 2, "the proxy to let go of its upstream")


def test_a_large_answer_arrives_whole(echo: Served) -> None:
    with echo.client() as client:
        assert len(client.get(BASE + f"big/{20 << 20}").content) == 20 << 20


def test_an_answer_that_breaks_off_is_not_taken_for_whole(echo: Served) -> None:
    with echo.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(BASE + "abort")


def test_while_it_starts_browsers_get_a_page_that_recovers(serve: Start) -> None:
    served = serve()
    with served.browser() as browser:
        first = browser.get(BASE)
        assert first.status_code == 503
        assert first.headers["retry-after"] == "1"
        assert '<meta http-equiv="refresh" content="1">' in first.text
        # A refresh by <meta> alone would keep a page whose address has a fragment (#timeseries) for ever.
        assert re.findall("<script[^>]*>", first.text) == [
            f'<script src="{static_url("tensorboard/waiting.js")}" data-seconds="1">'
        ]
        assert (
            browser.get(BASE + "data/runs", headers={"Accept": "application/json"}).json()["error"]
            == "unavailable"
        )
        page = wait_for(lambda: (a := browser.get(BASE)).status_code == 200 and a, 30, "TensorBoard's page")
    assert page
    assert "tb-relative-root" in page.text
    assert "(/font-roboto" not in page.text
    assert f"({BASE}font-roboto/" in page.text
    assert page.text.index("/static/tensorboard/boot.js") < page.text.index("index.js")
    policy = page.headers["content-security-policy"]
    assert "'unsafe-eval'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "gstatic" not in policy


def test_the_real_one_behind_the_proxy(serve: Start) -> None:
    served = serve()
    wait_ready(boards_of(served), "rings")
    home = str(served.settings.home)
    with served.browser() as browser:
        assert browser.get(BASE + "data/runs").json() == ["run-1"]
        assert browser.get("/experiments/rings/tensorboard").headers["location"] == BASE
        script = re.search(r'src="(index\.js[^"]*)"', browser.get(BASE).text)
        assert script
        plain = browser.get(BASE + script[1], headers={"Accept-Encoding": "identity"})
        packed = browser.get(BASE + script[1], headers={"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert plain.content == packed.content
        assert "max-age" in plain.headers["cache-control"]
        for path in ("audio", "events"):
            assert browser.get(BASE + path).headers["location"] == BASE
        for path in ("data/environment", "data/logdir", "data/plugins_listing", "data/window_properties"):
            answer = browser.get(BASE + path)
            assert answer.status_code == 200, path
            assert home not in answer.text
        assert browser.get(BASE + "data/environment").json()["data_location"] == "rings"
        font = re.search(r"url\((/[^)]*font-roboto/[^)]*)\)", browser.get(BASE).text)
        assert font
        assert browser.get(font[1]).status_code == 200
        tags = browser.get(BASE + "data/plugin/timeseries/tags").json()
        assert "loss" in json.dumps(tags)


def test_a_killed_one_comes_back_by_asking(serve: Start, fake: Fake) -> None:
    served = serve(program=fake("echo"))
    pid = wait_ready(boards_of(served), "rings").pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    with served.browser() as browser:
        seen = set()

        def back() -> bool:
            seen.add(status := browser.get(BASE + "data/x").status_code)
            return status == 200 and boards_of(served).status("rings").pid not in (None, pid)

        wait_for(back, what="its successor")
    assert seen <= {200, 502, 503}


def test_a_hanging_one_is_a_504_and_the_others_work(
    serve: Start, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tensorboard.proxy.TIMEOUT", httpx.Timeout(0.5))
    served = serve(program=fake("echo"), probe_timeout=0.3, backoff=(0.1,) * 5)
    write_scalars(served.settings.experiments_dir / "other" / "run-1")
    pid = wait_ready(boards_of(served), "rings").pid
    wait_ready(boards_of(served), "other")
    assert pid
    os.kill(pid, signal.SIGSTOP)
    with served.browser() as browser:
        answer = browser.get(BASE + "data/x")
        assert answer.status_code == 504
        assert 'http-equiv="refresh"' in answer.text
        assert browser.get("/experiments/other/tensorboard/data/x").status_code == 200
        wait_for(lambda: browser.get(BASE + "data/x").status_code == 200, what="its successor")


def test_a_failed_one_shows_why_and_a_way_to_try_again(serve: Start, fake: Fake) -> None:
    served = serve(program=fake("crash"), backoff=(), sync=0.05)
    with served.browser() as browser:
        page = wait_for(lambda: (a := browser.get(BASE)).status_code == 502 and a, what="the failure")
        assert page
        assert "no good" in page.text
        assert "&lt;b&gt;" in page.text
        assert "http-equiv" not in page.text
        assert str(served.settings.home) not in page.text
        assert BASE + "_danlu/retry" in page.text
        again = browser.get(BASE + "_danlu/retry")
        assert (again.status_code, again.headers["location"]) == (303, BASE)
        status = browser.get("/api/v1/experiments/rings/tensorboard").json()
        assert status["state"] in {"starting", "failed"}


def test_the_api(serve: Start) -> None:
    served = serve()
    url = "/api/v1/experiments/rings/tensorboard"
    with served.browser() as api:
        assert api.get(url).json() == {
            "state": "stopped", "pid": None, "port": None, "reason": None, "last_used": None, "url": BASE, "runs": 0,
        }  # fmt: skip
        assert api.get("/api/v1/tensorboards").json() == {"items": [], "next": None}
        assert api.post(url).status_code == 202
        ready = wait_for(lambda: (a := api.post(url)).status_code == 200 and a.json(), 30, "TensorBoard")
        assert ready
        assert ready["state"] == "ready"
        assert ready["last_used"].endswith("Z")
        assert [item["experiment"] for item in api.get("/api/v1/tensorboards").json()["items"]] == ["rings"]
        assert api.delete(url).json()["state"] == "stopped"
        assert not psutil.pid_exists(ready["pid"])
        for method in ("GET", "POST", "DELETE"):
            assert api.request(method, "/api/v1/experiments/missing/tensorboard").status_code == 404
    assert all("--die-after-stdin" in child.cmdline() for child in children_of(served.settings))


def test_nothing_without_a_login(serve: Start) -> None:
    served = serve(auth="login")
    with served.client(accept="application/json") as client:
        for path in (BASE, BASE + "data/runs", "/experiments/missing/tensorboard/", "/api/v1/tensorboards"):
            assert client.get(path).status_code == 401, path
        upgraded = client.get(BASE, headers={"Connection": "Upgrade", "Upgrade": "websocket"})
        assert upgraded.status_code == 401
    with served.browser() as browser:
        assert browser.get(BASE).headers["location"].startswith("/login?next=")
    assert children_of(served.settings) == []
