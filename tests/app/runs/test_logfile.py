"""The capped log: offsets count the whole output, the file stays under its limit, and nothing ever raises."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from app.runs.logfile import LOG_NAME, LogWriter, log_size, read_log, tail_log

KIB = 1024


def stream(size: int) -> bytes:
    """Bytes of which each eight tell their own place."""
    return b"".join(b"%07x\n" % place for place in range(0, size, 8))[:size]


def read_all(run_dir: Path, limit: int = 5000) -> tuple[dict[int, bytes], list[str]]:
    pieces, notes, offset = {}, [], 0
    while True:
        chunk = read_log(run_dir, offset, limit)
        if chunk.gap:
            notes.append(chunk.gap)
        if not chunk.data:
            return pieces, notes
        pieces[chunk.next_offset - len(chunk.data)] = chunk.data
        offset = chunk.next_offset


def test_a_short_output_is_kept_whole(tmp_path: Path) -> None:
    data = b"\r50%\r100%\n\0\xff\xfe no newline at the end"
    log = LogWriter(tmp_path, 64 * KIB)
    log.write(data)
    log.close()
    assert (tmp_path / LOG_NAME).read_bytes() == data
    assert read_log(tmp_path, 0) == (data, len(data), None)
    assert read_log(tmp_path, 5, 3) == (data[5:8], 8, None)
    assert read_log(tmp_path, len(data)) == (b"", len(data), None)
    assert log_size(tmp_path) == len(data)


@pytest.mark.parametrize("piece", [1, 100, 4096, 300_000])
def test_a_long_output_keeps_head_and_tail_with_true_offsets(tmp_path: Path, piece: int) -> None:
    limit, data = 64 * KIB, stream(500_000 if piece > 1 else 100_000)
    log = LogWriter(tmp_path, limit)
    for start in range(0, len(data), piece):
        log.write(data[start : start + piece])
    assert log.total == log_size(tmp_path) == len(data)
    pieces, notes = read_all(tmp_path)
    log.close()
    again, _ = read_all(tmp_path)
    assert (tmp_path / LOG_NAME).stat().st_size <= limit
    assert len(notes) == 1
    assert "dropped" in notes[0]
    for found in (pieces, again):
        assert min(found) == 0
        assert max(place + len(part) for place, part in found.items()) == len(data)
        assert all(data[place : place + len(part)] == part for place, part in found.items())
        assert sum(map(len, found.values())) > limit // 3


def test_a_later_attempt_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    data = stream(300_000)
    for start in range(0, len(data), 60_000):
        log = LogWriter(tmp_path, 64 * KIB)
        assert log.total == start
        log.write(data[start : start + 60_000])
        log.close()
    pieces, _ = read_all(tmp_path)
    assert all(data[place : place + len(part)] == part for place, part in pieces.items())


def test_a_copy_of_the_folder_reads_the_same(tmp_path: Path) -> None:
    source, copy = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    log = LogWriter(source, 16 * KIB)
    log.write(stream(100_000))
    log.close()
    subprocess.run(["cp", "-r", str(source), str(copy)], check=True)
    assert read_all(copy) == read_all(source)


def test_a_reader_that_has_the_old_file_open_stays_right_while_the_writer_rewrites(tmp_path: Path) -> None:
    data = stream(2_000_000)
    log = LogWriter(tmp_path, 32 * KIB)
    reader = random.Random(7)
    for start in range(0, len(data), 3000):
        log.write(data[start : start + 3000])
        chunk = read_log(tmp_path, reader.randrange(start + 1), 4000)
        begin = chunk.next_offset - len(chunk.data)
        assert data[begin : chunk.next_offset] == chunk.data
    log.close()


def test_tail_gives_the_last_lines(tmp_path: Path) -> None:
    log = LogWriter(tmp_path, 64 * KIB)
    log.write(b"one\ntwo\nthree\nfour")
    assert tail_log(tmp_path, 2).data == b"three\nfour"
    log.write(b"\n")
    assert tail_log(tmp_path, 2).data == b"three\nfour\n"
    assert tail_log(tmp_path, 100).data == b"one\ntwo\nthree\nfour\n"
    assert tail_log(tmp_path, 0).data == b""
    assert tail_log(tmp_path, 1) == (b"four\n", 19, None)
    log.write(stream(200_000))
    assert tail_log(tmp_path, 1).data == stream(200_000)[-8:]
    log.close()


def test_nothing_there_yet(tmp_path: Path) -> None:
    assert read_log(tmp_path) == (b"", 0, None)
    assert tail_log(tmp_path, 5) == (b"", 0, None)
    assert read_log(tmp_path / "missing", 77) == (b"", 0, None)


@pytest.mark.parametrize(
    "sidecar", ["", "{", "[]", '{"": [9]}', '{"": ["a", 1]}', '{"": [5, 2]}', json.dumps({"": [0, 1 << 80]})]
)
def test_a_scribbled_sidecar_never_breaks_reading(tmp_path: Path, sidecar: str) -> None:
    log = LogWriter(tmp_path, 64 * KIB)
    log.write(b"hello\n")
    log.close()
    (tmp_path / ".danlu" / "log.json").write_text(sidecar)
    assert read_log(tmp_path).data == b"hello\n"


def test_a_link_or_a_fifo_in_the_place_of_the_log_is_not_read(tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).symlink_to("/etc/passwd")
    assert read_log(tmp_path).data == b""
    LogWriter(tmp_path, 4096).close()
    assert not (tmp_path / LOG_NAME).is_symlink()
    (tmp_path / LOG_NAME).unlink()
    os.mkfifo(tmp_path / LOG_NAME)
    assert read_log(tmp_path).data == b""


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from app.runs.logfile import LogWriter, log_size, read_log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, data = Path(sys.argv[1]), b"x" * 100_000
log = LogWriter(folder, 10_000_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
log.write(data)
assert log.trouble, "no trouble"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write(b"after\\n")
log.close()
assert log_size(folder) == len(data) + 6, log_size(folder)
assert read_log(folder, 100_000).data == b"after\\n"
assert read_log(folder, 99_000).gap
"""


def test_a_full_disk_drops_bytes_and_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
