"""Hostile archives are refused whole, with the entry's name, and leave nothing behind: over REST, on a real server."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packed import TRAIN, encrypted_zip, special_tar, special_zip, tarred, zipped
from rest import Rest, refused, resting

from app.config import load_settings
from app.snapshots.archives import entries_of, kind_of
from app.snapshots.unpack import Limits, Refused, write


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, port=0, snapshot_entries=2000, snapshot_limit_mib=8)
    with resting(settings) as made:
        yield made


def sparse_tar() -> bytes:
    """A tar whose only file claims a terabyte of holes (GNU's old form)."""
    info = tarfile.TarInfo("holes")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")  # its real size
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:512]))
    return gzip.compress(bytes(block) + bytes(1024))


def huge_header() -> bytes:
    """A tar with an extended header of 4 MiB that does not pack well."""
    import random

    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 4 << 20
    return gzip.compress(
        info.tobuf(tarfile.PAX_FORMAT) + random.Random(0).randbytes(4 << 20) + bytes(1024), 1
    )


def damaged_middle() -> bytes:
    raw = bytearray(gzip.decompress(tarred({"train.py": TRAIN, "b.py": "b", "c.py": "c"})))
    place = raw.index(b"b.py")
    raw[place : place + 200] = b"\xff" * 200
    return gzip.compress(bytes(raw))


def overlapping() -> bytes:
    """Two entries of a zip's table that share one local file."""
    raw = bytearray(zipped({"train.py": TRAIN * 100, "b.py": "b"}))
    end = raw.rindex(b"PK\x05\x06")
    table = struct.unpack("<L", raw[end + 16 : end + 20])[0]
    second = raw.index(b"PK\x01\x02", table + 4)
    raw[second + 42 : second + 46] = struct.pack("<L", 0)
    return bytes(raw)


