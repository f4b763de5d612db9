"""The calls on the queue over HTTP, on both databases."""

from typing import Any

import pytest
from rest import Rest, refused
from served import serving
from sqlalchemy import event

from app.auth import tokens
from app.clock import utcnow
from app.config import Settings
from app.runs.words import RunState


def queue_of(rest: Rest, **params: Any) -> dict[str, Any]:
    answer = rest.get("/queue", **params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_queue_is_listed_as_it_is_claimed_page_by_page(rest: Rest) -> None:
    ids = [rest.submit(priority=priority)["id"] for priority in (0, 5, 0, -5, 5, 0)]
    rest.bring(rest.submit()["id"], RunState.RUNNING)
    expected = [ids[place] for place in (1, 4, 0, 2, 5, 3)]
    whole = queue_of(rest)
    assert (whole["paused"], whole["next"]) == (None, None)
    assert [run["id"] for run in whole["items"]] == expected
    assert [run["position"] for run in whole["items"]] == [1, 2, 3, 4, 5, 6]
    found, cursor = [], None
    while True:
        page = queue_of(rest, limit=4, **({"cursor": cursor} if cursor else {}))
        found += [run["id"] for run in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == expected
    assert [run["id"] for run in rest.items(state="queued", sort="queue")] == expected
    assert [run["id"] for run in rest.items(state="queued", sort="-queue")] == expected[::-1]
    refused(rest.get("/queue", cursor="nonsense"), 422, "cursor")


def test_moving_a_run_answers_with_its_new_place(rest: Rest) -> None:
    a, b, c = (rest.submit()["id"] for _ in range(3))
    moved = rest.post(f"/runs/{c}/move", {"before": a}).json()
    assert (moved["id"], moved["position"]) == (c, 1)
    assert rest.post(f"/runs/{c}/move", {"after": a}).json()["position"] == 2
    assert rest.post(f"/runs/{c}/move", {"to": "bottom"}).json()["position"] == 3
    assert rest.post(f"/runs/{b}/move", {"to": "top"}).json()["position"] == 1
    timeline = rest.get(f"/runs/{b}/events").json()["items"]
    last = timeline[-1]
    assert (last["actor"], last["from"], last["to"], last["detail"]) == (
        "user:local", "queued", "queued", "moved to the top",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ()), ({"before": 1, "after": 2}, ()), ({"to": "top", "before": 1}, ()), ({"to": "up"}, ("to",)),
        ({"before": "1"}, ("before",)), ({"before": 0}, ("before",)), ({"before": 2**63}, ("before",)),
        ({"before": 999}, ("before",)), ({"behind": 1}, ("behind",)),
    ],
)  # fmt: skip
def test_a_wrong_move_is_refused_by_name(rest: Rest, body: dict[str, Any], fields: tuple[str, ...]) -> None:
    run = rest.submit()["id"]
    refused(rest.post(f"/runs/{run}/move", body), 422, *fields)


def test_a_run_that_is_not_queued_does_not_move(rest: Rest) -> None:
    run, other = rest.submit()["id"], rest.submit()["id"]
    rest.bring(run, RunState.RUNNING)
    assert "is running" in refused(rest.post(f"/runs/{run}/move", {"to": "top"}), 409)["detail"]
    assert "is running" in refused(rest.post(f"/runs/{other}/move", {"before": run}), 409)["detail"]
    refused(rest.post("/runs/999/move", {"to": "top"}), 404)


def test_pause_and_resume_are_seen_and_repeatable(rest: Rest) -> None:
    run = rest.submit()
    assert run["waiting_reason"] == "next; a worker takes it in a moment"
    paused = rest.post("/queue/pause").json()["paused"]
    assert paused["by"] == "user:local"
    assert rest.post("/queue/pause").json() == {"paused": paused}
    assert queue_of(rest)["paused"] == paused
    assert queue_of(rest)["items"][0]["waiting_reason"] == "the queue is paused by local"
    assert "danlu_queue_paused 1\n" in rest.http.get("/metrics/prometheus").text
    for _ in range(2):
        assert rest.post("/queue/resume").json() == {"paused": None}
    assert queue_of(rest)["paused"] is None
    assert "danlu_queue_paused 0\n" in rest.http.get("/metrics/prometheus").text


def test_only_an_administrator_pauses_the_queue(settings: Settings) -> None:
    with serving(settings.model_copy(update={"auth": "login"})) as served:
        with served.db.write() as session:
            made = {
                scope: tokens.create(session, name=scope, scope=scope, user_id=None, now=utcnow()).secret
                for scope in ("read", "submit", "admin")
            }
        clients = {scope: served.client(authorization=f"Bearer {secret}") for scope, secret in made.items()}
        for scope in ("read", "submit"):
            for action in ("pause", "resume"):
                answer = clients[scope].post(f"/api/v1/queue/{action}")
                assert "admin" in refused(answer, 403)["detail"]
        assert clients["admin"].post("/api/v1/queue/pause").json()["paused"]["by"] == "token:admin"
        assert clients["read"].get("/api/v1/queue").json()["paused"]["by"] == "token:admin"
        assert clients["read"].post("/api/v1/runs/1/move", json={"to": "top"}).status_code == 403


def test_after_is_checked_stored_and_explained(rest: Rest) -> None:
    first = rest.submit()
    second = rest.submit(after=first["id"])
    assert (second["after"], second["waiting_reason"]) == (first["id"], f"waits for run #{first['id']}")
    third = rest.post(f"/runs/{second['id']}/clone", {"after": second["id"]}).json()
    assert third["after"] == second["id"]
    assert rest.post(f"/runs/{second['id']}/clone", {}).json()["after"] is None
    rest.bring(first["id"], RunState.SUCCEEDED)
    assert rest.get(f"/runs/{second['id']}").json()["waiting_reason"].startswith("next")
    rest.post(f"/runs/{second['id']}/cancel")
    ended = rest.get(f"/runs/{third['id']}").json()
    assert (ended["state"], ended["reason"]) == ("cancelled", "dependency_failed")
    assert f"#{second['id']}" in ended["detail"]
    body = {"experiment": "exp", "recipe": "free"}
    refused(rest.post("/runs", body | {"after": second["id"]}), 422, "after")
    refused(rest.post("/runs", body | {"after": 999}), 422, "after")
    refused(rest.post("/runs", body | {"after": third["id"] + 2}), 422, "after")  # which would be itself
    retried = rest.post(f"/runs/{third['id']}/retry").json()
    assert (retried["state"], retried["after"]) == ("queued", None)


def test_the_number_of_queries_does_not_grow_with_the_queue(rest: Rest) -> None:
    statements: list[str] = []
    event.listen(rest.served.db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    first = rest.submit()["id"]
    counts = []
    for _ in range(3):
        for after in (None, first, None, first):
            rest.submit(after=after)
        statements.clear()
        queue_of(rest, limit=500)
        counts.append(len(statements))
    assert counts[0] == counts[1] == counts[2]
    assert counts[0] <= 16  # with the look at the caller, BEGIN and so on
