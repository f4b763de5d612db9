"""What is in a run's folder, and nothing else: log, list, download."""

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from rest import Rest, refused

from app.clock import utcnow
from app.runs.cleanup import reconcile_deleted
from app.runs.files import MAX_FILES, every_path, list_files
from app.runs.logfile import LogWriter
from app.runs.queries import mark_deleted
from app.runs.words import RunState

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def run(rest: Rest) -> dict[str, Any]:
    return rest.submit()


def test_list_leaves_out_links_and_the_private_folder(rest: Rest, run: dict[str, Any]) -> None:
    folder = rest.folder(run)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "a.pt").write_bytes(CONTENT)
    (folder / "b c.txt").write_text("b")
    (folder / ".danlu").mkdir()
    (folder / ".danlu" / "status.json").write_text("{}")
    (folder / "datasets").symlink_to("/etc")
    (folder / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"bad\xff")).write_text("x")
    page = rest.get(f"/runs/{run['id']}/files", limit=1).json()
    assert [item["path"] for item in page["items"]] == ["b c.txt"]
    rest_page = rest.get(f"/runs/{run['id']}/files", limit=1, cursor=page["next"]).json()
    assert [(item["path"], item["size"]) for item in rest_page["items"]] == [
        ("checkpoints/a.pt", len(CONTENT))
    ]
    assert rest_page["next"] is None
    assert rest_page["items"][0]["modified_at"].endswith("Z")
    refused(rest.get(f"/runs/{run['id']}/files", cursor="x"), 422, "cursor")


def test_a_file_that_goes_while_it_is_listed_breaks_no_list(rest: Rest, run: dict[str, Any]) -> None:
    folder = rest.folder(run)
    (folder / "kept").write_text("x")
    ended = threading.Event()

    def rename() -> None:
        while not ended.is_set():  # as a checkpoint is written
            for number in range(20):
                (folder / f"{number}.tmp").write_text("x")
            for number in range(20):
                (folder / f"{number}.tmp").unlink(missing_ok=True)

    writer = threading.Thread(target=rename)
    writer.start()
    try:
        for _ in range(300):
            found, _ = list_files(folder)
            assert "kept" in [item["path"] for item in found]
    finally:
        ended.set()
        writer.join()


def test_an_export_has_more_files_than_a_list(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 10):
        (tmp_path / f"{number:05}").touch()
    (tmp_path / ".danlu").mkdir()
    (tmp_path / ".danlu" / "private").touch()
    assert len(list_files(tmp_path, limit=2 * MAX_FILES)[0]) < MAX_FILES
    assert every_path(tmp_path) == [f"{number:05}" for number in range(MAX_FILES + 10)]
    assert len(every_path(tmp_path, only=[""])) == MAX_FILES + 10


def test_a_run_without_a_folder_has_no_files_and_no_log(rest: Rest, run: dict[str, Any]) -> None:
    assert rest.get(f"/runs/{run['id']}/files").json() == {"items": [], "next": None}
    answer = rest.get(f"/runs/{run['id']}/log")
    assert (answer.status_code, answer.content, answer.headers["x-next-offset"]) == (200, b"", "0")


def raw_get(rest: Rest, target: str) -> tuple[int, bytes]:
    """A request whose path no client has tidied up."""
    host, port = rest.served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := sock.recv(65536):
            data += piece
    return int(data.split(b" ", 2)[1]), data


def test_no_path_leads_out(rest: Rest, run: dict[str, Any], tmp_path: Path) -> None:
    folder = rest.folder(run)
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    other = rest.submit()
    (rest.folder(other) / "theirs").write_text("top secret")
    (folder / "out").symlink_to(tmp_path)
    (folder / "file").symlink_to(secret)
    (folder / "self").symlink_to(folder)
    (folder / ".danlu").mkdir()
    (folder / ".danlu" / "x").write_text("top secret")
    (folder / "here").write_text("fine")
    os.mkfifo(folder / "pipe")
    base = f"/api/v1/runs/{run['id']}/files/"
    for path in (
        "../secret", "..%2fsecret", "%2e%2e/secret", "%252e%252e/secret", "out/secret", "file", "self/here", "pipe", ".",
        "..", "./here", "here/", "here/x", "//here", f"/{secret}", f"{secret}", "..\\secret", "here%00", "%00", "",
        f"../{other['slug']}/theirs", ";/../here", ".danlu/x", "%ff", "a" * 5000, "/".join("a" * 2000),
        "..%c0%afsecret", "checkpoints", "out%2fsecret",
    ):  # fmt: skip
        status, data = raw_get(rest, base + path)
        assert status in {400, 404}, (path, status)
        assert b"top secret" not in data
    assert raw_get(rest, base + "here")[0] == 200


