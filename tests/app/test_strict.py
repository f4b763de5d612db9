"""Bodies that poison a database or a later reader are refused, over real HTTP, and leave nothing behind."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from served import Served, serving

from app.auth.tokens import create_local_token
from app.clock import utcnow
from app.config import load_settings
from app.errors import AppError, Invalid
from app.middleware import DRAIN_BYTES
from app.strict import InvalidJson, parse

GOOD = [
    b"{}", b"[]", b'""', b"0", b"null", b'{"a": [1, 2.5, -1e3, true, null, "x"]}', b" \n{}\n",
    str(2**63 - 1).encode(), str(-(2**63)).encode(), b"1e308", '"丹炉 \\ud83d\\ude00 😀"'.encode(), b'"[[[[[{{{{"',
    b"[" * 64 + b"]" * 64, b'{"a\\"[": "\\\\"}', b"-0", b"1E-400",
]  # fmt: skip
BROKEN = [
    b"", b"{", b"{'a': 1}", b"[1,]", b"NaN", b"Infinity", b"-Infinity", b'{"a": NaN}', b'{"a": [1, Infinity]}',
    b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'"\xff"', b'"\xed\xa0\x80"', b"[" * 65 + b"]" * 65, b"[" * 100_000,
    b'{"a":' * 100_000, b'"a\nb"', b"01", b"+1", b"1.", b".5", b"0x10", b"{} {}", b'"\\u12"', b'"\\x41"', b'"abc',
    b"/*c*/ {}", b'{"a" 1}', b"{1: 2}", b'"' + b'\\"' * 200_000, b'"' * 300_001, b"\\" * 500_000,
]  # fmt: skip
WRONG = [
    (b'{"a": 9223372036854775808}', "a"),
    (b'{"a": {"lr": [0, -9223372036854775809]}}', "a.lr.1"),
    (b'{"a": ' + b"9" * 5000 + b"}", "a"),
    (b'{"a": 1e400}', "a"),
    (b'{"a": -1e400}', "a"),
    (b'{"a": 0.' + b"1" * 5000 + b"}", "a"),
    (b'{"a": "\\u0000"}', "a"),
    (b'{"a": "\\ud800"}', "a"),
    (b'{"\\udc00": 1}', "?"),
    (b'{"b\\u0000": 1}', "b?"),
    (b'{"a": 1, "a": 2}', "a"),
    (b'{"p": {"lr": 1, "x": 2, "lr": 3}}', "p.lr"),
    (b'{"a": {"b": 1}, "a": {"b": "\\u0000"}}', "a"),
    (b"9223372036854775808", "body"),
]


@pytest.mark.parametrize("raw", GOOD, ids=lambda raw: repr(raw[:20]))
def test_json_is_read(raw: bytes) -> None:
    assert parse(raw) == json.loads(raw)


@pytest.mark.parametrize("raw", BROKEN, ids=lambda raw: repr(raw[:20]))
def test_what_is_no_json_is_refused_quickly(raw: bytes) -> None:
    began = time.thread_time()  # of this thread's own work: other tests may load the machine
    with pytest.raises(InvalidJson) as refused:
        parse(raw)
    assert time.thread_time() - began < 1
    assert refused.value.code == "invalid_json"
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(("raw", "field"), WRONG, ids=lambda raw: repr(raw[:20]))
def test_what_cannot_be_kept_is_refused_by_name(raw: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(raw)
    assert list(refused.value.fields or {}) == [field]
    refused.value.detail.encode()


def test_a_million_keys_take_no_second_of_silence() -> None:
    raw = ("{" + ",".join(f'"{number}":0' for number in range(95_000)) + "}").encode()
    assert len(raw) < 1024 * 1024
    began = time.thread_time()
    assert len(parse(raw)) == 95_000
    brackets = b"[" + b"[]," * 340_000 + b"0]"
    assert len(parse(brackets)) == 340_001
    assert time.thread_time() - began < 2


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(load_settings(home=tmp_path_factory.mktemp("home"), port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Served) -> httpx.Client:
    token = create_local_token(served.db, "admin", "admin", utcnow())
    return served.client(authorization=f"Bearer {token}")


BODIES = [*BROKEN, *(raw for raw, _ in WRONG)]


@pytest.mark.parametrize("raw", BODIES, ids=lambda raw: repr(raw[:20]))
def test_over_http_all_of_it_is_a_clear_4xx(client: httpx.Client, raw: bytes) -> None:
    answer = client.post("/api/v1/tokens", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    body = answer.json()
    assert set(body) <= {"error", "detail", "fields"}
    assert body["error"] in ("invalid_json", "invalid")
    assert body["detail"]
    assert [item["name"] for item in client.get("/api/v1/tokens").json()["items"]] == ["admin"]


def test_who_is_nobody_is_told_that_before_anything_about_the_body(served: Served) -> None:
    read = create_local_token(served.db, "read", "read", utcnow())
    callers = {401: served.client(), 403: served.client(authorization=f"Bearer {read}")}
    for path in ("/api/v1/runs", "/api/v1/experiments"):
        for status, caller in callers.items():
            for raw, kind in (
                (b"{", "application/json"),
                (b'{"a":1e999}', "application/json"),
                (b"{}", "text/plain"),
            ):
                answer = caller.post(path, content=raw, headers={"content-type": kind})
                assert answer.status_code == status, (path, raw, answer.text)


def test_a_poisoned_name_is_named(client: httpx.Client) -> None:
    for raw in (
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\udfff"}',
        b'{"name": 1e999}',
        b'{"name": "a", "name": "b"}',
    ):
        answer = client.post("/api/v1/tokens", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        assert list(answer.json()["fields"]) == ["name"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(served: Served, client: httpx.Client) -> None:
    answer = client.post(
        "/api/v1/tokens", content=b" " * (1024 * 1024 + 1), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == "too_large"
    assert "1 MiB" in answer.json()["detail"]
    token = client.headers["authorization"]
    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=10) as connection:
        head = f"POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
        connection.sendall(
            f"{head}Content-Type: application/json\r\nContent-Length: 50000000000\r\n\r\n{{".encode()
        )
        assert b" 413 " in connection.recv(4096)


def test_chunks_without_end_are_cut_off(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 4 * DRAIN_BYTES:
            sent += 2**20
            yield b" " * 2**20

    headers = {"content-type": "application/json"}
    try:
        answer = client.post("/api/v1/tokens", content=endless(), headers=headers)
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        pass  # the server answered and closed while we were still sending
    assert sent < 4 * DRAIN_BYTES
    assert client.get("/api/v1/me").status_code == 200


def test_a_form_over_the_limit_is_refused_too(served: Served) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"username=ada&password="
        for _ in range(40):
            yield b"x" * 65536

    try:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert served.client().post("/login", content=chunks(), headers=headers).status_code == 413
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        pass  # as above


def test_the_limit_is_a_setting_with_a_name() -> None:
    from app.middleware import too_large

    assert "DANLU_BODY_LIMIT_KIB" in too_large(1024).detail
    assert "1 KiB" in too_large(1024).detail
    assert issubclass(InvalidJson, AppError)


def test_every_answer_has_the_headers(served: Served, client: httpx.Client) -> None:
    for path in ("/login", "/api/v1/me", "/nothing", "/static/css/danlu.css"):
        answer = client.get(path, headers={"accept": "text/html"})
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert client.get("/login").headers["cache-control"] == "no-store"
    assert client.get("/static/css/danlu.css").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/static/css/danlu.css?v=abc").headers["cache-control"]


def test_an_error_takes_the_form_of_who_asked(client: httpx.Client) -> None:
    assert client.get("/api/v1/nothing", headers={"accept": "text/html"}).json()["error"] == "not_found"
    page = client.get("/nothing", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "<!doctype html>" in page.text.lower()
    toast = client.post("/settings/users/999/link", headers={"hx-request": "true"})
    assert toast.status_code == 404
    assert toast.headers["hx-retarget"] == "#toasts"
    assert "<!doctype" not in toast.text.lower()
    assert client.get("/nothing").json()["error"] == "not_found"
    wrong_method = client.put("/api/v1/me")
    assert wrong_method.status_code == 405
    assert wrong_method.json()["error"] == "method_not_allowed"
    assert "GET" in wrong_method.headers["allow"]


def test_static_files_stay_in_their_folder(client: httpx.Client) -> None:
    for path in (
        "/static/../pyproject.toml",
        "/static/%2e%2e/pyproject.toml",
        "/static/..%2fpyproject.toml",
        "/static/",
    ):
        assert client.get(path).status_code in (404, 405)
