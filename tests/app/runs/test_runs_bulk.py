"""One action on many runs: each done or refused by itself; archives and colours."""

from rest import Rest, refused

from app.config import run_dir
from app.runs.words import RunState


def bulk(rest: Rest, action: str, ids: list[int], **more: str) -> tuple[list[int], dict[int, str]]:
    answer = rest.post("/runs/bulk", {"ids": ids, "action": action, **more})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["done"], {one["id"]: one["error"] for one in body["refused"]}


def test_cancel_takes_what_is_open_and_says_why_not_the_rest(rest: Rest) -> None:
    ended, waiting, running = (rest.submit()["id"] for _ in range(3))
    rest.bring(ended, RunState.SUCCEEDED)
    rest.bring(running, RunState.RUNNING)
    done, why = bulk(rest, "cancel", [ended, waiting, running, 999, waiting])
    assert done == [waiting, running]
    assert set(why) == {ended, 999}
    assert "has ended" in why[ended]
    assert rest.get(f"/runs/{waiting}").json()["state"] == "cancelled"
    assert rest.get(f"/runs/{running}").json()["cancel_requested_by"] == "user:local"
    assert rest.get(f"/runs/{waiting}/events").json()["items"][-1]["to"] == "cancelled"


def test_tags_are_put_on_and_taken_off(rest: Rest) -> None:
    one = rest.submit(tags=["a"])["id"]
    two = rest.submit(tags=[f"t{number}" for number in range(32)])["id"]
    done, why = bulk(rest, "tag", [one, two], tag="good")
    assert done == [one]
    assert "32 tags" in why[two]
    assert rest.get(f"/runs/{one}").json()["tags"] == ["a", "good"]
    assert bulk(rest, "tag", [one], tag="good") == ([one], {})
    assert bulk(rest, "untag", [one], tag="a") == ([one], {})
    assert rest.get(f"/runs/{one}").json()["tags"] == ["good"]


def test_archived_runs_leave_the_list_and_come_back(rest: Rest) -> None:
    one, two = (rest.submit()["id"] for _ in range(2))
    rest.bring(one, RunState.SUCCEEDED)
    done, why = bulk(rest, "archive", [one, two])
    assert done == [one]
    assert "has ended" in why[two]
    assert [run["id"] for run in rest.items()] == [two]
    assert rest.get(f"/runs/{one}").json()["archived_at"]
    assert rest.get(f"/runs/{one}/events").json()["items"][-1]["detail"] == "archived"
    bulk(rest, "unarchive", [one])
    assert [run["id"] for run in rest.items()] == [two, one]


def test_delete_takes_ended_runs_with_their_files(rest: Rest) -> None:
    one, two = rest.submit(), rest.submit()
    rest.bring(one["id"], RunState.FAILED)
    folder = run_dir(rest.served.settings, one["experiment"], one["slug"])
    folder.mkdir(parents=True)
    (folder / "stdout.log").write_text("x")
    done, why = bulk(rest, "delete", [one["id"], two["id"]])
    assert done == [one["id"]]
    assert "cancel it first" in why[two["id"]]
    assert not folder.exists()
    assert rest.get(f"/runs/{one['id']}").status_code == 404


def test_a_wrong_body_is_refused_by_name(rest: Rest) -> None:
    run = rest.submit()["id"]
    for body in (
        {"ids": [], "action": "cancel"}, {"ids": [run], "action": "explode"}, {"ids": ["1"], "action": "cancel"},
        {"ids": [run], "action": "tag"}, {"ids": [run], "action": "cancel", "tag": "x"}, {"ids": [run]},
        {"ids": [run], "action": "tag", "tag": ""},
    ):  # fmt: skip
        refused(rest.post("/runs/bulk", body), 422)


def test_a_colour_sticks_until_it_is_taken_back(rest: Rest) -> None:
    run = rest.submit()["id"]
    assert rest.get(f"/runs/{run}").json()["colour"] is None
    patch = rest.http.patch
    assert patch(f"/api/v1/runs/{run}", json={"colour": 7}).json()["colour"] == 7
    assert rest.get("/table").json()["columns"]["colour"] == [7]
    refused(patch(f"/api/v1/runs/{run}", json={"colour": 10}), 422, "colour")
    assert patch(f"/api/v1/runs/{run}", json={"colour": None}).json()["colour"] is None
