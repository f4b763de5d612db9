"""Whatever goes wrong below a route comes out as a clear answer, without a stack and with our headers."""

import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
from fastapi import Depends, Query
from served import Served, serving
from sqlalchemy import exc

from app.auth.deps import public
from app.config import load_settings
from app.errors import Conflict, Invalid, Unavailable

FAILURES: dict[str, tuple[Exception, int, str]] = {
    "locked": (
        exc.OperationalError("", {}, sqlite3.OperationalError("database is locked")),
        503,
        "unavailable",
    ),
    "full": (
        exc.OperationalError("", {}, sqlite3.OperationalError("database or disk is full")),
        507,
        "insufficient_storage",
    ),
    "gone": (
        exc.OperationalError("", {}, psycopg.OperationalError("server closed the connection")),
        503,
        "unavailable",
    ),
    "nul": (exc.DataError("", {}, psycopg.DataError("cannot contain NUL (0x00) bytes")), 422, "invalid"),
    "twice": (
        exc.IntegrityError("", {}, sqlite3.IntegrityError("UNIQUE constraint failed")),
        409,
        "conflict",
    ),
    "bug": (
        exc.ProgrammingError("SELECT secret", {}, sqlite3.ProgrammingError("no such table")),
        500,
        "internal",
    ),
    "pool": (exc.TimeoutError("QueuePool limit"), 503, "unavailable"),
    "integer": (OverflowError("Python int too large to convert to SQLite INTEGER"), 422, "invalid"),
    "unexpected": (RuntimeError("secret detail"), 500, "internal"),
    "own": (Conflict("Not now."), 409, "conflict"),
    "later": (Unavailable("Starting.", retry_after=3), 503, "unavailable"),
    "field": (Invalid("Wrong.", fields={"lr": "Too large."}), 422, "invalid"),
}


def fail(name: str, number: int = Query(0, ge=0)) -> int:
    if name in FAILURES:
        raise FAILURES[name][0]
    return number


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(load_settings(home=tmp_path_factory.mktemp("home"), port=0)) as server:
        server.app.add_api_route("/api/v1/fail/{name}", fail, dependencies=[Depends(public())])
        server.app.add_api_route("/fail/{name}", fail, dependencies=[Depends(public())])
        yield server


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_status(served: Served, name: str) -> None:
    _, status, code = FAILURES[name]
    answer = served.client().get(f"/api/v1/fail/{name}")
    assert answer.status_code == status
    assert answer.json()["error"] == code
    assert answer.json()["detail"]
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("retry-after" in answer.headers) == (status in (503, 507))
    page = served.browser().get(f"/fail/{name}")
    assert page.status_code == status
    assert "<!doctype html>" in page.text.lower()
    assert "secret" not in page.text
    assert "Traceback" not in page.text
    toast = served.client(**{"hx-request": "true"}).get(f"/fail/{name}")
    assert toast.status_code == status
    assert toast.headers["hx-retarget"] == "#toasts"


def test_a_wrong_query_names_its_field(served: Served) -> None:
    answer = served.client().get("/api/v1/fail/none", params={"number": "-1"})
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == ["number"]
    assert served.client().get("/api/v1/fail/field").json()["fields"] == {"lr": "Too large."}


@pytest.mark.parametrize("value", ["5", "null", "%5B1%5D", "x", "[" * 6000, "%7B%7D"])
def test_a_message_cookie_that_we_did_not_write_breaks_no_page(served: Served, value: str) -> None:
    headers = {"cookie": f"danlu_flash={value}", "accept": "text/html"}
    assert served.client(**headers).get("/login").status_code == 200
    assert "Something went wrong" in served.client(**headers).get("/fail/unexpected").text
