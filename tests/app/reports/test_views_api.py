"""Saved views over REST: names, defaults, limits, rights."""

from typing import Any

import pytest
from rest import Rest
from served import Served

from app.compare.views import store
from app.compare.views.schemas import ViewList, ViewOut

QUERY = "q=lr%3C0.1&sel=1,2&sm=0.6"


def save(rest: Rest, **fields: Any) -> dict[str, Any]:
    answer = rest.post("/views", {"name": "best", "experiment": "exp", "query": QUERY, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_view_from_saving_to_deletion(rest: Rest) -> None:
    rest.submit()
    made = save(rest, query=f"?view=7&{QUERY.replace('%3C', '<')}&cursor=x")
    ViewOut.model_validate(made)
    assert made["query"] == QUERY, "without what is no part of a view"
    assert made["links"]["page"] == f"/experiments/exp?view={made['id']}&{QUERY}"
    listed = rest.get("/views", experiment="exp").json()
    ViewList.model_validate(listed)
    assert listed["items"] == [made]
    changed = rest.http.patch(f"/api/v1/views/{made['id']}", json={"name": "worst", "query": "q=a"}).json()
    assert (changed["name"], changed["query"], changed["default"]) == ("worst", "q=a", False)
    assert rest.http.delete(f"/api/v1/views/{made['id']}").status_code == 204
    assert rest.http.delete(f"/api/v1/views/{made['id']}").status_code == 404
    assert rest.get("/views", experiment="exp").json() == {"items": [], "next": None}


def test_a_name_is_there_once_in_an_experiment(rest: Rest) -> None:
    rest.submit()
    rest.submit(experiment="other")
    save(rest)
    save(rest, experiment="other")
    save(rest, experiment=None, query="run=1&run=2")
    for body in (
        {"name": "BEST", "experiment": "exp", "query": ""},
        {"name": "best", "query": "run=1"},
    ):
        answer = rest.post("/views", body)
        assert (answer.status_code, "'best'" in answer.json()["detail"]) == (409, True)
    second = save(rest, name="second")
    assert rest.http.patch(f"/api/v1/views/{second['id']}", json={"name": "Best"}).status_code == 409
    assert rest.http.patch(f"/api/v1/views/{second['id']}", json={"name": "Second"}).status_code == 200


def test_one_view_is_the_default_and_the_experiment_opens_with_it(rest: Rest) -> None:
    rest.submit()
    page = rest.http.get("/experiments/exp")
    assert page.status_code == 200
    first, second = save(rest, default=True), save(rest, name="second", default=True)
    assert [view["name"] for view in rest.get("/views", experiment="exp").json()["items"]] == [
        "second",
        "best",
    ]
    assert not rest.get("/views", experiment="exp").json()["items"][1]["default"]
    answer = rest.http.get("/experiments/exp")
    assert (answer.status_code, answer.headers["location"]) == (302, second["links"]["page"])
    assert rest.http.get(second["links"]["page"]).status_code == 200
    assert rest.http.get("/experiments/exp?view=0").status_code == 200, "a way to none"
    rest.http.patch(f"/api/v1/views/{first['id']}", json={"default": True})
    assert rest.http.get("/experiments/exp").headers["location"] == first["links"]["page"]
    rest.http.patch(f"/api/v1/views/{first['id']}", json={"default": False})
    assert rest.http.get("/experiments/exp").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"query": "x" * 8001}, "query"),
        ({"query": "q=a\0"}, "query"),
        ({"query": "q=#1"}, "query"),
        ({"query": 1}, "query"),
        ({"experiment": None}, "query"),
        ({"experiment": None, "query": "run=1", "default": True}, "default"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_is_wrong_is_named(rest: Rest, body: dict[str, Any], field: str) -> None:
    rest.submit()
    answer = rest.post("/views", {"name": "a", "query": "q=x", "experiment": "exp", **body})
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["fields"]
    assert rest.get("/views", experiment="exp").json()["items"] == []
    assert rest.get("/views").json()["items"] == []


def test_there_are_limits(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_VIEWS", 2)
    rest.submit()
    save(rest, name="a")
    save(rest, name="b")
    assert rest.post("/views", {"name": "c", "query": "", "experiment": "exp"}).status_code == 409
    assert rest.post("/views", {"name": "c", "query": "", "experiment": "none"}).status_code == 404
    assert rest.get("/views", experiment="none").status_code == 404
    assert rest.http.patch("/api/v1/views/1", json={"name": None}).status_code == 422


def test_a_view_goes_with_its_experiment(rest: Rest) -> None:
    run = rest.submit()
    made = save(rest)
    rest.post(f"/runs/{run['id']}/cancel")
    assert rest.http.delete("/api/v1/experiments/exp").status_code == 204
    assert rest.http.delete(f"/api/v1/views/{made['id']}").status_code == 404


def test_who_may(served: Served) -> None:
    for name in ("ann", "bob"):
        served.add_user(name)
    served.add_user("root", role="admin")
    ann, bob, root = (served.log_in(name) for name in ("ann", "bob", "root"))
    ann.post("/api/v1/experiments", json={"name": "exp"})
    made = ann.post("/api/v1/views", json={"name": "best", "experiment": "exp", "query": "q=a"}).json()
    assert made["owner"] == "ann"
    url = f"/api/v1/views/{made['id']}"
    assert bob.get("/api/v1/views", params={"experiment": "exp"}).json()["items"] == [made]
    assert bob.patch(url, json={"name": "mine"}).status_code == 403
    assert bob.delete(url).status_code == 403
    assert bob.patch(url, json={"default": True}).json()["default"], "what all see is anybody's to choose"
    reader = ann.post("/api/v1/tokens", json={"name": "r", "scope": "read"}).json()["token"]
    reading = served.client(authorization=f"Bearer {reader}")
    assert reading.get("/api/v1/views", params={"experiment": "exp"}).status_code == 200
    assert reading.patch(url, json={"default": False}).status_code == 403
    assert root.patch(url, json={"name": "ours"}).status_code == 200
    assert root.delete(url).status_code == 204
