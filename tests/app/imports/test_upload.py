"""Uploaded directories: kept by the server, the same again is nothing new, and no archive gets out of its folder."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import httpx
from logdirs import lightning, write_run
from rest import Rest, refused, resting

from app.config import Settings
from danlu.events import EventWriter
from danlu.logpack import pack_logdir

Json = dict[str, Any]


def send(rest: Rest, archive: Path | bytes, filename: str = "logs.tar.gz", **query: Any) -> httpx.Response:
    data = archive if isinstance(archive, bytes) else archive.read_bytes()
    params = {"filename": filename, "experiment": "old", **query}
    headers = {"Content-Type": "application/octet-stream"}
    return rest.http.post("/api/v1/import/upload", params=params, content=data, headers=headers)


def packed(folder: Path, tmp_path: Path) -> Path:
    archive = tmp_path / "logs.tar.gz"
    assert pack_logdir(folder, archive)
    return archive


def test_runs_move_into_the_home_and_go_with_their_rows(rest: Rest, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write_run(logs / "a", {"loss": [1.0, 0.5]})
    write_run(logs / "a" / "again", {"loss": [3.0]})
    lightning(logs, 0, "lr: 0.5\n")
    report = send(rest, packed(logs, tmp_path), tag=["sent", "old"]).json()
    assert report["counts"] == {"added": 3, "updated": 0}
    by_path = {item["path"]: item["run"] for item in report["added"]}
    version = rest.get(f"/runs/{by_path['lightning_logs/version_0']}").json()
    assert (version["params"], version["tags"]) == ({"lr": 0.5}, ["sent", "old"])
    folder = rest.folder(version)
    assert {path.name.split(".")[0] for path in folder.iterdir()} == {"events", "hparams"}
    a = rest.get("/metrics", run=by_path["a"]).json()["series"]
    assert [(item["tag"], item["y"]) for item in a] == [("loss", [1.0, 0.5])]
    assert list(rest.served.settings.uploads_dir.iterdir()) == []
    assert rest.http.delete(f"/api/v1/runs/{version['id']}").status_code == 204
    assert not folder.exists()


def test_the_same_again_is_nothing_new_and_what_grew_is_exchanged(rest: Rest, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write_run(logs / "a", {"loss": [1.0]})
    write_run(logs / "b", {"loss": [1.0]})
    first = send(rest, packed(logs, tmp_path)).json()
    with EventWriter(logs / "b") as writer:
        writer.scalar("loss", 0.25, 9)
    second = send(rest, packed(logs, tmp_path)).json()
    assert (second["counts"], second["unchanged"]) == ({"added": 0, "updated": 1}, 1)
    ids = {item["path"]: item["run"] for item in first["added"]}
    assert second["updated"][0]["run"] == ids["b"]
    assert rest.get(f"/runs/{ids['b']}").json()["metrics"]["loss"]["last"] == 0.25
    assert len(list(rest.folder(rest.get(f"/runs/{ids['b']}").json()).iterdir())) == 2
    # Somebody else's run of the same name is another one.
    other = tmp_path / "other"
    write_run(other / "a", {"loss": [9.0]})
    assert send(rest, packed(other, tmp_path)).json()["counts"]["added"] == 1


def test_archives_that_try_something_are_refused_whole(rest: Rest, tmp_path: Path) -> None:
    event = next(write_run(tmp_path / "a", {"loss": [1.0]}).iterdir())

    def tar(add: Any) -> bytes:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w:gz") as archive:
            archive.add(event, "run/" + event.name)
            add(archive)
        return sink.getvalue()

    def link(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("run/events.out.tfevents.0.x")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)

    def climb(archive: tarfile.TarFile) -> None:
        archive.add(event, "../../out")

    for bad in (link, climb):
        refused(send(rest, tar(bad)), 422, "body")
    refused(send(rest, b"neither"), 422, "body")
    refused(send(rest, b""), 422, "body")
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("readme.txt", "no event file")
    refused(send(rest, sink.getvalue(), "logs.zip"), 422, "path")
    refused(send(rest, tar(lambda archive: None), experiment=""), 422)
    assert rest.items() == []
    assert list(rest.served.settings.uploads_dir.iterdir()) == []


def test_everybody_who_may_submit_may_upload(sqlite_settings: Settings, tmp_path: Path) -> None:
    from served import serving

    write_run(tmp_path / "logs" / "a", {"loss": [1.0]})
    archive = packed(tmp_path / "logs", tmp_path).read_bytes()
    with serving(sqlite_settings) as served:
        served.add_user("ada")
        address = "/api/v1/import/upload?filename=logs.tar.gz&experiment=old"
        headers = {"Content-Type": "application/octet-stream"}
        answer = served.log_in("ada").post(address, content=archive, headers=headers)
        assert answer.status_code == 200, answer.text
        run_id = answer.json()["added"][0]["run"]
        run = served.log_in("ada").get(f"/api/v1/runs/{run_id}").json()
        assert run["owner"] == "ada"
        assert served.client().post(address, content=archive, headers=headers).status_code == 401


def test_an_upload_over_the_limit_names_the_setting(sqlite_settings: Settings, tmp_path: Path) -> None:
    with resting(sqlite_settings.model_copy(update={"import_limit_mib": 1})) as rest:
        body = refused(send(rest, b"x" * (2 << 20)), 413)
        assert "DANLU_IMPORT_LIMIT_MIB" in body["detail"]
