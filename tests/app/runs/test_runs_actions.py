"""Each action in each state: what is done, what is a 409, and that a refusal changes nothing."""

from typing import Any

import pytest
from rest import Rest, refused

from app.runs.words import RunState

ENDED = {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}
ACTIONS: dict[str, set[RunState]] = {
    "cancel": {RunState.QUEUED, RunState.RUNNING, RunState.CANCELLED},
    "retry": ENDED,
    "clone": set(RunState),
    "delete": ENDED,
    "priority": {RunState.QUEUED},
    "labels": set(RunState),
}


def act(rest: Rest, action: str, run_id: int) -> Any:
    if action == "delete":
        return rest.http.delete(f"/api/v1/runs/{run_id}")
    if action == "priority":
        return rest.http.patch(f"/api/v1/runs/{run_id}", json={"priority": 7, "name": "renamed"})
    if action == "labels":
        changes = {"name": "renamed", "tags": ["t"], "notes": "n"}
        return rest.http.patch(f"/api/v1/runs/{run_id}", json=changes)
    return rest.post(f"/runs/{run_id}/{action}")


@pytest.mark.parametrize("action", ACTIONS)
def test_every_state_and_action(rest: Rest, action: str) -> None:
    for state in RunState:
        run = rest.submit()
        rest.bring(run["id"], state)
        before, events = rest.get(f"/runs/{run['id']}").json(), rest.get(f"/runs/{run['id']}/events").json()
        known = {item["id"] for item in rest.items()}
        answer = act(rest, action, run["id"])
        if state in ACTIONS[action]:
            assert answer.is_success, (action, state, answer.text)
            continue
        refused(answer, 409)
        after = rest.get(f"/runs/{run['id']}").json()
        assert {**after, "duration_s": 0} == {**before, "duration_s": 0}
        assert rest.get(f"/runs/{run['id']}/events").json() == events
        assert {item["id"] for item in rest.items()} == known


def test_actions_on_no_run_are_404(rest: Rest) -> None:
    for action in ACTIONS:
        refused(act(rest, action, 12345), 404)
    for path in ("", "/log", "/events", "/files", "/files/a"):
        refused(rest.get(f"/runs/12345{path}"), 404)


def test_cancel_is_idempotent(rest: Rest) -> None:
    queued, running = rest.submit(), rest.submit()
    rest.bring(running["id"], RunState.RUNNING)
    for _ in range(2):
        assert rest.post(f"/runs/{queued['id']}/cancel").json()["state"] == "cancelled"
        answer = rest.post(f"/runs/{running['id']}/cancel").json()
        assert (answer["state"], bool(answer["cancel_requested_at"])) == ("running", True)
    assert len(rest.get(f"/runs/{queued['id']}/events").json()["items"]) == 2
    requests = [
        event
        for event in rest.get(f"/runs/{running['id']}/events").json()["items"]
        if event["from"] == event["to"]
    ]
    assert len(requests) == 1


def test_retry_is_the_same_again_with_a_parent(rest: Rest) -> None:
    first = rest.submit(
        recipe="rings", params={"lr": 0.5}, tags=["t"], notes="n", timeout_s=9.5, priority=3, processes=2
    )
    rest.bring(first["id"], RunState.FAILED)
    again = rest.post(f"/runs/{first['id']}/retry").json()
    same = (
        "recipe",
        "params",
        "seed",
        "tags",
        "notes",
        "device",
        "processes",
        "priority",
        "timeout_s",
        "experiment",
        "name",
    )
    assert {key: again[key] for key in same} == {key: first[key] for key in same}
    assert (again["parent"], again["state"], again["attempt"]) == (first["id"], "queued", 0)


def test_clone_merges_params_and_checks_them(rest: Rest) -> None:
    first = rest.submit(recipe="rings", params={"lr": 0.5}, tags=["t"])
    changes = {"params": {"epochs": 7}, "seed": 1, "experiment": "other", "tags": [], "name": "b"}
    clone = rest.post(f"/runs/{first['id']}/clone", changes).json()
    assert (clone["params"]["lr"], clone["params"]["epochs"], clone["seed"]) == (0.5, 7, 1)
    assert (clone["experiment"], clone["tags"], clone["name"], clone["parent"]) == (
        "other",
        [],
        "b",
        first["id"],
    )
    assert clone["processes"] == 1
    refused(rest.post(f"/runs/{first['id']}/clone", {"params": {"lr": 5}}), 422, "params.lr")
    refused(rest.post(f"/runs/{first['id']}/clone", {"processes": 0}), 422, "processes")
    refused(rest.post(f"/runs/{first['id']}/clone", {"recipe": "free"}), 422, "recipe")
    assert len(rest.items()) == 2
    several = rest.post(f"/runs/{first['id']}/clone", {"processes": 3}).json()
    assert rest.post(f"/runs/{several['id']}/clone").json()["processes"] == several["processes"] == 3


def test_patch_refuses_null_unknown_and_empty(rest: Rest) -> None:
    run = rest.submit()
    for body, name in (
        ({"name": None}, "name"),
        ({"state": "failed"}, "state"),
        ({"tags": ["a"] * 33}, "tags"),
    ):
        refused(rest.http.patch(f"/api/v1/runs/{run['id']}", json=body), 422, name)
    assert rest.http.patch(f"/api/v1/runs/{run['id']}", json={}).json() == run


def test_delete_takes_the_files_and_spares_the_neighbour(rest: Rest) -> None:
    gone, stays = rest.submit(), rest.submit()
    for run in (gone, stays):
        (rest.folder(run) / "checkpoints").mkdir()
        (rest.folder(run) / "checkpoints" / "a.pt").write_text("x")
    (rest.folder(gone) / "link").symlink_to(rest.folder(stays))
    (rest.folder(gone) / "checkpoints").chmod(0o500)
    rest.bring(gone["id"], RunState.CANCELLED)
    folder = rest.folder(gone)
    assert rest.http.delete(f"/api/v1/runs/{gone['id']}").status_code == 204
    assert not folder.exists()
    assert (rest.folder(stays) / "checkpoints" / "a.pt").exists()
    refused(rest.http.delete(f"/api/v1/runs/{gone['id']}"), 404)
    assert [run["id"] for run in rest.items()] == [stays["id"]]


def test_waiting_says_where_and_why(rest: Rest) -> None:
    first, second, urgent = rest.submit(), rest.submit(), rest.submit(priority=9)
    shown = {run["id"]: (run["position"], run["waiting_reason"]) for run in rest.items()}
    assert shown[urgent["id"]][0] == 1
    assert shown[first["id"]] == (2, "1 ahead of you")
    assert shown[second["id"]] == (3, "2 ahead of you")
    assert rest.get(f"/runs/{second['id']}").json()["position"] == 3
    assert rest.submit(device="cuda:1")["waiting_reason"] == "needs cuda:1; available: cpu"
    rest.bring(urgent["id"], RunState.RUNNING)
    running = rest.get(f"/runs/{urgent['id']}").json()
    assert (running["position"], running["waiting_reason"], running["worker"]) == (None, None, "w1")
