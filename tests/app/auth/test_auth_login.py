"""Logging in and out, sessions, cookies, limits."""

import sqlite3
from datetime import timedelta

import pytest
from served import PASSWORD, Serve, Served

from app.auth import sessions, store
from app.auth.passwords import verify
from app.auth.redirects import local_path
from app.auth.throttle import Throttle, client_address
from app.clock import utcnow
from app.config import Settings
from app.errors import TooMany


def test_a_page_sends_to_the_login_and_back(served: Served) -> None:
    served.add_user("ada", "admin")
    browser = served.browser()
    sent = browser.get("/settings?tab=tokens")
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=/settings%3Ftab%3Dtokens"
    login = browser.get(sent.headers["location"])
    assert 'value="/settings?tab=tokens"' in login.text
    answer = browser.post(
        "/login", data={"username": "ADA ", "password": PASSWORD, "next": "/settings?tab=tokens"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/settings?tab=tokens"
    assert browser.get("/settings").status_code == 200
    # only navigation is redirected
    assert served.client(accept="*/*").get("/settings").status_code == 401
    htmx = served.client(**{"hx-request": "true", "hx-current-url": served.url + "/settings?a=1"}).get(
        "/settings"
    )
    assert htmx.headers["hx-redirect"] == "/login?next=/settings%3Fa%3D1"
    for forged in ("http://[bad", "//evil", "javascript:alert(1)", "http://evil//evil"):
        htmx = served.client(**{"hx-request": "true", "hx-current-url": forged}).get("/settings")
        assert htmx.headers["hx-redirect"] == "/login?next=/"


def test_the_cookie_is_out_of_reach(served: Served) -> None:
    served.add_user("ada")
    header = (
        served.browser().post("/login", data={"username": "ada", "password": PASSWORD}).headers["set-cookie"]
    )
    assert "HttpOnly" in header
    assert "SameSite=lax" in header
    assert "Path=/" in header
    assert "Domain" not in header


def test_under_https_the_cookie_is_bound_to_the_host(serve: Serve, sqlite_settings: Settings) -> None:
    served = serve(sqlite_settings.model_copy(update={"public_url": "https://danlu.example.org"}))
    served.add_user("ada")
    client = served.client(host="danlu.example.org", origin="https://danlu.example.org")
    answer = client.post("/login", data={"username": "ada", "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-danlu_session=")
    assert "Secure" in answer.headers["set-cookie"]


def test_a_login_rotates_the_session_and_a_logout_ends_it_on_the_server(served: Served) -> None:
    served.add_user("ada")
    browser = served.log_in("ada")
    first = browser.cookies["danlu_session"]
    assert browser.post("/login", data={"username": "ada", "password": PASSWORD}).status_code == 303
    second = browser.cookies["danlu_session"]
    assert first != second
    old = served.client(cookie=f"danlu_session={first}")
    assert old.get("/api/v1/me").status_code == 401
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.post("/logout").status_code == 303
    assert "danlu_session" not in browser.cookies
    assert served.client(cookie=f"danlu_session={second}").get("/api/v1/me").status_code == 401


def test_an_id_that_somebody_planted_is_never_taken_over(served: Served) -> None:
    served.add_user("ada")
    browser = served.browser()
    browser.cookies.set("danlu_session", "planted", domain="127.0.0.1")
    answer = browser.post("/login", data={"username": "ada", "password": PASSWORD})
    assert "danlu_session=planted" not in answer.headers["set-cookie"]
    assert served.client(cookie="danlu_session=planted").get("/api/v1/me").status_code == 401


def test_a_new_password_logs_every_other_browser_out(served: Served) -> None:
    served.add_user("ada")
    here, there = served.log_in("ada"), served.log_in("ada")
    before = here.cookies["danlu_session"]
    new = "another long sentence"
    wrong = here.post("/settings/password", data={"current": "no", "new": new, "repeat": new})
    assert wrong.status_code == 422
    assert "not your password" in wrong.text
    differ = here.post("/settings/password", data={"current": PASSWORD, "new": new, "repeat": "x"})
    assert differ.status_code == 422
    done = here.post("/settings/password", data={"current": PASSWORD, "new": new, "repeat": new})
    assert done.status_code == 303, done.text
    assert here.cookies["danlu_session"] != before
    assert here.get("/api/v1/me").status_code == 200
    assert there.get("/api/v1/me").status_code == 401
    assert served.client(cookie=f"danlu_session={before}").get("/api/v1/me").status_code == 401
    served.log_in("ada", new)


def test_sessions_end_when_idle_and_in_any_case(served: Served) -> None:
    user_id = served.add_user("ada")
    now = utcnow()
    with served.db.write() as session:
        secret = sessions.start(session, served.settings, user_id, now, user_agent="x\x00\n<b>", old=None)
    notes: list[tuple[str, str]] = []

    def asked_after(**later: float) -> bool:
        moment = now + timedelta(**later)
        found = sessions.authenticate(
            served.db, served.settings, secret, moment, lambda kind, ident, _now: notes.append((kind, ident))
        )
        return found is not None

    assert asked_after(seconds=10)
    assert not notes
    assert asked_after(days=6, hours=23)
    assert notes == [("session", sessions.digest(secret))]
    assert not asked_after(days=7, seconds=1)
    with served.db.write() as session:
        store.touch_session(session, sessions.digest(secret), now + timedelta(days=29))
    assert asked_after(days=29, hours=23)
    assert not asked_after(days=30, seconds=1)


def test_a_used_session_is_noted_off_the_request(served: Served) -> None:
    user_id = served.add_user("ada")
    past = utcnow() - timedelta(hours=2)
    with served.db.write() as session:
        secret = sessions.start(session, served.settings, user_id, past, user_agent="", old=None)
    assert served.client(cookie=f"danlu_session={secret}").get("/api/v1/me").status_code == 200
    served.app.state.touches.close()
    with served.db.read() as session:
        found = store.session_and_user(session, sessions.digest(secret))
    assert found is not None
    assert found[0].last_seen_at > past


def test_twenty_bad_logins_are_stopped_and_others_are_not(served: Served) -> None:
    served.add_user("ada")
    served.add_user("bob")
    answers = [
        # a spoofed address helps nobody
        served.client(**{"x-forwarded-for": f"203.0.113.{number}"}).post(
            "/login", data={"username": "ada", "password": f"wrong {number}"}
        )
        for number in range(20)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 15
    assert 0 < int(answers[-1].headers["retry-after"]) <= 300
    assert "Too many failed logins" in answers[-1].text
    # the right password does not open a locked account either, nor tells itself apart
    right = served.browser().post("/login", data={"username": "ada", "password": PASSWORD})
    assert right.status_code == 429
    served.log_in("bob")
    # who is logged in stays so
    elsewhere = served.app.state.throttle
    elsewhere.attempt("ada", "198.51.100.7")


def test_one_address_cannot_try_many_accounts() -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    for number in range(50):
        throttle.attempt(f"user{number}", "10.0.0.1")
    with pytest.raises(TooMany) as refused:
        throttle.attempt("user99", "10.0.0.1")
    assert refused.value.retry_after == 300
    throttle.attempt("user99", "10.0.0.2")
    now[0] = 301
    throttle.attempt("user99", "10.0.0.1")


def test_a_right_password_gives_its_try_back() -> None:
    throttle = Throttle(clock=lambda: 0.0)
    for _ in range(200):
        throttle.attempt("ada", "10.0.0.1")
        throttle.succeeded("ada", "10.0.0.1")


def test_memory_of_failures_is_bounded() -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    for number in range(21_000):
        throttle.attempt(f"user{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        now[0] += 0.1
    assert len(throttle._tries) < 41_000


class _Peer:
    def __init__(self, host: str, forwarded: list[str]) -> None:
        from starlette.datastructures import Headers

        self.client = type("Client", (), {"host": host})
        self.headers = Headers(raw=[(b"x-forwarded-for", value.encode()) for value in forwarded])


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "seen"),
    [
        ("192.0.2.1", ["203.0.113.9"], [], "192.0.2.1"),
        ("10.0.0.2", ["203.0.113.9"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.2", ["1.1.1.1, 203.0.113.9"], ["10.0.0.2"], "203.0.113.9"),
        ("10.0.0.2", ["203.0.113.9, 10.0.0.7"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.2", ["1.1.1.1", "203.0.113.9"], ["10.0.0.2"], "203.0.113.9"),
        ("10.0.0.2", [], ["10.0.0.2"], "10.0.0.2"),
        ("192.0.2.1", ["203.0.113.9"], ["10.0.0.2"], "192.0.2.1"),
        ("2001:db8:1:2:3::4", [], [], "2001:db8:1:2::/64"),
        ("::1", ["x" * 300], ["::1"], "x" * 100),
    ],
)
def test_the_address_is_the_proxys_word_only_for_named_proxies(
    peer: str, forwarded: list[str], proxies: list[str], seen: str
) -> None:
    assert client_address(_Peer(peer, forwarded), proxies) == seen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil", "/\\evil", "\\\\evil", "/%2F%2Fevil", "%2F%2Fevil", "javascript:alert(1)", "https://evil",
        "/\tevil", "/\n/evil", "/%5Cevil", "/%255Cevil", "", "evil", "/" + "a" * 3000, "/x%0d%0aSet-Cookie:a",
    ],
)  # fmt: skip
def test_next_stays_here(served: Served, wanted: str) -> None:
    assert local_path(wanted) == "/"
    served.add_user("ada")
    browser = served.browser()
    answer = browser.post("/login", data={"username": "ada", "password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == "/"
    assert browser.get("/login", params={"next": wanted}).headers["location"] == "/"


@pytest.mark.parametrize(
    "wanted", ["/runs/12?tab=log", "/compare?run=1&run=2", "/experiments/rings/tensorboard/"]
)
def test_next_keeps_our_pages(wanted: str) -> None:
    assert local_path(wanted) == wanted


def test_an_unknown_user_costs_what_a_known_one_does(served: Served) -> None:
    # By the work, not by the watch: both paths verify one Argon2 hash.
    served.add_user("ada")
    with served.db.read() as session:
        user = store.user_by_name(session, "ada")
    assert user is not None
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    assert verify(user.password_hash, PASSWORD)
    assert not verify(user.password_hash, PASSWORD + " ")
    assert not verify(None, "nobody has this password")
    assert not verify(user.password_hash, "\ud800")
    assert not verify(user.password_hash, "x" * 10_000)
    answers = [
        served.browser().post("/login", data={"username": name, "password": "wrong"})
        for name in ("ada", "nobody", "a b\x00", "")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("Wrong user name or password." in answer.text for answer in answers)


def test_a_disabled_user_is_out_at_once(served: Served) -> None:
    served.add_user("ada", "admin")
    bob_id = served.add_user("bob")
    ada, bob = served.log_in("ada"), served.log_in("bob")
    token = bob.post("/api/v1/tokens", json={"name": "x"}).json()["token"]
    bearer = served.client(authorization=f"Bearer {token}")
    assert bearer.get("/api/v1/me").status_code == 200
    assert ada.post(f"/settings/users/{bob_id}/disable").status_code == 303
    assert bob.get("/api/v1/me").status_code == 401
    assert bearer.get("/api/v1/me").status_code == 401
    assert served.browser().post("/login", data={"username": "bob", "password": PASSWORD}).status_code == 401
    assert ada.post(f"/settings/users/{bob_id}/enable").status_code == 303
    served.log_in("bob")


def test_nothing_secret_is_in_the_database(served: Served) -> None:
    browser = served.browser()
    token = served.setup_token()
    assert (
        browser.post("/setup", data={"key": token, "username": "ada", "password": PASSWORD}).status_code
        == 303
    )
    api_token = browser.post("/api/v1/tokens", json={"name": "ci", "scope": "submit"}).json()["token"]
    invited = browser.post("/settings/users", data={"username": "bob"})
    link_secret = invited.text.split("/welcome?key=")[1].split("<")[0]
    session_id = browser.cookies["danlu_session"]
    dump = "\n".join(sqlite3.connect(served.settings.home / "danlu.db").iterdump())
    assert "ada" in dump
    assert api_token[:14] in dump
    for secret in (PASSWORD, token, api_token, api_token[15:], link_secret, session_id):
        assert secret not in dump
    for path in served.settings.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(
                secret.encode() in content for secret in (PASSWORD, api_token[15:], link_secret, session_id)
            )
