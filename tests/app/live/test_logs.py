"""Following logs: every byte once, whatever happens on the way."""

import itertools
from pathlib import Path

from eventstream import Event, Stream
from reports import running
from rest import Rest
from waiting import wait_for

from app.live.stream import LOG_BYTES
from app.runs.logfile import LogWriter

LINE = "epoch {n} · 损失 0.1234 🔥 é\n"


def text_of(events: list[Event]) -> str:
    """What the log events add up to; they have to follow each other without a gap."""
    logs = [one.data for one in events if one.name == "log"]
    for before, after in itertools.pairwise(logs):
        assert after["offset"] == before["end"]
    for one in logs:
        assert len(one["text"].encode()) == one["end"] - one["offset"] <= LOG_BYTES
    return "".join(one["text"] for one in logs)


def written(folder: Path) -> int:
    return (folder / "stdout.log").stat().st_size


def test_a_broken_stream_resumes_without_a_lost_or_doubled_line(rest: Rest) -> None:
    run, _ = running(rest)
    writer = LogWriter(rest.folder(run), 64 << 20)
    whole = "".join(LINE.format(n=n) for n in range(12_000))
    pieces = whole.encode()
    cuts = [0, 5, 1000, 200_003, 200_004, 350_001, len(pieces)]
    parts: list[Event] = []
    topic = f"log:{run['id']}"
    headers: dict[str, str] = {"Last-Event-ID": f"{run['id']}=0"}
    for start, end in itertools.pairwise(cuts):
        with Stream(rest.http, topic, headers) as stream:
            writer.write(pieces[start:end])
            # A character that is cut at the end comes with the rest of it.
            whole_end = len(pieces[:end].decode("utf-8", "ignore").encode())
            if whole_end > (parts[-1].data["end"] if parts else 0):
                stream.expect("log", lambda data, end=whole_end: data["end"] == end)
            parts += [one for one in stream.events if one.name == "log"]
            if parts:
                headers = {"Last-Event-ID": parts[-1].id or ""}
    writer.close()
    assert text_of(parts) == whole


def test_the_query_resumes_as_the_header_does(rest: Rest) -> None:
    run, _ = running(rest)
    (rest.folder(run) / "stdout.log").write_bytes(b"0123456789")
    with Stream(rest.http, f"log:{run['id']}&last_event_id={run['id']}=4") as wrong:
        wrong.ended.wait(5)
        assert wrong.answer is not None
        assert wrong.answer.status_code == 422
    client = rest.served.client()
    client.params = client.params.set("last_event_id", f"{run['id']}=4")
    with Stream(client, f"log:{run['id']}") as stream:
        assert stream.expect("log").data["text"] == "456789"


def test_a_long_log_begins_near_its_end(rest: Rest) -> None:
    run, _ = running(rest)
    folder = rest.folder(run)
    lines = [f"line {n} {'x' * 90}\n" for n in range(5000)]
    (folder / "stdout.log").write_text("".join(lines))
    with Stream(rest.http, f"log:{run['id']}") as stream:
        first = stream.expect("log").data
        assert first["end"] == written(folder)
        assert first["text"].startswith("line ")
        assert len(first["text"]) <= LOG_BYTES


def test_what_was_dropped_is_said(rest: Rest) -> None:
    run, _ = running(rest)
    writer = LogWriter(rest.folder(run), 1 << 16)
    with Stream(rest.http, f"log:{run['id']}", {"Last-Event-ID": f"{run['id']}=0"}) as stream:
        writer.write(b"first\n")
        stream.expect("log", lambda data: data["text"] == "first\n")
    for n in range(4000):
        writer.write(f"a line of output with the number {n}\n".encode())
    total = writer.total
    writer.close()
    with Stream(rest.http, f"log:{run['id']}", {"Last-Event-ID": f"{run['id']}=6"}) as stream:
        gap = stream.expect("log", lambda data: "gap" in data).data
        assert "were dropped here" in gap["gap"]
        stream.expect("log", lambda data: data["end"] == total)


def test_bytes_that_are_no_text_arrive_as_marks(rest: Rest) -> None:
    run, _ = running(rest)
    (rest.folder(run) / "stdout.log").write_bytes(b"ok \xff\xfe\x00 end\n")
    with Stream(rest.http, f"log:{run['id']}") as stream:
        assert stream.expect("log").data["text"] == "ok \ufffd\ufffd\x00 end\n"


def test_output_that_comes_later_is_followed(rest: Rest) -> None:
    run, _ = running(rest)
    with Stream(rest.http, f"log:{run['id']},run:{run['id']}") as stream:
        stream.expect("run")
        assert not [one for one in stream.events if one.name == "log"]
        writer = LogWriter(rest.folder(run), 1 << 20)
        writer.write(b"half a line")
        stream.expect("log", lambda data: data["text"] == "half a line")
        writer.write(b", and the rest\n")
        wait_for(lambda: text_of(stream.events) == "half a line, and the rest\n", 5, "the rest of the line")
        writer.close()
