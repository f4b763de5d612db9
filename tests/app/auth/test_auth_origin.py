"""Other sites, other hosts: CSRF, DNS rebinding, `--auth none`."""

import json
import socket

import httpx
import pytest
from served import PASSWORD, Serve, Served

from app.auth.csrf import origin_of
from app.auth.tokens import create_local_token
from app.clock import utcnow
from app.config import Settings, load_settings
from app.errors import StartupError
from app.middleware import allowed_hosts

METHODS = ["POST", "PUT", "PATCH", "DELETE"]


def cookie_client(served: Served) -> httpx.Client:
    """Logged in, and sending nothing that says where it comes from."""
    served.add_user("ada", "admin")
    secret = served.log_in("ada").cookies["danlu_session"]
    return served.client(cookie=f"danlu_session={secret}")


def foreign(served: Served) -> list[dict[str, str]]:
    port = served.settings.port
    return [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"http://127.0.0.1:{port + 1}"},
        {"origin": f"https://127.0.0.1:{port}"},
        {"origin": f"http://127.0.0.1:{port}.evil.example"},
        {"origin": f"http://127.0.0.1:{port}@evil.example"},
        {"origin": f"http://localhost:{port}"},
        {"referer": f"https://evil.example/?{served.url}"},
        {"origin": "https://evil.example", "referer": f"{served.url}/"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {},
    ]


def test_a_cookie_from_elsewhere_changes_nothing(served: Served) -> None:
    client = cookie_client(served)
    body = {"name": "stolen"}
    for headers in foreign(served):
        assert client.post("/api/v1/tokens", json=body, headers=headers).status_code == 403, headers
        assert client.delete("/api/v1/tokens/1", headers=headers).status_code == 403, headers
        assert client.post("/settings/tokens", data=body, headers=headers).status_code == 403, headers
        assert client.post("/logout", headers=headers).status_code == 403, headers
        # what a page of another site can send without asking first
        plain = client.post(
            "/api/v1/tokens", content=json.dumps(body), headers=headers | {"content-type": "text/plain"}
        )
        assert plain.status_code in (403, 415)
    assert client.get("/api/v1/tokens").json()["items"] == []
    assert client.get("/api/v1/me", headers={"origin": "https://evil.example"}).status_code == 200


def test_our_own_pages_and_bearer_tokens_pass(served: Served) -> None:
    client = cookie_client(served)
    for headers in (
        {"origin": served.url},
        {"origin": served.url.replace("http", "HTTP")},
        {"referer": f"{served.url}/settings?a=1"},
        {"sec-fetch-site": "same-origin"},
    ):
        assert client.post("/api/v1/tokens", json={"name": "x"}, headers=headers).status_code == 201, headers
    token = create_local_token(served.db, "x", "admin", utcnow())
    bearer = served.client(authorization=f"Bearer {token}")
    for headers in foreign(served):
        assert bearer.post("/api/v1/tokens", json={"name": "x"}, headers=headers).status_code == 201, headers


