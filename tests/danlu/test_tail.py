import math
import os
import random
import shutil
import struct
from pathlib import Path

import pytest
from readback import event_files
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary as SummaryProto
from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from danlu import series
from danlu.board import Board
from danlu.events import EventWriter
from danlu.tail import EventTail, Summary


def write(folder: Path, tag: str, points: list[tuple[int, float]]) -> Path:
    with EventWriter(folder) as writer:
        for step, value in points:
            writer.scalar(tag, value, step)
    return writer.path


def record_starts(data: bytes) -> list[int]:
    starts, at = [], 0
    while at < len(data):
        starts.append(at)
        at += 16 + int.from_bytes(data[at : at + 8], "little")
    return starts


def test_only_what_is_new_is_reported(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    assert tail.poll() == {}
    with EventWriter(tmp_path) as writer:
        writer.scalar("a", 3.0, 0)
        writer.scalar("a", 1.0, 1)
        writer.scalar("b", 5.0, 0)
        writer.flush()
        assert tail.poll() == {
            "a": Summary(1, 1.0, 1.0, 3.0, 1, 0, 2),
            "b": Summary(0, 5.0, 5.0, 5.0, 0, 0, 1),
        }
        assert tail.poll() == {}
        writer.scalar("a", 2.0, 2)
        writer.flush()
        assert tail.poll() == {"a": Summary(2, 2.0, 1.0, 3.0, 1, 0, 3)}


def test_a_folder_that_is_not_there_yet_is_found_later(tmp_path: Path) -> None:
    tail = EventTail(tmp_path / "run")
    assert tail.poll() == {}
    write(tmp_path / "run", "a", [(0, 1.0)])
    assert tail.poll()["a"].count == 1


def test_subfolders_prefix_the_tag_and_links_are_not_followed(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    write(run / "logs" / "version_0", "loss", [(0, 1.0)])
    write(run, "loss", [(0, 2.0)])
    write(run / ".danlu", "private", [(0, 2.0)])
    hidden = write(other, "secret", [(0, 3.0)])
    (run / "linked").symlink_to(other)
    (run / "events.out.tfevents.1.link").symlink_to(hidden)
    os.mkfifo(run / "events.out.tfevents.1.fifo")
    tail = EventTail(run)
    assert {tag: summary.last for tag, summary in tail.poll().items()} == {
        "loss": 2.0,
        "logs/version_0/loss": 1.0,
    }
    write(run / "logs" / "version_1", "loss", [(0, 4.0)])
    assert tail.poll()["logs/version_1/loss"].last == 4.0
    assert tail.notes == []


def test_a_second_folder_gives_the_first_one_a_name(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    write(tmp_path, "hparams", [])  # the run's own file holds no curve
    write(tmp_path / "logs" / "train", "loss", [(0, 1.0), (1, 0.5)])
    assert {tag: one.count for tag, one in tail.poll().items()} == {"loss": 2}
    assert not tail.renamed
    assert tail.poll() == {}
    write(tmp_path / "logs" / "validation", "loss", [(1, 2.0)])
    # All curves come, under their new names …
    assert {tag: one.last for tag, one in tail.poll().items()} == {"train/loss": 0.5, "validation/loss": 2.0}
    assert tail.renamed
    # … and only then: a name that did not change is not told again.
    write(tmp_path / "logs" / "validation" / "1700000000.5", "best", [(0, 1.0)])
    assert set(tail.poll()) == {"validation/hparams/best"}
    assert not tail.renamed


def test_curves_whose_folder_went_are_gone_and_the_names_are_as_if_it_never_was(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    write(tmp_path / "runs" / "old", "loss", [(0, 1.0)])
    write(tmp_path / "runs" / "new", "loss", [(0, 2.0)])
    assert set(tail.poll()) == {"old/loss", "new/loss"}
    shutil.rmtree(tmp_path / "runs" / "old")
    assert {tag: one.last for tag, one in tail.poll().items()} == {"loss": 2.0}
    assert tail.renamed
    shutil.rmtree(tmp_path / "runs")
    assert tail.poll() == {}
    assert tail.renamed


def test_every_cut_of_the_last_record_waits_for_its_rest(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", "a", [(0, 1.0), (1, 2.0)]).read_bytes()
    target = tmp_path / "cut" / "events.out.tfevents.1.x"
    target.parent.mkdir()
    tail = EventTail(target.parent)
    count = 0
    for size in range(1, len(whole) + 1):
        target.write_bytes(whole[:size])
        count = tail.poll().get("a", Summary(0, 0, 0, 0, 0, 0, count)).count
    assert count == 2
    assert tail.notes == []


@pytest.mark.parametrize("where", ["length", "data", "checksum"])
def test_a_corrupt_record_ends_its_file_but_not_the_run(tmp_path: Path, where: str) -> None:
    path = write(tmp_path, "a", [(0, 1.0), (1, 2.0), (2, 3.0)])
    data = bytearray(path.read_bytes())
    last = record_starts(bytes(data))[-1]
    position = {"length": last, "data": last + 12, "checksum": len(data) - 1}[where]
    data[position] ^= 0xFF
    path.write_bytes(data)
    tail = EventTail(tmp_path)
    assert tail.poll()["a"] == Summary(1, 2.0, 1.0, 2.0, 0, 1, 2)
    assert len(tail.notes) == 1
    assert path.name in tail.notes[0]
    # It stays dead although it grows …
    path.write_bytes(bytes(data) + bytes(data))
    assert tail.poll() == {}
    # … and a later file is read.
    write(tmp_path, "a", [(5, 9.0)])
    assert tail.poll()["a"].last == 9.0
    assert len(tail.notes) == 1


def test_a_file_that_shrinks_is_dead(tmp_path: Path) -> None:
    path = write(tmp_path, "a", [(0, 1.0)])
    tail = EventTail(tmp_path)
    tail.poll()
    os.truncate(path, 10)
    assert tail.poll() == {}
    assert "shrank" in tail.notes[0]


def test_garbage_is_a_note_and_no_error(tmp_path: Path) -> None:
    generator = random.Random(0)
    for number in range(30):
        (tmp_path / f"events.out.tfevents.{number}.x").write_bytes(generator.randbytes(number * 7))
    (tmp_path / "events.out.tfevents.99.dir").mkdir()
    tail = EventTail(tmp_path)
    assert tail.poll() == {}
    assert len(tail.notes) == 28  # those of at least one header


def test_a_later_attempt_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    write(tmp_path, "loss", [(0, 5.0), (1, 4.0), (2, 0.25), (3, 9.0)])
    tail = EventTail(tmp_path)
    assert tail.poll()["loss"] == Summary(3, 9.0, 0.25, 9.0, 2, 3, 4)
    write(tmp_path, "loss", [(2, 3.0)])
    assert tail.poll()["loss"] == Summary(2, 3.0, 3.0, 5.0, 2, 0, 3)
    write(tmp_path, "loss", [(2, 2.0), (0, 1.0)])
    assert tail.poll()["loss"] == Summary(0, 1.0, 1.0, 1.0, 0, 0, 1)


def test_nonfinite_values_are_last_but_never_min_or_max(tmp_path: Path) -> None:
    write(tmp_path, "only", [(0, math.nan), (1, math.inf)])
    write(tmp_path, "some", [(0, 2.0), (1, -math.inf), (2, 1.0), (3, math.nan)])
    found = EventTail(tmp_path).poll()
    assert found["only"] == Summary(1, math.inf, None, None, None, None, 2)
    assert math.isnan(found["some"].last)
    assert (found["some"].min, found["some"].max, found["some"].count) == (1.0, 2.0, 4)


def naive(points: list[tuple[int, float]]) -> Summary:
    kept: list[tuple[int, float]] = []
    for step, value in points:
        kept = [point for point in kept if point[0] < step] + [(step, value)]
    low, high = min(kept, key=lambda point: point[1]), max(kept, key=lambda point: point[1])
    return Summary(*kept[-1], low[1], high[1], low[0], high[0], len(kept))


def test_random_rewinds_agree_with_the_plain_rule(tmp_path: Path) -> None:
    generator = random.Random(1)
    step, points = 0, []
    tail = EventTail(tmp_path)
    for _ in range(60):
        part = []
        for _ in range(generator.randrange(1, 12)):
            step = step + 1 if generator.random() < 0.8 else generator.randrange(0, step + 1)
            part.append((step, generator.randrange(1000) / 4))
        points += part
        write(tmp_path, "a", part)
        assert tail.poll()["a"] == naive(points)


def test_long_curves_are_folded_and_stay_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_POINTS", 100)
    tail = EventTail(tmp_path)
    points = [(step, float((step * 37) % 1009)) for step in range(1000)]
    for start in range(0, 1000, 90):
        write(tmp_path, "a", points[start : start + 90])
        assert tail.poll()["a"] == naive(points[: start + 90])
    # Back by a few steps: exact. Back to the first step: starts over.
    write(tmp_path, "a", [(990, -1.0)])
    assert tail.poll()["a"] == naive([*points, (990, -1.0)])
    write(tmp_path, "a", [(0, 7.0)])
    assert tail.poll()["a"] == Summary(0, 7.0, 7.0, 7.0, 0, 0, 1)


def test_a_poll_stops_at_its_limit_and_goes_on_at_the_next(tmp_path: Path) -> None:
    write(tmp_path, "a", [(step, 1.0) for step in range(100_000)])
    tail = EventTail(tmp_path, poll_bytes=1 << 20)
    polls, last = 1, tail.poll()
    while tail.behind:
        last = tail.poll() or last
        polls += 1
    assert polls > 1
    assert last["a"].count == 100_000


def tensor_event(tag: str, step: int, tensor: TensorProto, plugin: str = "") -> Event:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin)) if plugin else None
    value = SummaryProto.Value(tag=tag, tensor=tensor, metadata=metadata)
    return Event(step=step, summary=SummaryProto(value=[value]))


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.5]),
        TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=struct.pack("<f", 1.5)),
        TensorProto(dtype=types_pb2.DT_DOUBLE, tensor_content=struct.pack("<d", 1.5)),
        TensorProto(dtype=types_pb2.DT_HALF, tensor_content=struct.pack("<e", 1.5)),
        TensorProto(dtype=types_pb2.DT_HALF, half_val=[0x3E00]),
        TensorProto(dtype=types_pb2.DT_BFLOAT16, half_val=[0x3FC0]),
        TensorProto(dtype=types_pb2.DT_BFLOAT16, tensor_content=b"\xc0\x3f"),
    ],
    ids=lambda tensor: (
        f"{types_pb2.DataType.Name(tensor.dtype)}-{'raw' if tensor.tensor_content else 'list'}"
    ),
)
def test_scalars_written_as_tensors_are_read(tmp_path: Path, tensor: TensorProto) -> None:
    with EventWriter(tmp_path) as writer:
        writer.event(tensor_event("a", 0, tensor, "scalars"))
        writer.event(tensor_event("a", 1, tensor))  # only the first one names the plugin
    assert EventTail(tmp_path).poll() == {"a": Summary(1, 1.5, 1.5, 1.5, 0, 0, 2)}


