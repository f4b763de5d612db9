"""Uploading code over REST, what is told of it, and who may."""

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from packed import TRAIN, tarred, zipped
from rest import Rest, refused
from served import serving
from waiting import wait_for

from app.config import Settings
from app.snapshots import answers, store
from app.snapshots.routes import AT_ONCE
from danlu.pack import FileFact, content_id


def upload(client: httpx.Client, content: bytes, filename: str = "train.py", **params: Any) -> httpx.Response:
    return client.post("/api/v1/snapshots", content=content, params={"filename": filename, **params})


def folders(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.snapshots_dir.iterdir())


def test_one_script_becomes_a_snapshot_with_a_form(rest: Rest) -> None:
    answer = upload(rest.http, TRAIN.encode())
    assert answer.status_code == 201, answer.text
    body = answer.json()
    answers.SnapshotOut.model_validate(body)
    assert (body["files"], body["entrypoints"], body["known"]) == (1, ["train.py"], False)
    assert body["size"] == len(TRAIN)
    assert body["command"] == "python train.py"
    assert body["form"]["kind"] == "argparse"
    assert body["params_schema"]["properties"]["lr"]["default"] == 0.001
    assert list(body["params_schema"]["properties"]) == ["lr", "epochs", "optimizer", "amp"]
    again = upload(rest.http, TRAIN.encode(), "other.py")
    assert again.status_code == 201  # another name is another content
    known = upload(rest.http, TRAIN.encode())
    assert (known.status_code, known.json()["known"]) == (200, True)
    assert known.json() | {"known": False} == body
    assert len(folders(rest.served.settings)) == 2


def test_what_is_stored_is_read_only_and_named_by_its_content(rest: Rest) -> None:
    files = {"proj/train.py": TRAIN, "proj/lib/net.py": "x = 1\n", "proj/run.sh": "echo hi\n"}
    body = upload(rest.http, zipped(files, executable=("proj/run.sh",)), "proj.zip").json()
    assert body["entrypoints"] == ["train.py", "lib/net.py", "run.sh"]
    folder = store.folder_of(rest.served.settings, body["id"])
    modes = {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }
    assert modes == {".": 0o555, "train.py": 0o444, "lib": 0o555, "lib/net.py": 0o444, "run.sh": 0o555}
    import hashlib

    facts = [
        FileFact(
            path.removeprefix("proj/"), path.endswith(".sh"), hashlib.sha256(text.encode()).hexdigest(), 0
        )
        for path, text in files.items()
    ]
    assert content_id(facts) == body["id"]
    same = upload(rest.http, tarred({"train.py": TRAIN, "lib/net.py": "x = 1\n"}), "x.tar.gz").json()
    assert same["id"] != body["id"]  # without run.sh
    kept = upload(rest.http, zipped(files), "proj.zip", keep_folder=True).json()
    assert kept["entrypoints"][0] == "proj/train.py"


def test_zip_tar_and_targz_of_the_same_files_are_one_snapshot(rest: Rest) -> None:
    files = {"train.py": TRAIN, "a/b.txt": "hello"}
    made = [
        upload(rest.http, zipped(files), "x.zip"),
        upload(rest.http, tarred(files), "x.tar.gz"),
        upload(rest.http, tarred({f"./{path}": text for path, text in files.items()}), "x.tgz"),
        upload(rest.http, tarred(files, packed=False), "x.tar"),
        upload(
            rest.http,
            zipped(files | {"__MACOSX/._a": "x", "a/.DS_Store": "x", "__pycache__/a.pyc": "x"}),
            "y.zip",
        ),
    ]
    assert [answer.status_code for answer in made] == [201, 200, 200, 200, 200], [a.text for a in made]
    assert len({answer.json()["id"] for answer in made}) == 1


def test_a_snapshot_is_found_listed_and_read(rest: Rest) -> None:
    made = upload(rest.http, zipped({"train.py": TRAIN, "b/other.py": "LR = 0.1\n"}), "x.zip").json()
    path = f"/snapshots/{made['id']}"
    shown = rest.get(path).json()
    answers.SnapshotDetails.model_validate(shown)
    assert shown["listing"] == [
        {"path": "b/other.py", "size": 9, "executable": False},
        {"path": "train.py", "size": len(TRAIN), "executable": False},
    ]
    other = rest.get(path, entrypoint="b/other.py").json()
    assert (other["entrypoint"], other["form"]["kind"]) == ("b/other.py", "constants")
    assert rest.http.head(f"/api/v1{path}").status_code == 200
    assert rest.http.head(f"/api/v1/snapshots/{'0' * 64}").status_code == 404
    refused(rest.get(f"/snapshots/{'0' * 64}"), 404)
    refused(rest.get("/snapshots/%00"), 404)
    text = rest.get(f"{path}/files/train.py")
    assert (text.text, text.headers["content-type"]) == (TRAIN, "text/plain; charset=utf-8")
    assert text.headers["x-content-type-options"] == "nosniff"
    for bad in (
        "nosuch.py",
        "../" * 3 + "danlu.db",
        "%2e%2e/%2e%2e/danlu.db",
        "b",
        "train.py/x",
        "/etc/passwd",
    ):
        assert rest.http.get(f"/api/v1{path}/files/{bad}").status_code == 404, bad
    refused(rest.get(path, entrypoint="trian.py"), 422, "entrypoint")


