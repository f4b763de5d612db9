"""A training that is cut off anywhere and started again ends as if nothing had happened, to the last bit."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from readback import event_files
from trainings import BATCHES, EPOCHS, KINDS, build, difference, last, shown, state_of, train

from danlu import Trainer, checkpoint
from danlu.callbacks import ModelCheckpoint
from danlu.recipe import CheckpointUnreadable

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class CrashError(Exception):
    pass


class Cut:
    """Says stop at the n-th question (from 0), or crashes there."""

    def __init__(self, at: float = float("inf"), *, crash: bool = False) -> None:
        self.at, self.crash, self.asked = at, crash, 0

    def __call__(self) -> bool:
        self.asked += 1
        over = self.asked > self.at
        if over and self.crash:
            raise CrashError
        return over


def whole(kind: str, folder: Path, **options: Any) -> tuple[dict[str, Any], int]:
    """How it ends when it is left alone, and how often it asked whether to stop."""
    stop = Cut()
    trainer = train(kind, folder, stop=stop, **options)
    return state_of(trainer, folder), stop.asked


def assert_same(found: dict[str, Any], wanted: dict[str, Any], where: object) -> None:
    assert not (differing := difference(found, wanted)), f"cut off at {where}: {differing}"


def test_a_stop_at_any_moment_changes_nothing(tmp_path: Path) -> None:
    wanted, asked = whole("dropout", tmp_path / "whole")
    assert asked > EPOCHS * BATCHES
    for at in range(asked):
        folder = tmp_path / str(at)
        train("dropout", folder, stop=Cut(at))
        assert not last(folder)["progress"]["done"]
        assert_same(state_of(train("dropout", folder), folder), wanted, at)


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_training_goes_on_to_the_bit(tmp_path: Path, kind: str) -> None:
    wanted, asked = whole(kind, tmp_path / "whole")
    seeded = random.Random(kind)
    for number in range(2 if "worker" in kind else 4):
        folder = tmp_path / str(number)
        moments = [seeded.randrange(asked) for _ in range(2)]
        for moment in moments:
            train(kind, folder, stop=Cut(moment))
        assert_same(state_of(train(kind, folder), folder), wanted, moments)


@pytest.mark.parametrize("kind", ["dropout", "augmented", "accumulation", "stopped early", "metrics"])
def test_a_crash_goes_back_to_the_checkpoint_before(tmp_path: Path, kind: str) -> None:
    wanted, asked = whole(kind, tmp_path / "whole", saver={"every": 4})
    seeded = random.Random(kind)
    for number in range(4):
        folder = tmp_path / str(number)
        moments = [seeded.randrange(asked) for _ in range(2)]
        for moment in moments:
            stop = Cut(moment, crash=True)
            try:
                train(kind, folder, stop=stop, saver={"every": 4})
            except CrashError:
                continue
            assert stop.asked <= moment  # the rest was shorter than that
        assert_same(state_of(train(kind, folder, saver={"every": 4}), folder), wanted, moments)


# -- several fits


@pytest.mark.parametrize("kind", ["dropout", "own generator", "metrics", "cosine"])
def test_two_fits_are_one_of_the_same_length(tmp_path: Path, kind: str) -> None:
    one, _ = whole(kind, tmp_path / "one", fits=(4,))
    two, _ = whole(kind, tmp_path / "two", fits=(2, 2))
    assert [row["epoch"] for row in two["history"]] == [1, 2, 3, 4]
    for name in ("net", "optimizers", "scheduler", "history", "rng"):
        assert not difference(two["state"][name], one["state"][name], name)
    assert not difference(two["net"], one["net"])
    assert not difference(two["curves"], one["curves"])


@pytest.mark.parametrize("kind", ["dropout", "stopped early"])
@pytest.mark.parametrize("crash", [False, True])
def test_a_script_of_two_fits_that_is_started_again_passes_by_what_is_done(
    tmp_path: Path, kind: str, crash: bool
) -> None:
    fits, saver = (2, 2), {"every": 3}
    wanted, asked = whole(kind, tmp_path / "whole", fits=fits, saver=saver)
    for at in range(1, asked, 5):
        folder = tmp_path / str(at)
        if crash:
            with pytest.raises(CrashError):
                train(kind, folder, stop=Cut(at, crash=True), fits=fits, saver=saver)
        else:
            train(kind, folder, stop=Cut(at), fits=fits, saver=saver)
        assert_same(state_of(train(kind, folder, fits=fits, saver=saver), folder), wanted, at)


def test_a_crash_in_the_middle_of_an_accumulated_step_leaves_nothing_to_the_next_fit(tmp_path: Path) -> None:
    trainer, training = build("accumulation", None)
    batches = list(training.train)

    def failing() -> Iterator[Any]:
        yield from batches[:5]
        raise CrashError

    options: dict[str, Any] = {
        "quiet": True,
        "gradient_accumulation_steps": 4,
        "ckpt_path": tmp_path,
        "epochs": 1,
    }
    with pytest.raises(CrashError):
        trainer.fit(failing, **options)
    assert (trainer.progress.step, trainer.progress.batch) == (1, 5)
    trainer.fit(batches[:4], **options)
    assert trainer.progress.step == 2
    assert len(trainer.history) == 1


def test_more_epochs_go_on_after_the_end(tmp_path: Path) -> None:
    wanted, _ = whole("dropout", tmp_path / "whole", fits=(5,))
    folder = tmp_path / "cut"
    train("dropout", folder, fits=(2,))
    train("dropout", folder, fits=(5,), stop=Cut(9))
    assert not last(folder)["progress"]["done"]
    assert_same(state_of(train("dropout", folder, fits=(5,)), folder), wanted, "the end and 9")


def test_a_training_that_is_over_adds_nothing(tmp_path: Path) -> None:
    for kind in ("plain", "stopped early"):
        folder = tmp_path / kind
        first = train(kind, folder)
        before = shown(folder)
        sizes = {path.name: path.stat().st_mtime_ns for path in (folder / "checkpoints").iterdir()}
        again = train(kind, folder)
        assert shown(folder) == before
        assert again.history == first.history
        assert not difference(again.net.state_dict(), first.net.state_dict())
        assert sizes == {path.name: path.stat().st_mtime_ns for path in (folder / "checkpoints").iterdir()}
        assert sum(path.stat().st_size for path in event_files(folder)[1:]) < 200  # a file's head at most


def test_nothing_holds_the_data_after_a_fit(tmp_path: Path) -> None:
    trainer, training = build("plain", None)
    trainer.fit(training.train, training.val, 1, ckpt_path=tmp_path, quiet=True)
    loaders = [weakref.ref(training.train), weakref.ref(training.val)]
    del training
    assert [loader() for loader in loaders] == [None, None]


def test_outside_of_a_run_it_goes_on_only_when_told(tmp_path: Path) -> None:
    def fit(**options: Any) -> Trainer:
        trainer, training = build("dropout", None)
        trainer.fit(training.train, training.val, 2, ckpt_path=tmp_path / "here", quiet=True, **options)
        return trainer

    first = fit()
    mine = tmp_path / "here" / "notes.txt"
    mine.write_text("mine")
    assert fit(resume=True).progress.step == first.progress.step
    assert len(fit().history) == 2  # the old checkpoints are gone, and nothing else
    assert mine.exists()
    assert len(checkpoint.entries(tmp_path / "here", "last")) <= 2


def test_fits_with_folders_of_their_own(tmp_path: Path) -> None:
    def fit(folder: Path, crash_at: int = 0, *, resume: bool = True) -> Trainer:
        class Crash:
            def on_step_end(self, trainer: Trainer) -> None:
                steps.append(trainer.progress.step)
                if steps[-1] == crash_at:
                    raise CrashError

        trainer, training = build("dropout", None)
        for name in ("a", "b"):
            callbacks = [Crash(), ModelCheckpoint(every=2)]
            trainer.fit(
                training.train,
                training.val,
                2,
                ckpt_path=folder / name,
                resume=resume,
                quiet=True,
                callbacks=callbacks,
            )
        return trainer

    steps: list[int] = []
    wanted = fit(tmp_path / "whole")
    for at in (5, 13, 20):
        with pytest.raises(CrashError):
            fit(tmp_path / str(at), at)
        steps.clear()
        found = fit(tmp_path / str(at))
        assert steps[0] == (at - 1 - (at - 1) % 2) + 1
        assert not difference(found.history, wanted.history)
        assert not difference(found.net.state_dict(), wanted.net.state_dict())
    steps.clear()
    fit(tmp_path / "5")
    assert not steps
    # Anew, on top of what another training has left: its best weights are nobody's.
    meta = {"monitor": "val_loss", "value": -1.0, "epoch": 1, "step": 1}
    checkpoint.save(tmp_path / "old" / "b", "best", {"net": {}, **meta}, meta)
    found = fit(tmp_path / "old", resume=False)
    assert not difference(found.net.state_dict(), wanted.net.state_dict())
    assert len(checkpoint.entries(tmp_path / "old" / "b", "best")) == 1


def test_another_training_is_refused_and_a_damaged_one_never_begins_anew(tmp_path: Path) -> None:
    train("dropout", tmp_path)
    files = list((tmp_path / "checkpoints").glob("last-*.pt"))
    with pytest.raises(
        CheckpointUnreadable, match=r"does not fit this training.*betas.*instead of.*momentum"
    ):
        train("one cycle", tmp_path)  # with another optimizer
    for path in files:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointUnreadable, match="is whole"):
        train("dropout", tmp_path)


# -- real processes


def forked(work: Callable[[Callable[[bytes], int]], None], until: Callable[[int], bool]) -> bool:
    """Run `work` in a fork of this process and kill it as soon as `until` says so of what it has told; whether it was."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reading)
            work(lambda text: os.write(writing, text))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        while told := os.read(reading, 1):
            if until(told[0]):
                os.kill(child, signal.SIGKILL)
                break
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or status == 0
    return killed