def test_other_tensors_are_no_scalars(tmp_path: Path) -> None:
    two = TensorProto(
        dtype=types_pb2.DT_FLOAT,
        float_val=[1.0, 2.0],
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)]),
    )
    with EventWriter(tmp_path) as writer:
        writer.event(tensor_event("two", 0, two, "scalars"))
        writer.event(tensor_event("pr", 0, TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1]), "pr_curves"))
        writer.event(tensor_event("bare", 0, TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1])))
    with Board(tmp_path) as board:
        board.text("text", "hello")
        board.histogram("h", [1.0, 2.0], 0)
    assert EventTail(tmp_path).poll() == {}


def test_what_torch_writes_is_read(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "tb")) as writer:
        for step in range(5):
            writer.add_scalar("loss", 1 / (step + 1), step)
            writer.add_scalar("new", step, step, new_style=True)
    found = EventTail(tmp_path).poll()
    assert found["loss"].count == 5
    assert found["new"].last == 4.0


def test_a_deleted_file_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path, "a", [(0, 1.0)])
    tail = EventTail(tmp_path)
    tail.poll()
    for path in event_files(tmp_path):
        path.unlink()
    assert tail.poll() == {}
    assert tail.renamed
    write(tmp_path, "a", [(1, 2.0)])
    assert tail.poll()["a"].count == 1
