import math
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from readback import event_files, events, points, values
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from waiting import wait_for

from danlu.events import EventWriter
from danlu.tfrecord import create_event_file, masked_crc


def records(path: Path) -> list[bytes]:
    """The file's records, both checksums of each verified."""
    data, found, at = path.read_bytes(), [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        assert int.from_bytes(data[at + 8 : at + 12], "little") == masked_crc(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        at += 12 + length
        assert int.from_bytes(data[at : at + 4], "little") == masked_crc(body)
        found.append(body)
        at += 4
    return found


@pytest.mark.parametrize("step", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
@pytest.mark.parametrize("tag", ["x", "loss/train", "精度/验证", "a" * 300])
def test_a_scalar_is_the_event_that_protobuf_would_parse(tmp_path: Path, tag: str, step: int) -> None:
    with EventWriter(tmp_path) as writer:
        writer.scalar(tag, 0.1, step, wall_time=1234.5)
    wanted = Event(
        wall_time=1234.5, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=0.1)])
    )
    assert Event.FromString(records(writer.path)[1]) == wanted


def test_tensorboards_loader_reads_every_scalar(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as writer:
        for step in range(1000):
            writer.scalar("loss", step / 8, step)
    assert events(tmp_path)[0].file_version == "brain.Event:2"
    assert points(tmp_path, "loss") == [(step, step / 8) for step in range(1000)]


def test_nonfinite_and_huge_values_are_written_as_they_are(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as writer:
        for step, value in enumerate([math.nan, math.inf, -math.inf, 1e300, -1e300]):
            writer.scalar("v", value, step)
    read = [value for _, value in points(tmp_path, "v")]
    assert math.isnan(read[0])
    assert read[1:] == [math.inf, -math.inf, math.inf, -math.inf]


def test_what_is_logged_reaches_the_file_without_flush(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path, flush_seconds=0.05)
    writer.scalar("v", 1.0, 7)
    wait_for(lambda: len(records(writer.path)) == 2, 5, "the background flush")
    writer.close()


def test_each_opening_makes_a_later_file_also_when_the_clock_goes_back(tmp_path: Path) -> None:
    future = tmp_path / "events.out.tfevents.4102444800.otherhost.12.0"
    future.touch()
    for _ in range(3):
        EventWriter(tmp_path).close()
    names = [path.name for path in event_files(tmp_path)]
    assert len(names) == 4
    assert names[0] == future.name


def test_names_are_never_reused(tmp_path: Path) -> None:
    made = [create_event_file(tmp_path) for _ in range(20)]
    for _, fd in made:
        os.close(fd)
    paths = [path for path, _ in made]
    assert paths == event_files(tmp_path)


def test_many_threads_lose_nothing_and_mix_no_steps(tmp_path: Path) -> None:
    with EventWriter(tmp_path, flush_seconds=0.01) as writer:

        def work(number: int) -> None:
            for step in range(2000):
                writer.scalar(f"t{number}", step, step)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for number in range(4):
        assert points(tmp_path, f"t{number}") == [(step, float(step)) for step in range(2000)]


def test_wrong_calls_say_what_is_wrong_and_write_nothing(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as writer:
        writer.scalar("v", 1.0, 1)
        with pytest.raises(TypeError, match="float"):
            writer.scalar("v", 1.0, 1.0)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="64 bits"):
            writer.scalar("v", 1.0, 2**63)
        with pytest.raises(ValueError, match="empty"):
            writer.scalar("", 1.0, 1)
        with pytest.raises(TypeError, match="string"):
            writer.scalar(3, 1.0, 1)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="UTF-8"):
            writer.scalar("\ud800", 1.0, 1)
        with pytest.raises((TypeError, ValueError)):
            writer.scalar("v", "much", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="closed"):
        writer.scalar("v", 1.0, 2)
    writer.close()
    assert values(tmp_path).keys() == {"v"}
    assert points(tmp_path, "v") == [(1, 1.0)]


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_full_disk_surfaces_at_the_next_call_and_at_close(tmp_path: Path) -> None:
    result = run_python(
        """
        import resource, sys, time
        from danlu.events import EventWriter
        writer = EventWriter(sys.argv[1], flush_seconds=0.01)
        for step in range(100):
            writer.scalar("v", step, step)
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        step = 100
        try:
            while step < 1_000_000:
                writer.scalar("v", step, step)
                step += 1
        except OSError as error:
            print("call", error.filename)
        try:
            writer.flush()
        except OSError as error:
            print("flush", error.errno)
        try:
            writer.close()
        except OSError as error:
            print("close", error.errno)
        writer.close()
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    said = result.stdout.split()
    assert said[::2] == ["call", "flush", "close"]
    # The half-written batch is cut off: what was written before is a whole file.
    (path,) = event_files(tmp_path)
    assert len(records(path)) >= 101


def test_a_program_that_forgets_to_close_loses_nothing(tmp_path: Path) -> None:
    result = run_python(
        """
        import sys
        from danlu.events import EventWriter
        writer = EventWriter(sys.argv[1], flush_seconds=100)
        writer.scalar("v", 1, 1)
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert points(tmp_path, "v") == [(1, 1.0)]


def test_a_forked_child_is_refused_and_writes_nothing_twice(tmp_path: Path) -> None:
    result = run_python(
        """
        import os, sys
        from danlu.events import EventWriter
        writer = EventWriter(sys.argv[1], flush_seconds=100)
        writer.scalar("v", 1, 1)
        child = os.fork()
        if not child:
            for call in (lambda: writer.scalar("v", 2, 2), writer.flush, writer.close):
                try:
                    call()
                except RuntimeError as error:
                    assert "fork" in str(error)
                else:
                    os._exit(1)
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        writer.close()
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert points(tmp_path, "v") == [(1, 1.0)]


def test_writing_events_imports_neither_torch_nor_numpy() -> None:
    code = """
    import sys
    import danlu, danlu.board, danlu.tail, danlu.recipe
    danlu.Params, danlu.RunContext, danlu.recipe, danlu.Board
    print([name for name in ("torch", "numpy", "matplotlib", "PIL", "pandas") if name in sys.modules])
    """
    result = run_python(code, Path())
    assert result.stdout.strip() == "[]", result.stderr
