"""The manager with the real TensorBoard and the real data server, and with fakes that misbehave."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from boards import children_of, wait_ready, write_scalars
from waiting import wait_for

from app.config import Settings
from app.errors import Unavailable
from app.tensorboard import commands, places, process
from app.tensorboard.manager import TensorBoards
from app.tensorboard.units import State

Manage = Callable[..., TensorBoards]
Fake = Callable[[str], str]
QUICK = {"backoff": (0.05, 0.1, 0.2, 0.4), "sync": 0.05}


def experiment(settings: Settings, slug: str = "rings") -> Path:
    folder = settings.experiments_dir / slug
    write_scalars(folder / "run-1")
    return folder


def test_fifty_first_requests_start_one_tensorboard(manage: Manage, sqlite_settings: Settings) -> None:
    experiment(sqlite_settings)
    boards = manage()
    with ThreadPoolExecutor(50) as pool:
        first = list(pool.map(lambda _: boards.ensure("rings"), range(50)))
    assert {status.state for status in first} <= {State.STARTING, State.READY}
    status = wait_ready(boards, "rings")
    assert status.port
    assert commands.health(status.port, places.prefix("rings"), 5) is None
    names = sorted(" ".join(child.cmdline()) for child in children_of(sqlite_settings))
    assert len(names) == 2, names


def test_a_killed_tensorboard_is_revived_and_leaves_nothing(
    manage: Manage, sqlite_settings: Settings
) -> None:
    experiment(sqlite_settings)
    boards = manage()
    pids = set()
    for _ in range(3):
        status = wait_ready(boards, "rings")
        assert status.pid
        pids.add(status.pid)
        os.kill(status.pid, signal.SIGKILL)
        wait_for(lambda killed=status.pid: boards.ensure("rings").pid != killed, what="the death to be seen")
    pids.add(wait_ready(boards, "rings").pid or 0)
    assert len(pids) == 4
    assert len(children_of(sqlite_settings)) == 2


def test_a_killed_data_server_is_revived_with_its_tensorboard(
    manage: Manage, sqlite_settings: Settings
) -> None:
    experiment(sqlite_settings)
    boards = manage()
    before = wait_ready(boards, "rings")
    address = boards.data_server("rings")
    (pid,) = [child.pid for child in children_of(sqlite_settings) if "--die-after-stdin" in child.cmdline()]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: boards.status("rings").pid != before.pid, what="a new TensorBoard")
    after = wait_ready(boards, "rings")
    assert boards.data_server("rings") != address
    assert after.port
    assert commands.health(after.port, places.prefix("rings"), 5) is None


def test_a_hanging_tensorboard_is_replaced(manage: Manage, sqlite_settings: Settings, fake: Fake) -> None:
    experiment(sqlite_settings)
    boards = manage(program=fake("echo"), probe_timeout=0.3, **QUICK)
    before = wait_ready(boards, "rings")
    assert before.pid
    os.kill(before.pid, signal.SIGSTOP)
    boards.suspect("rings")
    after = wait_for(lambda: boards.status("rings").pid not in (None, before.pid), what="its successor")
    assert after
    wait_ready(boards, "rings")
    assert not psutil.pid_exists(before.pid)


def test_a_crashing_one_is_tried_five_times_then_failed_with_its_last_words(
    manage: Manage, sqlite_settings: Settings, fake: Fake
) -> None:
    experiment(sqlite_settings)
    boards = manage(program=fake("crash"), **QUICK)
    states = set()

    def failed() -> bool:
        states.add(boards.ensure("rings").state)
        return State.FAILED in states

    wait_for(failed, what="the failure")
    status = boards.status("rings")
    assert status.reason is not None
    assert "exit code 3" in status.reason
    assert "no good" in status.reason
    assert str(sqlite_settings.home) not in status.reason
    assert State.BACKOFF in states
    # However often it is asked for now, it is not started again.
    log = sqlite_settings.tensorboard_dir / "rings" / "tensorboard.log"
    written = log.stat().st_mtime_ns
    for _ in range(100):
        assert boards.ensure("rings").state is State.FAILED
    assert log.stat().st_mtime_ns == written
    assert boards.retry("rings").state is State.STARTING
    wait_for(lambda: log.stat().st_mtime_ns != written, what="another try")


def test_a_missing_program_fails_with_its_reason(
    manage: Manage, sqlite_settings: Settings, tmp_path: Path
) -> None:
    experiment(sqlite_settings)
    boards = manage(program=str(tmp_path / "missing.py"), **QUICK)
    boards.ensure("rings")
    wait_for(lambda: boards.status("rings").state is State.FAILED, what="the failure")
    assert "missing.py" in (boards.status("rings").reason or "")


def test_one_that_never_becomes_ready_is_given_up(
    manage: Manage, sqlite_settings: Settings, fake: Fake
) -> None:
    experiment(sqlite_settings)
    boards = manage(program=fake("never"), start=0.4, backoff=(), sync=0.05)
    boards.ensure("rings")
    wait_for(lambda: boards.status("rings").state is State.FAILED, what="the failure")
    reason = boards.status("rings").reason or ""
    assert "not ready within 0.4 s" in reason
    assert "thinking about it" in reason


def test_one_that_ignores_sigterm_is_killed(manage: Manage, sqlite_settings: Settings, fake: Fake) -> None:
    experiment(sqlite_settings)
    boards = manage(program=fake("stubborn"), grace=0.2, **QUICK)
    pid = wait_ready(boards, "rings").pid
    assert pid
    boards.stop_tensorboard("rings")
    assert not psutil.pid_exists(pid)
    assert boards.status("rings").state is State.STOPPED
    assert boards.data_server("rings")


def test_stopping_an_experiment_takes_its_folder_with_it(manage: Manage, sqlite_settings: Settings) -> None:
    experiment(sqlite_settings)
    boards = manage()
    boards.ensure("rings")
    boards.stop("rings")  # while it starts
    assert children_of(sqlite_settings) == []
    assert not (sqlite_settings.tensorboard_dir / "rings").exists()
    assert boards.status("rings").state is State.STOPPED


def test_at_most_so_many_live_the_least_used_makes_room(
    manage: Manage, sqlite_settings: Settings, fake: Fake
) -> None:
    for slug in ("a", "b", "c"):
        experiment(sqlite_settings, slug)
    boards = manage(program=fake("echo"), max_live=2, max_starting=1, **QUICK)
    wait_ready(boards, "a")
    wait_ready(boards, "b")
    boards.ensure("a")
    wait_ready(boards, "c")
    states = {slug: status.state for slug, status in boards.statuses().items()}
    assert states == {"a": State.READY, "b": State.STOPPED, "c": State.READY}


def test_an_idle_one_is_stopped_and_revived_by_the_next_request(
    manage: Manage, sqlite_settings: Settings, fake: Fake
) -> None:
    experiment(sqlite_settings)
    boards = manage(program=fake("echo"), idle=0.3, **QUICK)
    wait_ready(boards, "rings")
    wait_for(lambda: children_of(sqlite_settings) == [], what="the idle children to end")
    assert boards.status("rings").state is State.STOPPED
    wait_ready(boards, "rings")


def test_a_polling_tab_does_not_keep_it_for_ever(
    manage: Manage, sqlite_settings: Settings, fake: Fake
) -> None:
    experiment(sqlite_settings)
    boards = manage(program=fake("echo"), max_age=0.5, **QUICK)
    wait_ready(boards, "rings")
    wait_for(lambda: boards.ensure("rings", page=False).state is State.STOPPED, what="its end")
    assert boards.ensure("rings", page=False).state is State.STOPPED
    assert boards.ensure("rings").state is State.STARTING


def test_a_folder_that_is_removed_and_made_again_is_shown_again(
    manage: Manage, sqlite_settings: Settings
) -> None:
    folder = experiment(sqlite_settings)
    boards = manage()
    assert boards.source("rings", ["run-1"]).names == {"run-1": ["run-1"]}
    folder.rename(folder.with_name("gone"))
    time_out = wait_for(
        lambda: boards.source("rings", ["run-1"]).names == {"run-1": []}, what="the empty folder"
    )
    assert time_out
    write_scalars(folder / "run-1" / "sub")
    wait_for(lambda: boards.source("rings", ["run-1"]).names["run-1"] == ["run-1/sub"], what="the new one")


def test_no_data_server_is_a_503_with_its_reason(
    manage: Manage, sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment(sqlite_settings)
    monkeypatch.setattr("tensorboard_data_server.server_binary", lambda: "/does/not/exist")
    boards = manage(backoff=(), sync=0.05)
    with pytest.raises(Unavailable, match="cannot be started"):
        boards.data_server("rings")
    boards.ensure("rings")
    wait_for(lambda: boards.status("rings").state is State.FAILED, what="the failure")
    assert "data server" in (boards.status("rings").reason or "")


SERVER = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from app.config import Settings
from app.tensorboard.manager import TensorBoards
boards = TensorBoards(Settings(home=Path({home!r})))
boards.start()
while boards.ensure("rings").state != "ready":
    time.sleep(0.02)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("asleep", [False, True])
def test_kill_minus_nine_of_the_server_leaves_nothing(sqlite_settings: Settings, asleep: bool) -> None:
    experiment(sqlite_settings)
    code = SERVER.format(root=str(Path(__file__).parents[3]), home=str(sqlite_settings.home))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            children = [child for child in children_of(sqlite_settings) if child.pid != server.pid]
            assert len(children) == 2
            if asleep:
                for child in children:
                    child.suspend()
        finally:
            server.kill()
    if asleep:
        # The data server finds the end of its stdin only when it wakes up; the next start does not wait for that.
        successor = TensorBoards(sqlite_settings)
        successor.start()
        successor.stop_all()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_sweep_spares_a_process_that_only_has_the_same_pid(sqlite_settings: Settings) -> None:
    folder = sqlite_settings.tensorboard_dir / "rings"
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        try:
            known = f'{{"pid": {stranger.pid}, "started": {time.time()}, "argv": ["tensorboard"]}}'
            (folder / "tensorboard.pid").write_text(known)
            (folder / "data.pid").write_text("not json")
            assert process.sweep(sqlite_settings.tensorboard_dir) == []
            assert stranger.poll() is None
            assert list(folder.glob("*.pid")) == []
        finally:
            stranger.kill()


def test_a_child_gets_nothing_of_ours(
    manage: Manage, sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANLU_DATABASE_URL", "postgresql://secret@db/danlu")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    experiment(sqlite_settings)
    boards = manage()
    wait_ready(boards, "rings")
    for child in children_of(sqlite_settings):
        environment = child.environ()
        assert "DANLU_DATABASE_URL" not in environment
        assert "HTTP_PROXY" not in environment
        assert environment["TMPDIR"] == str(sqlite_settings.tensorboard_dir / "rings" / "tmp")
        assert os.getpgid(child.pid) == child.pid


def test_threads_end_with_the_manager(manage: Manage, sqlite_settings: Settings) -> None:
    before = threading.active_count()
    experiment(sqlite_settings)
    boards = manage()
    wait_ready(boards, "rings")
    boards.stop_all()
    wait_for(lambda: threading.active_count() <= before, what="the threads to end")
