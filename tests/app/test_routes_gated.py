"""Every route says who may call it, and strangers get nothing from the others. New routes are found by themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from served import Served, serving
from starlette.routing import Mount

from app.auth import tokens
from app.auth.deps import MARKER
from app.clock import utcnow
from app.config import load_settings
from app.main import create_app
from app.strict import StrictRoute

PUBLIC = {
    "GET /setup", "POST /setup", "GET /welcome", "POST /welcome", "GET /login", "POST /login", "POST /logout",
    "GET /healthz", "GET /readyz", "MOUNT /static",
}  # fmt: skip
"""What anyone may call. A new entry here is a decision."""


@dataclass(frozen=True)
class Call:
    """One method of one route."""

    method: str
    path: str
    guard: str | None
    body: bool
    """Takes a body that FastAPI parses."""
    strict: bool

    @property
    def url(self) -> str:
        """The path with something in its parameters that could exist."""
        return re.sub(r"{[^}]*}", "1", self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def guard_of(dependant: object) -> str | None:
    """The marker on the route's dependencies, however deep."""
    call = getattr(dependant, "call", None)
    if marker := getattr(call, MARKER, None):
        return str(marker)
    for child in getattr(dependant, "dependencies", []):
        if found := guard_of(child):
            return found
    return None


def calls() -> list[Call]:
    import tempfile

    app = create_app(load_settings(home=tempfile.mkdtemp(), port=0))
    app.state.db.close()
    app.state.touches.close()
    found = []
    for route in iter_route_contexts(app.routes):
        original = route.original_route
        if isinstance(original, Mount):
            found.append(
                Call("MOUNT", original.path, getattr(original.app, MARKER, None), body=False, strict=False)
            )
            continue
        guard = guard_of(getattr(route, "dependant", None))
        methods = sorted((route.methods or {"WEBSOCKET"}) - {"HEAD"})
        body = getattr(route, "body_field", None) is not None
        strict = isinstance(original, StrictRoute)
        found += [Call(method, str(route.path), guard, body=body, strict=strict) for method in methods]
    return found


CALLS = calls()
GUARDED = [call for call in CALLS if str(call) not in PUBLIC]


def test_the_table_was_read() -> None:
    assert len(CALLS) > 30
    assert {"GET /api/v1/me", "GET /", "GET /login"} <= {str(call) for call in CALLS}


def test_every_route_has_a_guard() -> None:
    assert [str(call) for call in CALLS if call.guard is None] == []


def test_only_the_listed_routes_are_public() -> None:
    assert {str(call) for call in CALLS if call.guard == "public"} <= PUBLIC


def test_nothing_that_changes_something_needs_reading_only() -> None:
    own = {"/settings/password", "/settings/logins/end", "/settings/tokens", "/api/v1/tokens"}
    own.add("/tensorboard")  # looking at curves starts one, and it asks for series by POST
    unsafe = [call for call in GUARDED if call.method not in ("GET", "HEAD", "OPTIONS")]
    weak = [str(call) for call in unsafe if (call.guard or "").endswith("read")]
    assert [call for call in weak if not any(path in call for path in own)] == []


def test_every_api_route_reads_strictly() -> None:
    bodies = [call for call in CALLS if call.path.startswith("/api/v1/") and call.body]
    assert len(bodies) >= 3
    assert [str(call) for call in bodies if not call.strict] == []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(load_settings(home=tmp_path_factory.mktemp("home"), port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def strangers(served: Served) -> dict[str, httpx.Client]:
    """Everybody who is nobody."""
    now = utcnow()
    with served.db.write() as session:
        ended = tokens.create(session, name="a", scope="admin", user_id=None, now=now - timedelta(days=99))
        revoked = tokens.create(session, name="b", scope="admin", user_id=None, now=now)
        revoked.row.revoked_at = now
    return {
        "anonymous": served.client(),
        "expired": served.client(authorization=f"Bearer {ended.secret}"),
        "revoked": served.client(authorization=f"Bearer {revoked.secret}"),
        "unknown": served.client(authorization=f"Bearer {tokens.generate()[0]}"),
        "planted": served.client(cookie="danlu_session=planted"),
    }


@pytest.mark.parametrize("call", GUARDED, ids=str)
def test_strangers_get_nothing(served: Served, strangers: dict[str, httpx.Client], call: Call) -> None:
    for who, client in strangers.items():
        answer = client.request(call.method, call.url, headers={"origin": served.url})
        assert answer.status_code == 401, (who, answer.status_code, answer.text[:200])
        browser = client.request(call.method, call.url, headers={"origin": served.url, "accept": "text/html"})
        assert browser.status_code in (401, 303), who
        if browser.status_code == 303:
            assert browser.headers["location"].startswith("/login?next=/")


@pytest.mark.parametrize(
    "call", [call for call in GUARDED if call.guard not in ("read", "page:read")], ids=str
)
def test_a_reading_token_only_reads(served: Served, call: Call) -> None:
    with served.db.write() as session:
        reading = tokens.create(session, name="r", scope="read", user_id=None, now=utcnow())
    answer = served.client(authorization=f"Bearer {reading.secret}").request(call.method, call.url)
    assert answer.status_code == 403
