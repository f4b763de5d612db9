import errno
import hashlib
import json
import logging
import os
import resource
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from danlu import checkpoint
from danlu.recipe import CheckpointUnreadable


def state(step: int, numbers: int = 1000) -> dict[str, Any]:
    weights = torch.arange(numbers, dtype=torch.float32) + step
    return {
        "net": OrderedDict(w=weights),
        "step": step,
        "more": [1.5, None, ("text", True), {"nested": {1: 2}}],
    }


def save(folder: Path, step: int, kind: str = "last", **meta: Any) -> checkpoint.Entry:
    return checkpoint.save(folder, kind, state(step), {"step": step, **meta})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def step_of(found: tuple[checkpoint.Entry, dict[str, Any]] | None) -> int:
    assert found is not None
    return int(found[1]["step"])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    entry = save(tmp_path / "new" / "folder", 7, epoch=2, value=0.5)
    assert names(entry.path.parent) == ["last-7-1.json", "last-7-1.pt"]
    loaded = checkpoint.load(entry)
    assert torch.equal(loaded["net"]["w"], state(7)["net"]["w"])
    assert loaded["more"] == state(7)["more"]
    [listed] = checkpoint.entries(entry.path.parent, "last")
    assert (listed.path, listed.sha256, listed.bytes) == (entry.path, entry.sha256, entry.bytes)
    assert (listed.meta["epoch"], listed.meta["value"]) == (2, 0.5)
    assert listed.meta["torch"] == torch.__version__


@pytest.mark.parametrize("numbers", [0, 1, 5_000_000], ids=["empty", "tiny", "20 MB"])
def test_the_digest_is_that_of_the_file(tmp_path: Path, numbers: int) -> None:
    entry = checkpoint.save(tmp_path, "last", state(1, numbers), {"step": 1})
    data = entry.path.read_bytes()
    assert entry.sha256 == hashlib.sha256(data).hexdigest()
    assert entry.bytes == len(data) >= 4 * numbers
    assert json.loads(entry.path.with_suffix(".json").read_bytes())["sha256"] == entry.sha256
    assert len(checkpoint.load(entry)["net"]["w"]) == numbers


def test_the_newest_is_the_one_that_was_written_last(tmp_path: Path) -> None:
    for step in (5, 10, 3):  # a training that went back to an older state
        save(tmp_path, step)
    save(tmp_path, 99, "best")
    assert step_of(checkpoint.newest(tmp_path, "last")) == 3
    assert [entry.serial for entry in checkpoint.entries(tmp_path, "last")] == [3, 2, 1]
    assert [entry.serial for entry in checkpoint.entries(tmp_path, "best")] == [4]
    assert checkpoint.newest(tmp_path / "none", "last") is None
    assert checkpoint.newest(tmp_path, "other") is None


def test_pruning_keeps_the_newest_and_those_to_spare(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    best = [save(tmp_path, step, "best").path.name for step in (5, 6)]
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "last-9-9.pt.tmp").write_bytes(b"half")
    (tmp_path / "last-8-8.pt").write_bytes(b"whole, but killed before its manifest")
    checkpoint.prune(tmp_path, "last", 2)
    assert [entry.meta["step"] for entry in checkpoint.entries(tmp_path, "last")] == [4, 3]
    checkpoint.prune(tmp_path, "best", 0, [best[0]])
    assert names(tmp_path) == [
        "best-5-5.json", "best-5-5.pt", "last-3-3.json", "last-3-3.pt", "last-4-4.json", "last-4-4.pt", "notes.txt",
    ]  # fmt: skip
    checkpoint.clear(tmp_path)
    assert names(tmp_path) == ["notes.txt"]


def test_a_new_file_never_takes_the_name_of_an_unfinished_one(tmp_path: Path) -> None:
    (tmp_path / "last-1-1.pt").write_bytes(b"no manifest")
    (tmp_path / "best-1-6.pt.tmp").write_bytes(b"half")
    assert save(tmp_path, 1).path.name == "last-1-7.pt"


# -- damage


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def into_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "no manifest": lambda path: path.with_suffix(".json").unlink(),
    "half a manifest": lambda path: path.with_suffix(".json").write_bytes(b'{"sha256": "'),
    "another manifest": lambda path: path.with_suffix(".json").write_bytes(b"[]"),
    "a folder": into_a_folder,
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_newest_one_falls_back_to_the_one_before(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1)
    newest = save(tmp_path, 2).path
    DAMAGES[how](newest)
    with caplog.at_level(logging.WARNING, "danlu"):
        assert step_of(checkpoint.newest(tmp_path, "last")) == 1
    assert newest.stem in caplog.text
    assert save(tmp_path, 3).serial == 3
    assert step_of(checkpoint.newest(tmp_path, "last")) == 3


@pytest.mark.parametrize("how", [how for how in DAMAGES if "manifest" not in how])
def test_where_all_are_damaged_nothing_begins_anew(tmp_path: Path, how: str) -> None:
    for step in (1, 2):
        DAMAGES[how](save(tmp_path, step).path)
    with pytest.raises(CheckpointUnreadable, match=r"no checkpoint in .* is whole: .*last-2-2\.pt"):
        checkpoint.newest(tmp_path, "last")


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_executed_even_when_its_manifest_fits(tmp_path: Path) -> None:
    path = tmp_path / "last-1-1.pt"
    torch.save({"net": Payload(tmp_path / "pwned")}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(
        json.dumps({"sha256": digest, "bytes": path.stat().st_size, "step": 1})
    )
    with pytest.raises(CheckpointUnreadable, match=r"last-1-1\.pt cannot be read"):
        checkpoint.newest(tmp_path, "last")
    with pytest.raises(CheckpointUnreadable):
        checkpoint.read_file(path)
    assert not (tmp_path / "pwned").exists()


def test_what_is_no_state_is_unreadable(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointUnreadable, match="holds no state but a list"):
        checkpoint.read_file(tmp_path / "list.pt")
    with pytest.raises(CheckpointUnreadable, match=r"absent\.pt cannot be read"):
        checkpoint.read_file(tmp_path / "absent.pt")


class Custom:
    pass


def test_a_state_that_could_not_be_loaded_again_is_refused_at_once(tmp_path: Path) -> None:
    class Local:
        pass

    for thing, name in (
        (Custom(), "Custom"),
        (Payload(tmp_path), "mkdir"),
        (Local(), "Local"),
        (lambda: 0, "lambda"),
    ):
        with pytest.raises(TypeError, match=rf"may hold tensors.*{name}"):
            checkpoint.save(tmp_path, "last", {"net": {}, "callbacks": {"mine": thing}}, {"step": 1})
        assert not names(tmp_path)


# -- full disks


def in_a_fork(work: Callable[[], None]) -> int:
    """The exit code of a fork that does it; limits of a process cannot be lifted again."""
    child = os.fork()
    if not child:
        status = 99
        try:
            work()
            status = 0
        except OSError as error:
            status = error.errno or 98
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("limit", [0, 100, 20_000, 39_999])
def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, limit: int) -> None:
    save(tmp_path, 1)
    before = names(tmp_path)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        checkpoint.save(tmp_path, "last", state(2, 10_000), {"step": 2})

    assert in_a_fork(work) == errno.EFBIG
    assert names(tmp_path) == before
    assert step_of(checkpoint.newest(tmp_path, "last")) == 1


def test_a_folder_that_cannot_be_written_to_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        save(tmp_path / "file", 1)
