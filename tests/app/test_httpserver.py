"""A request's head is bounded before anybody is asked who they are: the real protocol, over raw sockets."""

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from waiting import wait_for

from app import httpserver
from app.config import load_settings
from app.main import create_app
from danlu.commands.serve import uvicorn_config

ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    settings = load_settings(home=tmp_path_factory.mktemp("home"), port=0)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(create_app(settings), settings, access_log=False))
    server.config.lifespan = "on"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    wait_for(lambda: server.started or not thread.is_alive(), what="the server")
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=30)
    listener.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def whole_answer(sock: socket.socket) -> bytes:
    """One answer of a connection that stays open: head and body may come in pieces."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += sock.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return head


def answer(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    got = b""
    try:
        while piece := sock.recv(65536):
            got += piece
    except ConnectionResetError:  # it closed while we were still sending
        pass
    return got


@pytest.mark.parametrize("unit", [b"a" * 65536, b"X: a\r\n" * 10_000], ids=["one header", "many headers"])
def test_an_endless_head_is_cut_off(port: int, unit: bytes) -> None:
    with connect(port) as sock:
        sock.sendall(ASK + b"X: ")
        sent = 0
        try:
            while sent < 16 << 20:
                sock.sendall(unit)
                sent += len(unit)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert sent < 16 << 20
    with connect(port) as sock:
        sock.sendall(ASK + b"X: " + b"a" * 66_000)
        refused = answer(sock)
        assert refused.startswith(b"HTTP/1.1 431 ")
        assert b'"error": "head_too_large"' in refused


def test_large_bodies_and_requests_in_a_row_are_not_taken_for_heads(port: int) -> None:
    with connect(port) as sock:
        for _ in range(3):
            body = b"x" * 300_000
            length = str(len(body)).encode()
            sock.sendall(
                b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n"
            )
            for start in range(0, len(body), 50_000):
                sock.sendall(body[start : start + 50_000])
            assert whole_answer(sock).startswith(b"HTTP/1.1 404 ")
        for _ in range(50):
            sock.sendall(ASK + b"X: " + b"a" * 9_000 + b"\r\n\r\n")
            assert whole_answer(sock).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_does_not_end_is_dropped(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver, "HEAD_SECONDS", 0.4)
    for begun in (b"", ASK, ASK + b"\r\n" + ASK):
        with connect(port) as sock:
            sock.sendall(begun)
            assert answer(sock).count(b"HTTP/1.1 200 ") == begun.count(b"\r\n\r\n")