def test_a_cookie_takes_json_as_json_only(served: Served) -> None:
    client = cookie_client(served)
    own = {"origin": served.url}
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/jsonx",
    ):
        headers = own | {"content-type": content_type}
        answer = client.post("/api/v1/tokens", content=b'{"name": "x"}', headers=headers)
        assert answer.status_code == 415, content_type
        assert answer.json()["error"] == "unsupported_media_type"
    headers = own | {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("/api/v1/tokens", content=b'{"name": "x"}', headers=headers).status_code == 201
    # a form route gets nothing out of JSON
    assert client.post("/settings/tokens", json={"name": "x"}, headers=own).status_code == 422


def test_nobody_is_logged_in_by_another_site(served: Served) -> None:
    served.add_user("ada")
    for headers in foreign(served)[:-1]:
        answer = served.client(**headers).post("/login", data={"username": "ada", "password": PASSWORD})
        assert answer.status_code == 403, headers
    # a script that says nothing and carries no cookie may
    assert served.client().post("/login", data={"username": "ada", "password": PASSWORD}).status_code == 303


def raw(served: Served, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


HOSTS = ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0"]
BAD_HOSTS = ["127.0.0.1@evil", "127.0.0.1/evil", "127.0.0.1#", "[::1", "127.0.0.1:x", "a, b", "127.0.0.1?"]


@pytest.mark.parametrize(
    "path", ["/", "/login", "/setup", "/api/v1/me", "/static/css/danlu.css", "/nothing", "/healthz"]
)
def test_other_hosts_are_refused_everywhere(served: Served, path: str) -> None:
    for host in HOSTS:
        answer = served.client(host=host).get(path)
        assert answer.status_code == 421, host
        assert "DANLU_PUBLIC_URL" in answer.text
        assert "evil" not in answer.text
        assert served.client(host=host).post(path).status_code == 421
    for host in BAD_HOSTS:
        assert served.client(host=host).get(path).status_code == 400, host


def test_one_host_header_and_no_rewriting_by_a_stranger(served: Served) -> None:
    two = raw(
        served, b"GET /login HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    assert two.startswith(b"HTTP/1.1 400")
    none = raw(served, b"GET /login HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert none.startswith(b"HTTP/1.1 400")
    headers = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "203.0.113.9",
    }
    token = create_local_token(served.db, "x", "admin", utcnow())
    client = served.client(authorization=f"Bearer {token}", accept="text/html", **headers)
    made = client.post("/settings/users", data={"username": "bob"})
    assert made.status_code == 201
    assert f"{served.url}/welcome?key=" in made.text
    assert "evil.example" not in made.text


def test_good_hosts() -> None:
    def hosts(**values: object) -> set[str]:
        return set(allowed_hosts(load_settings(**values)))

    local = {"localhost", "127.0.0.1", "::1"}
    assert hosts() == local
    assert hosts(host="0.0.0.0") == local
    assert hosts(host="192.0.2.7") == local | {"192.0.2.7"}
    assert hosts(host="0.0.0.0", public_url="https://Danlu.example.org:8443") == local | {"danlu.example.org"}
    # without a login, another name for this machine is one name too many
    assert hosts(auth="none", public_url="https://danlu.example.org") == local


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
def test_names_of_this_machine_are_known(served: Served, host: str) -> None:
    assert served.client(host=host).get("/login").status_code == 200


def test_without_a_login_only_on_this_machine(serve: Serve, home: object) -> None:
    with pytest.raises(StartupError, match="auth"):
        load_settings(home=home, host="0.0.0.0", auth="none")
    served = serve(load_settings(home=home, port=0, auth="none"))
    browser = served.browser()
    assert browser.get("/api/v1/me").json()["via"] == "local"
    assert browser.get("/settings").status_code == 200
    assert browser.get("/login").headers["location"] == "/"
    assert browser.post("/api/v1/tokens", json={"name": "x"}).status_code == 201
    # the CLI says nothing about its origin
    assert served.client().post("/api/v1/tokens", json={"name": "x"}).status_code == 201
    for headers in foreign(served)[:-1]:
        assert served.client(**headers).post("/api/v1/tokens", json={"name": "x"}).status_code == 403, headers
    assert served.client(host="evil.example").get("/api/v1/me").status_code == 421
    assert (
        browser.post(
            "/settings/password", data={"current": "a", "new": PASSWORD, "repeat": PASSWORD}
        ).status_code
        == 403
    )


def test_the_public_address_counts_behind_a_proxy(serve: Serve, sqlite_settings: Settings) -> None:
    served = serve(sqlite_settings.model_copy(update={"public_url": "https://danlu.example.org"}))
    served.add_user("ada")
    client = served.client(host="danlu.example.org")
    form = {"username": "ada", "password": PASSWORD}
    assert (
        client.post("/login", data=form, headers={"origin": "https://danlu.example.org"}).status_code == 303
    )
    assert (
        client.post("/login", data=form, headers={"origin": "https://danlu.example.org:444"}).status_code
        == 403
    )


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://a", "http://a"), ("HTTP://A:80/x?y", "http://a"), ("https://a:443", "https://a"),
        ("https://a:80", "https://a:80"), ("http://[::1]:8000", "http://[::1]:8000"), ("null", None), ("", None),
        ("http://", None), ("http://a:x", None), ("http://[", None), ("http://u@evil", "http://evil"),
    ],
)  # fmt: skip
def test_origins(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin
