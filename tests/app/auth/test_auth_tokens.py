"""API tokens: scopes, ends, and where they may not stand."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta

import pytest
from served import PASSWORD, Served

from app.auth import deps, store, tokens
from app.auth.tokens import create_local_token, generate, well_formed
from app.clock import utcnow


def bearer(served: Served, token: str) -> dict[str, int]:
    """Status of a call that needs each scope."""
    client = served.client(authorization=f"Bearer {token}")
    return {
        "read": client.get("/api/v1/me").status_code,
        "admin": client.post("/settings/users", data={"username": "<"}).status_code,
    }


def test_a_token_has_a_shape_and_a_checksum() -> None:
    token, prefix = generate()
    assert token.startswith(prefix + "_")
    assert well_formed(token)
    swapped = token[:-1] + ("a" if token[-1] != "a" else "b")
    for bad in (swapped, token + "a", token.upper(), token.replace("danlu", "danly"), "", "danlu_", "丹"):
        assert not well_formed(bad)
    assert len({generate()[0] for _ in range(100)}) == 100


def test_a_local_token_works_before_anybody_has_an_account(served: Served) -> None:
    token = create_local_token(served.db, "ci", "submit", utcnow())
    me = served.client(authorization=f"Bearer {token}").get("/api/v1/me").json()
    assert me == {
        "name": "ci",
        "user_id": None,
        "via": "token",
        "scopes": ["read", "submit"],
        "submit_code": True,
        "auth": "login",
    }


def test_scopes_hold_each_other(served: Served) -> None:
    now = utcnow()
    made = {scope: create_local_token(served.db, scope, scope, now) for scope in ("read", "submit", "admin")}
    assert bearer(served, made["read"]) == {"read": 200, "admin": 403}
    assert bearer(served, made["submit"]) == {"read": 200, "admin": 403}
    assert bearer(served, made["admin"]) == {"read": 200, "admin": 422}


def test_what_is_no_token_is_refused_with_a_remedy(served: Served) -> None:
    good = create_local_token(served.db, "x", "read", utcnow())
    other = generate()[0]
    for header in (f"Basic {good}", good, "Bearer", f"Bearer {good}x", f"Bearer {other}", "Bearer a b", ""):
        answer = served.client(authorization=header).get("/api/v1/me")
        assert answer.status_code == 401, header
        assert answer.json()["error"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert served.client(authorization=f"bearer {good}").get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_in_the_address_is_refused_even_a_good_one(served: Served, name: str) -> None:
    good = create_local_token(served.db, "x", "read", utcnow())
    for client in (served.client(), served.client(authorization=f"Bearer {good}")):
        answer = client.get("/api/v1/me", params={name: good})
        assert answer.status_code == 401
        assert "never from the URL" in answer.json()["detail"]


def test_a_bad_token_is_not_saved_by_a_good_cookie(served: Served) -> None:
    served.add_user("ada")
    browser = served.log_in("ada")
    assert browser.get("/api/v1/me", headers={"authorization": "Bearer nonsense"}).status_code == 401


def test_ends_and_revocation_hold_at_once_in_streams_too(served: Served) -> None:
    now = utcnow()
    with served.db.write() as session:
        user_id = None
        ended = tokens.create(
            session, name="old", scope="read", user_id=user_id, now=now - timedelta(days=91)
        )
        forever = tokens.create(
            session, name="for ever", scope="read", user_id=user_id, now=now - timedelta(days=5000), days=None
        )
    assert bearer(served, ended.secret)["read"] == 401
    assert bearer(served, forever.secret)["read"] == 200
    notes: list[str] = []
    principal = tokens.authenticate(
        served.db, f"Bearer {forever.secret}", now, lambda kind, ident, _now: notes.append(kind + ident)
    )
    assert tokens.by_id(served.db, forever.row.id, now) == principal
    connection = type("Connection", (), {"app": served.app})
    assert deps.still_valid(connection, principal)  # type: ignore[arg-type]
    admin = create_local_token(served.db, "admin", "admin", now)
    client = served.client(authorization=f"Bearer {admin}")
    for _ in range(2):
        assert client.delete(f"/api/v1/tokens/{forever.row.id}").status_code == 204
    assert bearer(served, forever.secret)["read"] == 401
    assert not deps.still_valid(connection, principal)  # type: ignore[arg-type]


def test_a_login_that_ended_or_lost_a_right_ends_its_streams(served: Served) -> None:
    user_id = served.add_user("ada", "admin")
    served.add_user("eve", "admin")
    browser = served.log_in("ada")
    connection = type("Connection", (), {"app": served.app})
    secret = browser.cookies["danlu_session"]
    from app.auth import accounts, sessions

    def now_is() -> deps.Principal:
        found = sessions.authenticate(served.db, served.settings, secret, utcnow(), lambda *_: None)
        assert found is not None
        return found

    admin = now_is()
    assert deps.still_valid(connection, admin)  # type: ignore[arg-type]
    accounts.change_user(served.db, user_id, role="member", by=None)
    assert not deps.still_valid(connection, admin)  # type: ignore[arg-type]
    member = now_is()
    assert deps.still_valid(connection, member)  # type: ignore[arg-type]
    browser.post("/logout")
    assert not deps.still_valid(connection, member)  # type: ignore[arg-type]
    assert not deps.still_valid(connection, deps.LOCAL)  # type: ignore[arg-type]


def test_rest_calls(served: Served) -> None:
    served.add_user("ada", "admin")
    served.add_user("bob")
    ada, bob = served.log_in("ada"), served.log_in("bob")
    made = bob.post("/api/v1/tokens", json={"name": " ci ", "scope": "submit", "expires_days": None})
    assert made.status_code == 201
    body = made.json()
    assert body["name"] == "ci"
    assert body["user"] == "bob"
    assert body["expires_at"] is None
    assert well_formed(body["token"])
    assert bob.post("/api/v1/tokens", json={"name": "boss", "scope": "admin"}).status_code == 403
    token = served.client(authorization=f"Bearer {body['token']}")
    assert token.get("/api/v1/me").json()["user_id"] == bob.get("/api/v1/me").json()["user_id"]
    # a token must not make itself a longer life
    assert token.post("/api/v1/tokens", json={"name": "child"}).status_code == 403
    ninety = ada.post("/api/v1/tokens", json={"name": "a"}).json()
    created, ends = ninety["created_at"], ninety["expires_at"]
    assert created.endswith("Z")
    assert ends > created
    assert "token" not in ada.get("/api/v1/tokens").json()["items"][0]
    assert len(ada.get("/api/v1/tokens").json()["items"]) == 2
    assert [item["name"] for item in bob.get("/api/v1/tokens").json()["items"]] == ["ci"]
    assert bob.delete(f"/api/v1/tokens/{ninety['id']}").status_code == 404
    assert token.delete(f"/api/v1/tokens/{ninety['id']}").status_code == 404
    # it may end itself
    assert token.delete(f"/api/v1/tokens/{body['id']}").status_code == 204
    assert token.get("/api/v1/me").status_code == 401
    assert ada.delete(f"/api/v1/tokens/{2**63 - 1}").status_code == 404
    assert ada.delete(f"/api/v1/tokens/{2**63}").status_code == 422


def test_lists_go_page_by_page(served: Served) -> None:
    token = create_local_token(served.db, "admin", "admin", utcnow())
    client = served.client(authorization=f"Bearer {token}")
    for number in range(6):
        client.post("/api/v1/tokens", json={"name": f"t{number}"})
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get(
            "/api/v1/tokens", params={"limit": 3} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["t5", "t4", "t3", "t2", "t1", "t0", "admin"]
    for bad in ({"limit": "0"}, {"limit": "501"}, {"cursor": "garbage"}, {"cursor": "\x00"}):
        assert client.get("/api/v1/tokens", params=bad).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "scope": "root"}, "scope"),
        ({"name": "x", "expires_days": 0}, "expires_days"),
        ({"name": "x", "expires_days": True}, "expires_days"),
        ({"name": "x", "expires_days": 90.0}, "expires_days"),
        ({"name": "x", "expires_days": "90"}, "expires_days"),
        ({"name": "x", "owner": "ada"}, "owner"),
        ([], "body"),
        ("x", "body"),
    ],
)
def test_wrong_fields_are_named(served: Served, body: object, field: str) -> None:
    token = create_local_token(served.db, "admin", "admin", utcnow())
    answer = served.client(authorization=f"Bearer {token}").post("/api/v1/tokens", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"] == "invalid"
    assert list(answer.json()["fields"]) == [field]


def test_the_page_shows_a_token_once_and_revokes_it(served: Served) -> None:
    served.add_user("ada")
    browser = served.log_in("ada")
    made = browser.post("/settings/tokens", data={"name": "<b>laptop", "scope": "read", "lifetime": "never"})
    assert made.status_code == 201
    token = made.text.split('<pre id="new-token"')[1].split(">")[1].split("<")[0]
    assert well_formed(token)
    assert "&lt;b&gt;laptop" in made.text
    assert "<b>laptop" not in made.text
    page = browser.get("/settings").text
    assert token not in page
    assert token[:14] in page
    with served.db.read() as session:
        row = store.tokens_page(session, user_id=None, token_id=None, before=None, limit=5)[0][0]
    assert browser.post(f"/settings/tokens/{row.id}/revoke").status_code == 303
    assert served.client(authorization=f"Bearer {token}").get("/api/v1/me").status_code == 401
    for data in ({"name": ""}, {"name": "x", "scope": "root"}, {"name": "x", "lifetime": "0"}):
        assert browser.post("/settings/tokens", data=data).status_code == 422
    assert browser.post("/settings/tokens", data={"name": "x", "scope": "admin"}).status_code == 403
    assert PASSWORD not in page


@pytest.mark.parametrize("after", [1e300, 1.5, 0, -1, 2**63, True, "1", None, [1]])
def test_a_forged_cursor_is_refused(served: Served, after: object) -> None:
    raw = json.dumps(["tokens", after]).encode()
    token = create_local_token(served.db, "ci", "read", utcnow())
    client = served.client(authorization=f"Bearer {token}")
    answer = client.get("/api/v1/tokens", params={"cursor": urlsafe_b64encode(raw).decode().rstrip("=")})
    assert answer.status_code == 422, answer.text
    assert "cursor" in answer.json()["fields"]