def kill_in(kind: str, folder: Path, until: Callable[[int], bool], **options: Any) -> bool:
    def work(tell: Callable[[bytes], int]) -> None:
        def report(news: Any) -> None:
            tell(b"s" if news.get("phase") == "saving" else b"." if "step" in news else b"-")

        train(kind, folder, report=report, **options)

    return forked(work, until)


def busy(seconds: float) -> None:
    """Wait less than any clock that a sleep has."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_killed_at_random_moments(tmp_path: Path) -> None:
    wanted, _ = whole("dropout", tmp_path / "whole", saver={"every": 2})
    seeded = random.Random(1)
    kills = 0
    for number in itertools.count():
        folder = tmp_path / str(number // 3)
        steps, more = seeded.randrange(1, 8), seeded.random() * 4e-3
        told = itertools.count(1)

        def until(what: int, told: Any = told, steps: int = steps, more: float = more) -> bool:
            if what != ord(".") or next(told) < steps:
                return False
            busy(more)
            return True

        kills += kill_in("dropout", folder, until, saver={"every": 2})
        if kills == 6:
            break
    for last_one in range(number // 3 + 1):
        folder = tmp_path / str(last_one)
        trainer = train("dropout", folder, saver={"every": 2})
        assert_same(state_of(trainer, folder), wanted, f"kills {last_one}")


def test_killed_inside_of_saves(tmp_path: Path) -> None:
    wanted, _ = whole("dropout", tmp_path / "whole", saver={"every": 1})
    seeded = random.Random(2)
    folder = tmp_path / "cut"
    kills = 0
    while kills < 12:
        saves, more = itertools.count(), seeded.random() * 3e-3

        def until(what: int, saves: Any = saves, more: float = more) -> bool:
            if what != ord("s") or next(saves) < 1:  # each start comes one save further
                return False
            busy(more)
            return True

        if not kill_in("dropout", folder, until, saver={"every": 1}):
            break
        kills += 1
    assert kills >= 10
    assert_same(state_of(train("dropout", folder, saver={"every": 1}), folder), wanted, f"{kills} saves")


def kill_at_event(kind: str, folder: Path, number: int, **options: Any) -> bool:
    """Kill it right before its n-th opening, renaming or removing of a file in its folder of checkpoints."""

    def work(_tell: Callable[[bytes], int]) -> None:
        seen = itertools.count()

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            ours = event in {"open", "os.rename", "os.remove"} and "checkpoints/" in str(arguments[0])
            if ours and next(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        train(kind, folder, **options)

    return forked(work, lambda _told: False)


@pytest.mark.parametrize(("kind", "fits", "apart"), [("dropout", (2, 1), 11), ("stopped at once", (3, 1), 3)])
def test_killed_before_each_thing_that_a_save_does_to_files(
    tmp_path: Path, kind: str, fits: tuple[int, ...], apart: int
) -> None:
    options: dict[str, Any] = {"fits": fits, "saver": {"every": None if kind == "stopped at once" else 3}}
    wanted, _ = whole(kind, tmp_path / "whole", **options)
    for number in itertools.count(0, apart):
        folder = tmp_path / str(number)
        if not kill_at_event(kind, folder, number, **options):
            break
        assert_same(state_of(train(kind, folder, **options), folder), wanted, f"event {number}")
    assert number > 20


SCRIPT = """
import os, sys
from pathlib import Path
import torch

