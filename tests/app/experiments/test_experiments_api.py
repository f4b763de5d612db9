"""The calls on experiments, over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest import Rest, refused

from app.experiments.queries import by_slug
from app.runs.cleanup import mark_experiment, reconcile_deleted
from app.runs.words import RunState


def make(rest: Rest, name: str, **more: Any) -> dict[str, Any]:
    answer = rest.post("/experiments", {"name": name, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_create_show_change(rest: Rest) -> None:
    made = make(rest, " Two <b>Rings</b> ", description="x\ny")
    assert (made["slug"], made["name"], made["runs"]) == ("two-b-rings-b", "Two <b>Rings</b>", 0)
    assert made["states"] == {"queued": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0}
    assert rest.get("/experiments/two-b-rings-b").json() == made
    changed = rest.http.patch("/api/v1/experiments/two-b-rings-b", json={"name": "Other"}).json()
    assert (changed["slug"], changed["name"], changed["description"]) == ("two-b-rings-b", "Other", "x\ny")
    refused(rest.http.patch("/api/v1/experiments/two-b-rings-b", json={"name": None}), 422, "name")
    refused(rest.http.patch("/api/v1/experiments/nothere", json={"name": "a"}), 404)


@pytest.mark.parametrize(
    "slug", ["a%00b", "%00", "%ff", "..%2fexp", "exp%2f..", "EXP", "丹炉", "'--", "x" * 200]
)
def test_what_is_no_slug_is_no_experiment_on_either_database(rest: Rest, slug: str) -> None:
    make(rest, "exp")
    for method in ("GET", "PATCH", "DELETE"):
        body = {"name": "x"} if method == "PATCH" else None
        refused(rest.http.request(method, f"/api/v1/experiments/{slug}", json=body), 404)
    page = rest.http.get(f"/experiments/{slug}", headers={"accept": "text/html"})
    assert page.status_code == 404


def test_names_are_unique_without_regard_to_case(rest: Rest) -> None:
    make(rest, "Rings")
    make(rest, "печь")
    refused(rest.post("/experiments", {"name": "rINGS"}), 409)
    refused(rest.post("/experiments", {"name": "ПЕЧЬ"}), 409)
    assert make(rest, "rings!")["slug"] == "rings-2"
    refused(rest.http.patch("/api/v1/experiments/rings-2", json={"name": "RINGS"}), 409)
    assert rest.http.patch("/api/v1/experiments/rings", json={"name": "RINGS"}).status_code == 200


def test_many_at_once_make_one(rest: Rest) -> None:
    with ThreadPoolExecutor(12) as pool:
        statuses = list(
            pool.map(lambda _: rest.post("/experiments", {"name": "Same"}).status_code, range(12))
        )
    assert sorted(statuses) == [201] + [409] * 11


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", "\ufeff", 5, None, ["a"], True])
def test_bad_names_are_refused(rest: Rest, name: Any) -> None:
    refused(rest.post("/experiments", {"name": name}), 422, "name")


def test_bodies_are_strict(rest: Rest) -> None:
    refused(rest.post("/experiments", {"name": "a", "slug": "b"}), 422, "slug")
    refused(rest.post("/experiments", {}), 422, "name")
    refused(rest.post("/experiments", {"name": "a", "description": "d" * 20_001}), 422, "description")


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../x", "🔥", "=cmd()", "--bind_all", "%s", "new"])
def test_odd_names_are_safe_on_disk(rest: Rest, name: str) -> None:
    made = make(rest, name)
    run = rest.submit(experiment=made["slug"])
    assert run["experiment"] == made["slug"]
    root = rest.served.settings.experiments_dir.resolve()
    assert rest.folder(run).resolve().parent.parent == root
    assert rest.get(f"/experiments/{made['slug']}").json()["name"] == name


def test_runs_find_their_experiment_by_slug_or_name(rest: Rest) -> None:
    make(rest, "模型 1")
    first = rest.submit(experiment="模型 1")
    second = rest.submit(experiment="数据 1")  # another name that makes the same slug
    assert (first["experiment"], second["experiment"]) == ("1", "1-2")
    assert rest.submit(experiment="1-2")["experiment_name"] == "数据 1"


def test_list_counts_and_pages(rest: Rest) -> None:
    for number in range(7):
        make(rest, f"e{number}")
    runs = [rest.submit(experiment="e3") for _ in range(3)]
    rest.bring(runs[0]["id"], RunState.RUNNING)
    rest.bring(runs[1]["id"], RunState.CANCELLED)
    seen: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = rest.get("/experiments", **params).json()
        seen += page["items"]
        make(rest, f"later{len(seen)}")
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert [item["slug"] for item in seen] == [f"e{number}" for number in range(6, -1, -1)]
    e3 = next(item for item in seen if item["slug"] == "e3")
    assert e3["runs"] == 3
    assert e3["states"] == {"queued": 1, "running": 1, "succeeded": 0, "failed": 0, "cancelled": 1}
    assert e3["last_activity_at"] >= runs[2]["created_at"]
    assert [item["slug"] for item in rest.get("/experiments", q="E3").json()["items"]] == ["e3"]
    assert rest.get("/experiments", q="%").json()["items"] == []
    for params, name in (
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"q": "\0"}, "q"),
    ):
        refused(rest.get("/experiments", **params), 422, name)


def test_delete_waits_for_live_runs_then_takes_everything(rest: Rest) -> None:
    run, other = rest.submit(experiment="gone"), rest.submit(experiment="stays")
    curves = rest.folder(run) / "events.out.tfevents.1"
    curves.write_text("old curves")
    (rest.folder(other) / "a").write_text("x")
    refused(rest.http.delete("/api/v1/experiments/gone"), 409)
    rest.bring(run["id"], RunState.RUNNING)
    refused(rest.http.delete("/api/v1/experiments/gone"), 409)
    assert curves.exists()
    token = rest.get(f"/runs/{run['id']}").json()
    assert token["state"] == "running"


def test_a_deleted_name_can_be_used_again_without_old_curves(rest: Rest) -> None:
    run, other = rest.submit(experiment="gone"), rest.submit(experiment="stays")
    curves = rest.folder(run) / "events.out.tfevents.1"
    curves.write_text("old curves")
    (rest.folder(other) / "a").write_text("x")
    rest.bring(run["id"], RunState.FAILED)
    assert rest.http.delete("/api/v1/experiments/gone").status_code == 204
    assert not curves.parent.parent.exists()
    refused(rest.get("/experiments/gone"), 404)
    refused(rest.get(f"/runs/{run['id']}"), 404)
    refused(rest.get("/runs", experiment="gone"), 404)
    refused(rest.http.delete("/api/v1/experiments/gone"), 404)
    assert make(rest, "gone")["runs"] == 0
    assert rest.items(experiment="gone") == []
    again = rest.submit(experiment="gone")
    assert again["id"] > other["id"]
    assert (rest.folder(other) / "a").exists()


def test_a_slug_with_a_left_over_folder_is_not_given_away(rest: Rest) -> None:
    (rest.served.settings.experiments_dir / "old").mkdir()
    assert make(rest, "old")["slug"] == "old-2"


def test_a_crash_in_the_middle_of_a_removal_is_mended_at_start(rest: Rest) -> None:
    run = rest.submit(experiment="gone")
    rest.bring(run["id"], RunState.FAILED)
    folder = rest.folder(run)
    mark_experiment(rest.served.db, "gone")  # and here the server was killed
    refused(rest.get("/experiments/gone"), 404)
    assert rest.submit(experiment="gone")["experiment"] == "gone-2"
    assert reconcile_deleted(rest.served.settings, rest.served.db) == 2
    assert not folder.parent.exists()
    with rest.served.db.read() as session:
        assert by_slug(session, "gone") is None
    assert make(rest, "Gone!")["slug"] == "gone"
