"""Users: invitations, rights, the last administrator."""

from datetime import timedelta

import httpx
import pytest
from served import PASSWORD, Served

from app.auth import accounts
from app.clock import utcnow
from app.errors import Conflict, NotFound


def link_in(answer: httpx.Response) -> str:
    return answer.text.split('<pre id="new-link"')[1].split(">")[1].split("<")[0]


def test_an_invitation_from_end_to_end(served: Served) -> None:
    served.add_user("ada", "admin")
    ada = served.log_in("ada")
    made = ada.post("/settings/users", data={"username": "Bob", "submit_code": "true"})
    assert made.status_code == 201
    link = link_in(made)
    assert link.startswith(f"{served.url}/welcome?key=")
    assert link not in ada.get("/settings").text
    # before it is used, the name has no password
    assert served.browser().post("/login", data={"username": "bob", "password": ""}).status_code == 401
    assert served.browser().post("/login", data={"username": "bob", "password": "!"}).status_code == 401
    bob = served.browser()
    moved = bob.get(link)
    assert moved.headers["location"] == "/welcome"
    assert "Welcome, bob" in bob.get("/welcome").text
    assert bob.post("/welcome", data={"password": "short", "repeat": "short"}).status_code == 422
    assert bob.post("/welcome", data={"password": PASSWORD, "repeat": PASSWORD}).status_code == 303
    me = bob.get("/api/v1/me").json()
    assert (me["name"], me["scopes"], me["submit_code"]) == ("bob", ["read", "submit"], True)
    assert served.browser().get(link).status_code == 404
    assert (
        served.browser().post("/welcome", data={"key": link.split("=")[1], "password": PASSWORD}).status_code
        == 404
    )


def test_a_new_link_ends_the_old_and_the_old_password_when_used(served: Served) -> None:
    served.add_user("ada", "admin")
    bob_id = served.add_user("bob")
    ada, bob = served.log_in("ada"), served.log_in("bob")
    first = link_in(ada.post(f"/settings/users/{bob_id}/link"))
    second = link_in(ada.post(f"/settings/users/{bob_id}/link"))
    assert bob.get("/api/v1/me").status_code == 200
    new = "yet another sentence"
    assert served.browser().get(first).status_code == 404
    fresh = served.browser()
    assert fresh.post("/welcome", data={"key": second.split("=")[1], "password": new}).status_code == 303
    assert bob.get("/api/v1/me").status_code == 401
    assert fresh.get("/api/v1/me").json()["name"] == "bob"
    assert served.browser().post("/login", data={"username": "bob", "password": PASSWORD}).status_code == 401


def test_a_link_ends_by_itself_and_with_its_user(served: Served) -> None:
    served.add_user("ada", "admin")
    now = utcnow()
    made = accounts.invite(served.db, username="bob", role="member", submit_code=False, now=now)
    assert accounts.invited(served.db, made.secret, now + timedelta(days=6)).username == "bob"
    with pytest.raises(NotFound):
        accounts.accept(served.db, made.secret, PASSWORD, now + timedelta(days=8))
    accounts.set_disabled(served.db, made.user.id, disabled=True, by=None, now=now)
    with pytest.raises(NotFound):
        accounts.invited(served.db, made.secret, now)


def test_members_see_and_do_nothing_of_it(served: Served) -> None:
    ada_id = served.add_user("ada", "admin")
    served.add_user("bob")
    bob = served.log_in("bob")
    assert "ada" not in bob.get("/settings").text
    for path in ("", f"/{ada_id}/link", f"/{ada_id}/rights", f"/{ada_id}/disable", f"/{ada_id}/enable"):
        assert bob.post(f"/settings/users{path}", data={"username": "eve"}).status_code == 403
    assert bob.get("/api/v1/me").json()["submit_code"] is False


def test_there_is_always_an_administrator(served: Served) -> None:
    ada_id = served.add_user("ada", "admin")
    eve_id = served.add_user("eve", "admin")
    ada = served.log_in("ada")
    assert ada.post(f"/settings/users/{ada_id}/disable").status_code == 403
    assert ada.post(f"/settings/users/{ada_id}/rights", data={"role": "member"}).status_code == 403
    assert ada.post(f"/settings/users/{eve_id}/rights", data={"role": "member"}).status_code == 303
    with pytest.raises(Conflict):
        accounts.set_disabled(served.db, ada_id, disabled=True, by=None, now=utcnow())
    with pytest.raises(Conflict):
        accounts.change_user(served.db, ada_id, role="member", by=None)
    assert ada.get("/api/v1/me").json()["scopes"] == ["admin", "read", "submit"]


def test_names_are_plain_and_taken_once(served: Served) -> None:
    served.add_user("ada", "admin")
    ada = served.log_in("ada")
    for name in ("", " ", "ада", "a b", "../x", "<b>", "a\x00", "x" * 64, "-a", "ADA"):
        answer = ada.post("/settings/users", data={"username": name})
        assert answer.status_code == 422, name
        assert 'id="f-username-error"' in answer.text
    assert ada.post("/settings/users", data={"username": "bob", "role": "root"}).status_code == 422
    assert ada.post(f"/settings/users/{2**63}/link").status_code == 422
    assert ada.post("/settings/users/999/link").status_code == 404
