"""Importing where the files lie: rows, curves, files, TensorBoard; again and again; and never a byte into the directory."""

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from boards import wait_ready
from logdirs import START, lightning, state_of, torch_writer, write_run, write_tf2
from rest import Rest, refused, resting

from app.config import Settings
from danlu.events import EventWriter
from danlu.hparams import write_session_start

Json = dict[str, Any]


def do(rest: Rest, path: Path, **fields: Any) -> Json:
    answer = rest.post("/import", {"path": str(path), "experiment": "old", **fields})
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


def run_of(rest: Rest, report: Json, path: str) -> Json:
    (run_id,) = (item["run"] for item in report["added"] if item["path"] == path)
    answer = rest.get(f"/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    run: Json = answer.json()
    return run


def series(rest: Rest, run_id: int) -> dict[str, list[float | None]]:
    answer = rest.get("/metrics", run=run_id)
    assert answer.status_code == 200, answer.text
    return {item["tag"]: item["y"] for item in answer.json()["series"]}


def test_a_directory_becomes_finished_runs(rest: Rest, data: Path) -> None:
    write_run(data / "a", {"loss": [3.0, float("nan"), 1.0]})
    with torch_writer(data / "b") as writer:
        for step in range(5):
            writer.add_scalar("loss/train", 1 / (step + 1), step)
        writer.add_hparams({"lr": 0.1, "bs": 32, "adam": True, "net": "mlp"}, {"hparam/acc": 0.5})
    before = state_of(data)
    report = do(rest, data, tags=["old"])
    assert (report["experiment"], report["counts"], report["complete"]) == (
        "old", {"added": 2, "updated": 0}, True,
    )  # fmt: skip

    a = run_of(rest, report, "a")
    assert (a["name"], a["state"], a["reason"], a["tags"]) == ("a", "succeeded", "completed", ["old"])
    assert a["finished_at"] == "2023-11-14T22:13:22.000Z"
    assert a["metrics"]["loss"] == {
        "last": 1.0, "min": 1.0, "max": 3.0, "step": 2, "min_step": 2, "max_step": 0, "count": 3,
    }  # fmt: skip
    (event,) = rest.get(f"/runs/{a['id']}/events").json()["items"]
    assert (event["from"], event["to"], event["reason"]) == (None, "succeeded", "completed")
    assert event["detail"] == f"imported from {data / 'a'}"
    b = run_of(rest, report, "b")
    assert b["params"] == {"adam": True, "bs": 32, "lr": 0.1, "net": "mlp"}

    assert series(rest, a["id"]) == {"loss": [3.0, None, 1.0]}
    assert {"loss/train", "hparams/hparam/acc"} <= set(series(rest, b["id"]))
    assert set(series(rest, b["id"])) == set(b["metrics"])
    files = rest.get(f"/runs/{a['id']}/files").json()["items"]
    assert [item["path"] for item in files] == [path.name for path in (data / "a").iterdir()]
    assert state_of(data) == before


def test_lightning_keras_and_their_params(rest: Rest, data: Path) -> None:
    hparams = (
        "lr: 0.001\nlayers: [64, 64]\noptimizer:\n  name: adam\n  betas: !!python/tuple [0.9, 0.999]\n"
        "act: !!python/name:torch.nn.functional.relu ''\nseed: 7\nnothing: null\n"
    )
    lightning(data, 3, hparams)
    write_tf2(data / "keras" / "train", "epoch_loss", [2.0, 1.0])
    write_tf2(data / "keras" / "validation", "epoch_loss", [3.0, 2.5])
    report = do(rest, data)
    pl = run_of(rest, report, "lightning_logs/version_3")
    assert pl["params"] == {
        "lr": 0.001, "layers": [64, 64], "optimizer/name": "adam", "optimizer/betas": [0.9, 0.999],
        "act": "torch.nn.functional.relu", "seed": 7, "nothing": None,
    }  # fmt: skip
    assert (pl["seed"], pl["name"]) == (7, "lightning_logs/version_3")
    keras = run_of(rest, report, "keras")
    assert series(rest, keras["id"]) == {"train/epoch_loss": [2.0, 1.0], "validation/epoch_loss": [3.0, 2.5]}
    files = [item["path"] for item in rest.get(f"/runs/{pl['id']}/files").json()["items"]]
    assert "checkpoints/epoch=1-step=2.ckpt" in files
    got = rest.get(f"/runs/{pl['id']}/files/checkpoints/epoch=1-step=2.ckpt")
    assert got.content == b"weights"


def test_again_adds_what_is_new_and_reads_what_has_grown(rest: Rest, data: Path) -> None:
    write_run(data / "a", {"loss": [1.0]})
    write_run(data / "b", {"loss": [1.0]})
    first = do(rest, data)
    again = do(rest, data)
    assert (again["counts"], again["unchanged"]) == ({"added": 0, "updated": 0}, 2)
    with EventWriter(data / "b") as writer:
        writer.scalar("loss", 0.25, 9, START + 100)
    write_run(data / "b" / "eval", {"loss": [7.0]})
    write_run(data / "c", {"loss": [1.0]})
    rest.http.patch(f"/api/v1/runs/{run_of(rest, first, 'b')['id']}", json={"name": "best", "notes": "mine"})
    third = do(rest, data)
    assert (third["counts"], third["unchanged"]) == ({"added": 1, "updated": 1}, 1)
    b = run_of(rest, first, "b")
    assert (b["name"], b["notes"], b["finished_at"]) == ("best", "mine", "2023-11-14T22:15:00.000Z")
    assert {tag: item["last"] for tag, item in b["metrics"].items()} == {"loss": 0.25, "eval/loss": 7.0}
    assert series(rest, b["id"]) == {"eval/loss": [7.0], "loss": [1.0, 0.25]}


def test_a_dry_run_only_tells(rest: Rest, data: Path) -> None:
    write_run(data / "a", {"loss": [1.0]})
    report = do(rest, data, dry_run=True)
    assert (report["dry_run"], report["experiment"]) == (True, None)
    assert [(item["path"], item["run"]) for item in report["added"]] == [("a", None)]
    assert rest.get("/experiments").json()["items"] == []


def test_deleting_takes_our_rows_and_leaves_their_files(rest: Rest, data: Path) -> None:
    write_run(data / "a", {"loss": [1.0]})
    write_run(data / "b", {"loss": [1.0]})
    report = do(rest, data)
    before = state_of(data)
    a = run_of(rest, report, "a")
    series(rest, a["id"])
    assert rest.http.delete(f"/api/v1/runs/{a['id']}").status_code == 204
    assert rest.get(f"/runs/{a['id']}").status_code == 404
    assert rest.http.delete("/api/v1/experiments/old").status_code == 204
    assert state_of(data) == before
    assert do(rest, data)["counts"]["added"] == 2


def test_an_imported_run_in_tensorboard_has_event_files_and_nothing_else(rest: Rest, data: Path) -> None:
    run = write_run(data / "a", {"loss": [1.0, 0.5]})
    (run / "secret.txt").write_text("no")
    write_session_start(run, {"lr": 0.1})
    report = do(rest, data)
    slug = run_of(rest, report, "a")["slug"]
    wait_ready(rest.served.app.state.tensorboards, "old")
    base = "/experiments/old/tensorboard"
    assert rest.http.get(f"{base}/data/runs").json() == [slug]
    tags = rest.http.get(f"{base}/data/plugin/scalars/tags").json()
    assert list(tags[slug]) == ["loss"]
    shown = list((rest.served.settings.tensorboard_dir / "old" / "logdir").rglob("*"))
    assert all("tfevents" in path.name for path in shown if not path.is_dir())


def test_a_folder_that_becomes_a_link_later_is_not_followed(rest: Rest, data: Path, tmp_path: Path) -> None:
    run = write_run(data / "deep" / "a", {"loss": [1.0]})
    report = do(rest, data)
    run_id = run_of(rest, report, "deep/a")["id"]
    elsewhere = tmp_path / "elsewhere"
    write_run(elsewhere / "a", {"secret": [42.0]})
    (elsewhere / "a" / "private.txt").write_text("no")
    shutil.rmtree(data / "deep")
    (data / "deep").symlink_to(elsewhere)
    assert run.exists()
    assert rest.get(f"/runs/{run_id}/files").json()["items"] == []
    assert rest.get(f"/runs/{run_id}/files/private.txt").status_code == 404
    assert series(rest, run_id) == {}


def test_a_whole_project_shows_its_event_files_only(rest: Rest, data: Path) -> None:
    project = write_run(data / "project", {"loss": [1.0]})
    (project / ".env").write_text("KEY=1")
    (project / "src").mkdir()
    (project / "src" / "secret.py").write_text("no")
    report = do(rest, project)
    run_id = report["added"][0]["run"]
    listed = [item["path"] for item in rest.get(f"/runs/{run_id}/files").json()["items"]]
    assert [path for path in listed if "tfevents" not in path] == []
    for path in (".env", "src/secret.py"):
        assert rest.get(f"/runs/{run_id}/files/{path}").status_code == 404


def test_only_below_what_a_setting_allows(rest: Rest, data: Path, tmp_path: Path) -> None:
    outside = write_run(tmp_path / "outside" / "a", {"loss": [1.0]}).parent
    (data / "link").symlink_to(outside)
    (data / "file").write_text("")
    body = {"experiment": "old"}
    for path in (outside, data / "link", data / ".." / "outside", tmp_path / "nowhere", "data"):
        refused(rest.post("/import", {**body, "path": str(path)}), 403)
    refused(rest.post("/import", {**body, "path": str(data / "nowhere")}), 422, "path")
    refused(rest.post("/import", {**body, "path": str(data / "file")}), 422, "path")
    (data / "empty").mkdir()
    refused(rest.post("/import", {**body, "path": str(data / "empty")}), 422, "path")
    write_run(data / "a", {"loss": [1.0]})
    refused(rest.post("/import", {"path": str(data)}), 422, "experiment")


def test_off_unless_allowed_and_for_administrators_alone(sqlite_settings: Settings, data: Path) -> None:
    write_run(data / "a", {"loss": [1.0]})
    body = {"path": str(data), "experiment": "old"}
    with resting(sqlite_settings) as rest:
        refused(rest.post("/import", body), 403)
    from served import serving

    with serving(sqlite_settings.model_copy(update={"import_roots": [str(data)]})) as served:
        served.add_user("ada", submit_code=True)
        served.add_user("root", "admin")
        assert served.log_in("ada").post("/api/v1/import", json=body).status_code == 403
        assert served.log_in("root").post("/api/v1/import", json=body).status_code == 200
        assert httpx.post(f"{served.url}/api/v1/import", json=body, trust_env=False).status_code == 401


def test_what_cannot_be_read_is_told_and_the_rest_is_there(rest: Rest, data: Path) -> None:
    good = write_run(data / "good", {"loss": [1.0, 0.5]})
    (data / "bad").mkdir()
    (data / "bad" / "events.out.tfevents.1.x").write_bytes(
        b"no event file at all, but long enough for a header"
    )
    cut = write_run(data / "cut", {"loss": [1.0, 0.5]})
    (file,) = cut.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    report = do(rest, data)
    assert report["counts"]["added"] == 3
    assert [note for note in report["notes"] if note.startswith("bad/")]
    assert str(data) not in "".join(report["notes"])
    assert run_of(rest, report, "cut")["metrics"]["loss"]["count"] == 1
    assert run_of(rest, report, good.name)["metrics"]["loss"]["count"] == 2


@pytest.mark.parametrize(
    "hparams",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
        "- a\n- b\n",
        "!!python/object/apply:os.system ['touch /tmp/owned']",
        "a: {b: {c: {d: 1}}}\n1: 2\n",
        "{",
        "x: .nan\ny: .inf\nz: 2026-01-01\n",
    ],
)
def test_any_yaml_is_survived(rest: Rest, data: Path, hparams: str) -> None:
    lightning(data, 0, hparams)
    report = do(rest, data)
    assert report["counts"]["added"] == 1
    run_of(rest, report, "lightning_logs/version_0")


def test_an_imported_run_cannot_be_run_again(rest: Rest, data: Path) -> None:
    write_run(data / "a", {"loss": [1.0]})
    run_id = do(rest, data)["added"][0]["run"]
    body = refused(rest.post(f"/runs/{run_id}/retry"), 422)
    assert "imported" in body["detail"]
    assert rest.served.client().get(f"/runs/{run_id}").status_code == 200