def test_a_syntax_error_has_line_and_column(rest: Rest) -> None:
    broken = b"import torch\nfor i in range(3)\n    print(i)\n"
    body = refused(upload(rest.http, broken), 422, "entrypoint", "line", "column")
    assert (body["error"], body["fields"]["line"]) == ("syntax_error", "2")
    assert int(body["fields"]["column"]) == 18
    assert "train.py" in body["detail"]
    assert "line 2" in body["detail"]
    refused(
        upload(rest.http, zipped({"a.py": TRAIN, "b.py": "def\n"}), "x.zip", entrypoint="b.py"), 422, "line"
    )
    assert folders(rest.served.settings) == []
    both = upload(rest.http, zipped({"a.py": TRAIN, "b.py": "def\n"}), "x.zip")  # b.py may be anything
    assert both.status_code == 201
    refused(rest.get(f"/snapshots/{both.json()['id']}", entrypoint="b.py"), 422, "line")


def test_the_calls_are_documented(rest: Rest) -> None:
    body = rest.get("/openapi.json").json()["paths"]["/api/v1/snapshots"]["post"]["requestBody"]
    assert "application/octet-stream" in body["content"]
    page = rest.http.get("/api/docs")
    assert page.status_code == 200
    assert "/api/v1/snapshots" in page.text


def test_the_same_content_at_once_is_stored_once(rest: Rest) -> None:
    content = zipped({f"m{n}.py": f"x = {n}\n" for n in range(50)} | {"train.py": TRAIN})
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: upload(rest.served.client(), content, "x.zip"), range(6)))
    assert sorted(answer.status_code for answer in made) == [200] * 5 + [201], [a.text for a in made]
    assert folders(rest.served.settings) == [made[0].json()["id"]]


def test_who_may_upload(settings: Settings) -> None:
    with serving(settings.model_copy(update={"disk_floor_gib": 0.0, "disk_floor_percent": 0.0})) as served:
        served.add_user("ann")
        served.add_user("bob", submit_code=True)
        ann, bob = served.log_in("ann"), served.log_in("bob")
        refused(upload(served.client(), TRAIN.encode()), 401)
        assert served.client().head(f"/api/v1/snapshots/{'0' * 64}").status_code == 401
        assert "submit-code" in refused(upload(ann, TRAIN.encode()), 403)["detail"]
        made = upload(bob, TRAIN.encode())
        assert made.status_code == 201
        assert ann.get(f"/api/v1/snapshots/{made.json()['id']}").status_code == 200
        other = served.client(cookie=f"{next(iter(bob.cookies.keys()))}={next(iter(bob.cookies.values()))}")
        refused(upload(other, TRAIN.encode()), 403)  # without the right origin
        body = {"experiment": "e", "snapshot": made.json()["id"]}
        refused(ann.post("/api/v1/runs", json=body), 403)
        run = bob.post("/api/v1/runs", json=body)
        assert run.status_code == 201, run.text
        refused(ann.post(f"/api/v1/runs/{run.json()['id']}/clone", json={}), 403)


def test_only_uploads_may_be_large(rest: Rest) -> None:
    noise = os.urandom(3 << 20)
    assert upload(rest.http, zipped({"train.py": TRAIN, "noise.bin": noise}), "x.zip").status_code == 201
    refused(rest.http.post("/api/v1/runs", content=noise), 413)
    limit = rest.served.settings.snapshot_limit_mib
    big = rest.http.post("/api/v1/snapshots?filename=x.zip", content=bytes((limit << 20) + 1))
    assert "DANLU_SNAPSHOT_LIMIT_MIB" in refused(big, 413)["detail"]
    chunks = (bytes(1 << 20) for _ in range(limit + 2))
    refused(rest.http.post("/api/v1/snapshots?filename=x.zip", content=chunks), 413)
    assert [name for name in folders(rest.served.settings) if name.startswith(".")] == []


def begun(rest: Rest) -> socket.socket:
    """An upload of which the first bytes have been sent."""
    connection = socket.create_connection(("127.0.0.1", rest.served.settings.port), timeout=10)
    head = (
        "POST /api/v1/snapshots?filename=a.py HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    )
    connection.sendall(head.encode() + b"# begun")
    return connection


def test_uploads_that_break_off_leave_nothing_and_say_nothing(
    rest: Rest, caplog: pytest.LogCaptureFixture
) -> None:
    connections = [begun(rest) for _ in range(AT_ONCE)]
    wait_for(lambda: len(folders(rest.served.settings)) == AT_ONCE, what="the uploads to be under way")
    answer = upload(rest.http, TRAIN.encode())
    refused(answer, 429)
    assert answer.headers["retry-after"] == "2"
    for connection in connections:
        connection.close()
    wait_for(lambda: folders(rest.served.settings) == [], what="the uploads to be forgotten")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert upload(rest.http, TRAIN.encode()).status_code == 201


def test_a_full_disk_takes_no_upload(settings: Settings) -> None:
    with serving(
        settings.model_copy(update={"auth": "none", "disk_floor_percent": 90.0, "disk_floor_gib": 1e9})
    ) as served:
        assert "disk" in refused(upload(served.client(), TRAIN.encode()), 507)["detail"]
        assert folders(served.settings) == []