torch.set_num_threads(1)
sys.path[:0] = {paths!r}
from trainings import train

def report(news):
    if news.get("step") is not None:
        os.write(1, b".")

train({kind!r}, Path({folder!r}), report=report, fits={fits!r}, saver={saver!r})
"""


class Started:
    """The training as a process of its own."""

    def __init__(
        self, folder: Path, kind: str, fits: tuple[int, ...], saver: dict[str, Any], script: str = SCRIPT
    ) -> None:
        path = folder.with_suffix(".py")
        paths = [str(REPO / "tests"), str(REPO)]
        paths.insert(0, str(REPO / "tests" / "danlu"))
        path.write_text(script.format(paths=paths, kind=kind, folder=str(folder), fits=fits, saver=saver))
        folder.mkdir(exist_ok=True)
        self.popen = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, cwd=folder)

    def steps(self, number: int) -> bool:
        """Wait until so many steps were told; False when it ended before."""
        assert self.popen.stdout is not None
        return all(self.popen.stdout.read(1) for _ in range(number))

    def end(self, how: int | None = None) -> int:
        """Its exit code, after a signal."""
        if how is not None:
            self.popen.send_signal(how)
        with self.popen:
            self.popen.communicate()  # it must find somebody who reads as long as it lives
        return self.popen.returncode


OUTSIDE = """
import os, sys
from pathlib import Path
import torch