def test_downloads_are_attachments_whole_and_in_parts(rest: Rest, run: dict[str, Any]) -> None:
    (rest.folder(run) / 'a b"é.html').write_bytes(CONTENT)
    url = f"/api/v1/runs/{run['id']}/files/a b%22é.html"
    whole = rest.http.get(url)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b%22%C3%A9.html"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-type"] == "application/octet-stream"
    for header, expected in (
        ("bytes=0-9", CONTENT[:10]), ("bytes=-5", CONTENT[-5:]), ("bytes=10230-", CONTENT[10230:]),
        ("bytes=5-999999", CONTENT[5:]),
    ):  # fmt: skip
        part = rest.http.get(url, headers={"range": header})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"].endswith(f"/{len(CONTENT)}")
    both = rest.http.get(url, headers={"range": "bytes=0-1,4-5"})
    assert both.status_code == 206
    assert both.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert int(both.headers["content-length"]) == len(both.content)
    assert CONTENT[:2] in both.content
    for header in ("bytes=", "lines=1-2", "bytes=9-1", "bytes=a-b", "bytes=-", "bytes=1-2-3"):
        assert rest.http.get(url, headers={"range": header}).content == CONTENT
    stale = rest.http.get(url, headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (stale.status_code, stale.content) == (200, CONTENT)
    refused(rest.http.get(url, headers={"range": "bytes=99999-"}), 416)
    refused(rest.http.get(url, headers={"range": "bytes=" + ",".join(f"{n}-{n}" for n in range(4000))}), 416)


def test_the_log_by_offset_and_by_tail(rest: Rest, run: dict[str, Any]) -> None:
    writer = LogWriter(rest.folder(run), 1 << 22)
    writer.write(b"<b>one</b>\ntwo\nthr\xffee\n")
    url = f"/runs/{run['id']}/log"
    whole = rest.get(url)
    assert whole.content == b"<b>one</b>\ntwo\nthr\xffee\n"
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["x-content-type-options"] == "nosniff"
    offset = whole.headers["x-next-offset"]
    assert rest.get(url, offset=offset).content == b""
    writer.write(b"four\n")
    more = rest.get(url, offset=offset)
    assert (more.content, int(more.headers["x-next-offset"])) == (b"four\n", int(offset) + 5)
    assert rest.get(url, tail=2).content == b"thr\xffee\nfour\n"
    assert rest.get(url, tail=0).content == b""
    piece = rest.get(url, offset=0, limit=3)
    assert (piece.content, piece.headers["x-next-offset"]) == (b"<b>", "3")
    assert rest.get(url, offset=2**62).content == b""
    writer.close()
    refused(rest.get(url, offset=0, tail=1), 422, "tail")
    for params, name in (({"offset": -1}, "offset"), ({"offset": 2**64}, "offset"), ({"tail": "x"}, "tail")):
        refused(rest.get(url, **params), 422, name)


def test_a_log_over_its_limit_says_what_was_dropped(rest: Rest, run: dict[str, Any]) -> None:
    writer = LogWriter(rest.folder(run), 3 << 20)
    for number in range(600):
        writer.write(b"%06d" % number * 2048)
    writer.close()
    whole = rest.get(f"/runs/{run['id']}/log")
    assert whole.content.startswith(b"000000")
    assert whole.content.endswith(b"000599")
    assert b"bytes of output were dropped here" in whole.content
    assert int(whole.headers["x-next-offset"]) == 600 * 12288


def test_a_crash_in_the_middle_of_a_removal_is_mended_at_start(rest: Rest, run: dict[str, Any]) -> None:
    folder = rest.folder(run)
    (folder / "a").write_text("x")
    stays = rest.submit()
    (rest.folder(stays) / "a").write_text("x")
    rest.bring(run["id"], RunState.CANCELLED)
    with rest.served.db.write() as session:
        mark_deleted(session, run["id"], utcnow())  # and here the server was killed
    refused(rest.get(f"/runs/{run['id']}"), 404)
    assert folder.exists()
    reconcile_deleted(rest.served.settings, rest.served.db)
    assert not folder.exists()
    assert (rest.folder(stays) / "a").exists()
    assert reconcile_deleted(rest.served.settings, rest.served.db) == 0