def bzip2() -> bytes:
    """A zip whose file needs all its size in memory to be unpacked; the real ones have gigabytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("train.py", bytes(1 << 20))
    return made.getvalue()


def before_the_beginning() -> bytes:
    """A zip whose table lies earlier than its end says, and so its entry before the file."""
    raw = bytearray(zipped({"train.py": TRAIN}))
    end = raw.rindex(b"PK\x05\x06")
    table = struct.unpack("<L", raw[end + 16 : end + 20])[0]
    raw[end + 16 : end + 20] = struct.pack("<L", table + 40)
    return bytes(raw)


def zip64() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(70_000):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    return made.getvalue()


CASES = {
    "climbs": (zipped({"../evil.py": "x"}), "leads out"),
    "climbs inside": (tarred({"a/../../evil.py": "x"}), "leads out"),
    "absolute": (zipped({"/etc/evil": "x"}), "absolute"),
    "absolute tar": (tarred({"/etc/evil": "x"}), "absolute"),
    "drive": (zipped({"C:evil.py": "x"}), "absolute"),
    "backslash": (zipped({"a\\b.py": "x"}), "backslash"),
    "empty part": (zipped({"a//b.py": "x"}), "empty part"),
    "newline": (zipped({"a\nb.py": "x"}), "invisible"),
    "escape": (tarred({"a\x1b[2Jb.py": "x"}), "invisible"),
    "direction": (zipped({"a\u202egnp.py": "x"}), "invisible"),
    "long part": (tarred({"x" * 256: "x"}), "more than 255 bytes"),
    "long path": (tarred({"/".join(["x" * 100] * 12): "x"}), "longer than 1000"),
    "deep": (zipped({"a/" * 40 + "b": "x"}), "nested deeper"),
    "case": (zipped({"Train.py": "x", "train.py": "y"}), "same name"),
    "case of a folder": (tarred({"Lib/a.py": "x", "lib/b.py": "y"}), "same name"),
    "unicode forms": (zipped({"caf\u00e9.py": "x", "cafe\u0301.py": "y"}), "same name"),
    "twice": (tarred({"train.py": TRAIN}, tarfile.TarInfo("train.py")), "twice"),
    "file and folder": (zipped({"a": "x", "a/b.py": "y"}), "a file and a folder"),
    "zip link": (special_zip("link", stat.S_IFLNK | 0o777), "symbolic link"),
    "zip device": (special_zip("dev", stat.S_IFBLK | 0o666), "device"),
    "zip pipe": (special_zip("pipe", stat.S_IFIFO | 0o666), "pipe"),
    "tar link": (special_tar("link", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link"),
    "tar hard link": (special_tar("link", tarfile.LNKTYPE, "train.py"), "hard link"),
    "tar device": (special_tar("dev", tarfile.CHRTYPE), "device"),
    "tar block device": (special_tar("dev", tarfile.BLKTYPE), "device"),
    "tar pipe": (special_tar("pipe", tarfile.FIFOTYPE), "pipe"),
    "tar unknown": (special_tar("x", b"Z"), "not known"),
    "link in junk": (special_tar("__pycache__/link", tarfile.SYMTYPE, "/"), "symbolic link"),
    "sparse": (sparse_tar(), "not known"),
    "huge header": (huge_header(), "header"),
    "zip bomb": (zipped({"zeros": bytes(60 << 20)}), "100 times"),
    "tar bomb": (tarred({"zeros": bytes(60 << 20)}), "100 times"),
    "gzip bomb": (gzip.compress(bytes(60 << 20)), "100 times"),
    "too many in zip": (zipped({f"{n}.py": "" for n in range(2001)}), "2000 entries"),
    "too many in tar": (tarred({f"{n}.py": "" for n in range(2001)}), "2000 entries"),
    "zip64": (zip64(), "zip64"),
    "bzip2 in zip": (bzip2(), "deflate"),
    "before the beginning": (before_the_beginning(), "begins before"),
    "encrypted": (encrypted_zip(), "encrypted"),
    "overlapping": (overlapping(), "cannot be read as zip"),
    "cut zip": (zipped({"train.py": TRAIN})[:-30], "its end is missing"),
    "cut tar": (tarred({"train.py": TRAIN * 100})[:-40], "cannot be read as tar.gz"),
    "damaged tar": (damaged_middle(), "damaged in the middle"),
    "no files": (zipped({}), "no file"),
    "only junk": (zipped({"__MACOSX/x": "x"}), "no file"),
    "noise": (b"\x1f\x8b" + bytes(range(256)), "cannot be read as tar.gz"),
    "not zip": (b"PK\x03\x04" + bytes(100), "its end is missing"),
    "other": (b"\x89PNG\r\n", "a zip, a tar.gz"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_uploads_are_refused_and_leave_nothing(rest: Rest, name: str) -> None:
    content, words = CASES[name]
    answer = rest.http.post("/api/v1/snapshots?filename=x.bin", content=content)
    body = refused(answer, 422, "body")
    assert body["error"] == "bad_archive"
    assert words in body["detail"], body
    assert body["detail"].isprintable()
    assert list(rest.served.settings.snapshots_dir.iterdir()) == []
    assert not (rest.served.settings.home / "evil.py").exists()


def test_too_much_is_refused_while_it_is_unpacked(rest: Rest) -> None:
    import random

    # each piece within deflate's reach of itself
    content = tarred({f"{n}.bin": random.Random(n).randbytes(30_000) * 20 for n in range(150)})
    assert len(content) < 8 << 20
    body = refused(rest.http.post("/api/v1/snapshots?filename=x.tar.gz", content=content), 422)
    assert "unpacks to more than 80 MiB" in body["detail"]


@pytest.mark.parametrize("filename", ["", "..", ".", "a\nb.py", "x" * 256 + ".py", "a/"])
def test_a_bad_filename_is_named(rest: Rest, filename: str) -> None:
    answer = rest.http.post("/api/v1/snapshots", params={"filename": filename}, content=TRAIN)
    refused(answer, 422, "filename")


def test_a_filename_is_its_last_part(rest: Rest) -> None:
    answer = rest.http.post("/api/v1/snapshots", params={"filename": "C:\\x\\..\\train.py"}, content=TRAIN)
    assert (answer.status_code, answer.json()["filename"]) == (201, "train.py")


def test_a_script_that_is_no_text_is_refused(rest: Rest) -> None:
    for content in (b"print(1)\0", b"# coding: klingon\nx = 1\n", b"x = '\xff'\n"):
        answer = rest.http.post("/api/v1/snapshots?filename=a.py", content=content)
        assert answer.status_code == 422, content
        assert answer.json()["fields"]


def test_a_full_disk_while_unpacking_is_said(tmp_path: Path) -> None:
    upload = tmp_path / "x.tar"
    upload.write_bytes(tarred({f"{n}.bin": bytes(17 << 20) for n in range(2)}, packed=False))
    limits = Limits(upload.stat().st_size, 10, 1 << 30, shortage=lambda: "the disk is nearly full")
    from app.errors import NoSpace

    kind = kind_of(upload) or ""
    with entries_of(upload, kind, tmp_path / "tar", limits) as entries, pytest.raises(NoSpace):
        write(entries, tmp_path / "out", limits)


def test_a_refusal_in_the_middle_names_the_entry(tmp_path: Path) -> None:
    upload = tmp_path / "x.zip"
    upload.write_bytes(zipped({f"{n}.py": "x" for n in range(5)} | {"5.PY": "x", "5.py": "y"}))
    limits = Limits(10**6, 10, 10**6)
    with (
        entries_of(upload, "zip", tmp_path / "tar", limits) as entries,
        pytest.raises(Refused, match=r"5\.py"),
    ):
        write(entries, tmp_path / "out", limits)