torch.set_num_threads(1)
sys.path[:0] = {paths!r}
from trainings import build

class Tell:
    def on_step_end(self, trainer):
        os.write(1, b".")

trainer, training = build({kind!r}, None)
print(end="", flush=True)
trainer.fit(
    training.train, training.val, 400, ckpt_path=Path({folder!r}) / "checkpoints", resume=True, quiet=True, callbacks=[Tell()]
)
"""


def test_sigterm_saves_and_ends_as_sigterm_does(tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    started = Started(folder, "dropout", (), {}, OUTSIDE)
    assert started.steps(40)
    assert started.end(signal.SIGTERM) == 128 + signal.SIGTERM
    progress = last(folder)["progress"]
    assert progress["step"] >= 40
    assert not progress["done"]
    again = Started(folder, "dropout", (), {}, OUTSIDE)
    assert again.steps(1)
    assert again.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert last(folder)["progress"]["step"] > progress["step"]
    state = last(folder)
    trainer, training = build("dropout", None)

    class Until:
        def on_step_end(self, trainer: Trainer) -> None:
            if trainer.progress.step == state["progress"]["step"]:
                raise CrashError

    with pytest.raises(CrashError):
        trainer.fit(
            training.train, training.val, 400, ckpt_path=tmp_path / "b", quiet=True, callbacks=[Until()]
        )
    assert not difference(state["optimizers"]["optimizer"], trainer.optimizer.state_dict())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_process_that_is_killed_fifty_times(tmp_path: Path) -> None:
    fits, saver = (60, 50), {"every": 2}
    wanted, _ = whole("augmented", tmp_path / "whole", fits=fits, saver=saver)
    seeded = random.Random(3)
    folder = tmp_path / "cut"
    for kills in range(50):
        started = Started(folder, "augmented", fits, saver)
        assert started.steps(seeded.randrange(2, 12)), f"over after {kills} kills"
        busy(seeded.random() * 10e-3)
        assert started.end(signal.SIGKILL) == -signal.SIGKILL
    assert 5 < last(folder)["progress"]["epoch"] < 110
    trainer = train("augmented", folder, fits=fits, saver=saver)
    assert_same(state_of(trainer, folder), wanted, "fifty moments")
