"""The first start: exactly one administrator, by the bearer of the link."""

import stat
import threading
from datetime import timedelta

from served import PASSWORD, Serve, Served

from app.auth import setup, store
from app.auth.setup import read_link, setup_file, setup_link
from app.clock import utcnow
from app.config import Settings


def form(token: str, **more: str) -> dict[str, str]:
    return {"key": token, "username": "ada", "password": PASSWORD, "repeat": PASSWORD} | more


def test_the_link_opens_the_form_survives_a_reload_and_logs_in(served: Served) -> None:
    link = setup_link(served.settings, served.db)
    assert link is not None
    assert link.startswith(served.url + "/setup?key=")
    browser = served.browser()
    first = browser.get(link)
    assert first.status_code == 303
    assert first.headers["location"] == "/setup"
    assert first.headers["referrer-policy"] == "no-referrer"
    for _ in range(2):
        reloaded = browser.get("/setup")
        assert reloaded.status_code == 200
        assert "Create the administrator" in reloaded.text
    # opened again from the terminal, in another browser too
    assert served.browser().get(link).status_code == 303
    done = browser.post("/setup", data={"username": "Ada", "password": PASSWORD, "repeat": PASSWORD})
    assert done.status_code == 303, done.text
    assert browser.get("/api/v1/me").json()["name"] == "ada"
    assert browser.get("/api/v1/me").json()["scopes"] == ["admin", "read", "submit"]
    assert "Welcome, ada" in browser.get("/settings").text
    assert "Welcome, ada" not in browser.get("/settings").text


def test_the_file_is_private_and_goes_away(served: Served) -> None:
    path = setup_file(served.settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    browser = served.browser()
    token = served.setup_token()
    assert browser.post("/setup", data=form(token)).status_code == 303
    assert not path.exists()
    assert setup_link(served.settings, served.db) is None
    for answer in (
        served.browser().get("/setup"),
        served.browser().get(f"/setup?key={token}"),
        served.browser().post("/setup", data=form(token, username="eve")),
    ):
        assert answer.status_code == 404


def test_without_the_token_or_after_its_time_nothing_opens(served: Served) -> None:
    assert served.browser().get("/setup").status_code == 403
    for token in ("", "wrong", "\ud7ff", served.setup_token()[:-1]):
        assert served.browser().post("/setup", data=form(token)).status_code == 403
    link = read_link(served.settings)
    assert link is not None
    later = utcnow() + timedelta(minutes=served.settings.setup_ttl_minutes, seconds=1)
    path = setup_file(served.settings)
    path.write_text(f"{link.url}\n{(utcnow() - timedelta(seconds=1)).isoformat()}\n")
    assert served.browser().post("/setup", data=form(link.token)).status_code == 403
    fresh = setup_link(served.settings, served.db)
    assert fresh is not None
    assert link.token not in fresh
    fresh_link = read_link(served.settings)
    assert fresh_link is not None
    assert abs((fresh_link.expires_at - later).total_seconds()) < 10


def test_each_start_has_a_new_token(serve: Serve, sqlite_settings: Settings) -> None:
    served = serve(sqlite_settings)
    first = served.setup_token()
    setup.rotate(served.settings, served.db, utcnow())
    assert served.setup_token() != first
    assert served.browser().post("/setup", data=form(first)).status_code == 403


def test_two_at_once_make_one_administrator(serve: Serve, settings: Settings) -> None:
    served = serve(settings)
    token = served.setup_token()
    barrier = threading.Barrier(6)
    statuses: list[int] = []

    def post(name: str) -> None:
        with served.browser() as browser:
            barrier.wait()
            statuses.append(browser.post("/setup", data=form(token, username=name)).status_code)

    threads = [threading.Thread(target=post, args=(f"user{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 404, 404, 404, 404, 404]
    with served.db.read() as session:
        assert [user.role for user in store.all_users(session)] == ["admin"]


def test_a_bad_form_names_its_field_and_keeps_the_link(served: Served) -> None:
    token = served.setup_token()
    browser = served.browser()
    for change, field in (
        ({"password": "short", "repeat": "short"}, "At least 12 characters"),
        ({"repeat": "another password"}, "not the same password"),
        ({"username": "<script>"}, "letters, digits"),
        ({"password": "aaaaaaaaaaaaaaaa", "repeat": "aaaaaaaaaaaaaaaa"}, "Too easy"),
        ({"username": "adaadaadaada", "password": "adaadaadaada", "repeat": "adaadaadaada"}, "Too easy"),
    ):
        answer = browser.post("/setup", data=form(token, **change))
        assert answer.status_code == 422
        assert field in answer.text
        assert "<script>" not in answer.text.split("</head>")[1]
        assert PASSWORD not in answer.text
    assert browser.post("/setup", data=form(token)).status_code == 303
