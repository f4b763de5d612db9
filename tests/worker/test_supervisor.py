"""The real supervisor on real databases: claim to finish, cancel, time-out, kill -9, drain."""

import contextlib
import json
import os
import signal
import time

import psutil
import pytest
import supervisor
from supervisor import (
    StartWorker,
    Supervisor,
    cancel,
    events_of,
    finished,
    folder_of,
    in_state,
    mostly_sqlite,
    run_of,
    submit,
)
from waiting import wait_for

from app.config import Settings
from app.db import Database
from app.models import Metric, Recipe
from app.runs.words import RunState


def no_torch_in(pid: int) -> bool:
    return not any("torch" in mapping.path for mapping in psutil.Process(pid).memory_maps())


def test_claim_to_finish(start: StartWorker, database: Database, settings: Settings) -> None:
    run_id = submit(database, "train", params={"text": "x"}, seed=5)
    worker = start()
    run = finished(database, run_id)
    assert (run.state, run.reason, run.exit_code, run.attempt) == ("succeeded", "completed", 0, 1)
    assert (run.step, run.total, run.resolved_device) == (1, 2, "cpu")
    assert events_of(database, run_id) == [
        (None, "queued", None),
        ("queued", "running", None),
        ("running", "succeeded", "completed"),
    ]
    folder = folder_of(settings, database, run_id)
    assert json.loads((folder / "run.json").read_text())["seed"] == 5
    assert (folder / "run.json").stat().st_mode & 0o777 == 0o444
    with database.read() as session:
        metric = session.get_one(Metric, (run_id, "loss/train"))
        assert metric.count == 1
    assert no_torch_in(worker.process.pid)

    def names() -> set[str]:
        with database.read() as session:
            return {recipe.name for recipe in session.query(Recipe).all()}

    wait_for(lambda: {"fine", "rings", "broken.py"} <= names(), 20, "all recipes to be published")
    with database.read() as session:
        assert "this file is broken" in str(session.get_one(Recipe, "broken.py").error)
        assert session.get_one(Recipe, "fine").source == "odd.py"
    (settings.recipes_dir / "broken.py").unlink()
    wait_for(lambda: "broken.py" not in names(), 20, "the deleted file to be withdrawn")
    assert worker.stop() == 0
    assert supervisor.workers_of(database)[0].state == "gone"


def test_runs_that_fail_have_their_reason(start_sqlite: StartWorker, sqlite_database: Database) -> None:
    cases = {
        submit(sqlite_database, "leaves", params={"code": 77}): ("exit_code", "exit code 77", 77),
        submit(sqlite_database, "segfault"): ("signal", "killed by SIGSEGV (11)", -11),
        submit(sqlite_database, "raises", params={"text": "value"}): ("exception", "ValueError: it is wrong", 1),
        submit(sqlite_database, "fine", device="cuda:3"): (
            "bad_device", "no worker offers the device cuda:3; there is: cpu", None,
        ),
        submit(sqlite_database, "fine", params={"no": 1}): ("bad_params", "no: Extra inputs are not permitted", 1),
    }  # fmt: skip
    start_sqlite()
    for run_id, expected in cases.items():
        run = finished(sqlite_database, run_id)
        assert (run.reason, run.detail, run.exit_code) == expected
        assert run.state == "failed"


@mostly_sqlite
def test_cancel_and_timeout(start: StartWorker, database: Database, settings: Settings) -> None:
    start(slots=2, cancel_grace_seconds=2)
    polite, slow = submit(database, "polite"), submit(database, "stubborn", timeout_s=1.0)
    wait_for((settings.experiments_dir / "tests" / f"polite-{polite}" / "up").exists, 40, "the run to be up")
    cancel(database, polite)
    run = finished(database, polite)
    assert (run.state, run.reason) == ("cancelled", "cancelled_by_user")
    assert (folder_of(settings, database, polite) / "saved").exists()
    in_state(database, slow, RunState.RUNNING)
    cancel(database, slow)  # comes beside the time-out; the first one asked decides, and there is one outcome
    assert finished(database, slow, 60).reason in {"timeout", "cancelled_by_user"}


def test_timeout_is_its_own_reason(start_sqlite: StartWorker, sqlite_database: Database) -> None:
    run_id = submit(sqlite_database, "stubborn", timeout_s=0.5)
    start_sqlite(cancel_grace_seconds=0.5)
    run = finished(sqlite_database, run_id)
    assert (run.state, run.reason, run.detail) == ("failed", "timeout", "ran longer than 0.5 s")


def test_busy_slots_do_not_hide_a_missing_device(
    start_sqlite: StartWorker, sqlite_database: Database
) -> None:
    busy = submit(sqlite_database, "polite")
    start_sqlite()
    in_state(sqlite_database, busy, RunState.RUNNING)
    submitted = time.monotonic()
    assert finished(sqlite_database, submit(sqlite_database, "fine", device="mps")).reason == "bad_device"
    assert time.monotonic() - submitted < 10
    cancel(sqlite_database, busy)
    finished(sqlite_database, busy)


def test_kill_9_leaves_nothing_and_the_next_worker_takes_over_at_once(
    start: StartWorker, database: Database, settings: Settings
) -> None:
    run_id, doomed = submit(database, "daemons", params={"text": "stay"}), submit(database, "polite")
    worker = start(slots=2)
    for wanted in (run_id, doomed):
        in_state(database, wanted, RunState.RUNNING)
    wait_for((folder_of(settings, database, run_id) / "up").exists, 20, "the daemons")
    wait_for((folder_of(settings, database, doomed) / "up").exists, 20, "the run")
    tree = worker.tree
    assert len(tree) >= 9
    worker.signal(signal.SIGKILL)
    worker.process.wait()
    wait_for(lambda: not any(alive(process) for process in tree), 5, "everything to be gone")
    cancel(database, doomed)
    start(slots=2, cancel_grace_seconds=2)
    run = in_state(database, run_id, RunState.QUEUED, 15)
    assert (run.losses, run.worker_deaths) == (1, 1)
    assert finished(database, doomed, 15).reason == "cancelled_by_user"
    assert events_of(database, run_id)[-1] == ("running", "queued", "worker_lost")
    assert [one.state for one in supervisor.workers_of(database)] == ["gone", "up"]


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ("sqlite", signal.SIGTERM),
        ("postgres", signal.SIGTERM),
        ("sqlite", signal.SIGINT),
        pytest.param("postgres", signal.SIGINT, marks=pytest.mark.slow),
    ],
    indirect=["settings"],
)
def test_a_drain_gives_runs_back_without_counting(
    start: StartWorker, database: Database, settings: Settings, number: int
) -> None:
    running, waiting = submit(database, "polite"), submit(database, "polite")
    worker = start()
    in_state(database, running, RunState.RUNNING)
    wait_for((folder_of(settings, database, running) / "up").exists, 20, "the run")
    for _ in range(5 if number == signal.SIGTERM else 1):
        worker.signal(number)
    assert worker.process.wait(20) == 0
    assert (folder_of(settings, database, running) / "saved").exists()
    run = run_of(database, running)
    assert (run.state, run.losses, run.worker_deaths) == ("queued", 0, 0)
    assert run.not_before is None
    assert run_of(database, waiting).attempt == 0
    cancel(database, running)
    cancel(database, waiting)


def test_a_run_that_came_to_its_end_in_a_drain_is_not_run_again(
    start_sqlite: StartWorker, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    run_id = submit(sqlite_database, "unaware")
    worker = start_sqlite()
    in_state(sqlite_database, run_id, RunState.RUNNING)
    folder = folder_of(sqlite_settings, sqlite_database, run_id)
    wait_for((folder / "up").exists, 20, "the run")
    worker.signal(signal.SIGTERM)
    wait_for(lambda: "(drain)" in worker.log.read_text(), 10, "the run to be asked")
    (folder / "go").touch()
    assert worker.process.wait(20) == 0
    assert run_of(sqlite_database, run_id).reason == "completed"


def test_a_run_that_cannot_be_started_does_not_hold_up_the_others(
    start_sqlite: StartWorker, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    stuck, fine = submit(sqlite_database, "fine"), submit(sqlite_database, "fine")
    folder = folder_of(sqlite_settings, sqlite_database, stuck)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    start_sqlite()
    assert finished(sqlite_database, fine).reason == "completed"
    run = run_of(sqlite_database, stuck)
    assert (run.reason, run.losses) == ("worker_lost", 0)
    assert "Not a directory" in str(run.detail)
    folder.unlink()
    assert finished(sqlite_database, stuck).reason == "completed"


def test_the_second_ctrl_c_kills(
    start_sqlite: StartWorker, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    run_id = submit(sqlite_database, "stubborn")
    worker = start_sqlite()
    in_state(sqlite_database, run_id, RunState.RUNNING)
    wait_for((folder_of(sqlite_settings, sqlite_database, run_id) / "up").exists, 20, "the run")
    worker.signal(signal.SIGINT)
    wait_for(lambda: supervisor.workers_of(sqlite_database)[0].state == "draining", 10, "the drain")
    worker.signal(signal.SIGINT)
    assert worker.process.wait(10) == 0
    assert run_of(sqlite_database, run_id).state == "queued"
    cancel(sqlite_database, run_id)


@mostly_sqlite
def test_a_run_that_kills_its_worker_twice_is_poisoned_and_others_flow(
    start: StartWorker, database: Database
) -> None:
    run_id = submit(database, "parricide")
    start()
    run = in_state(database, run_id, RunState.QUEUED, 40) if run_of(database, run_id).attempt else None
    wait_for(lambda: run_of(database, run_id).losses == 1, 40, "the first loss")
    assert finished(database, submit(database, "fine")).reason == "completed"
    with database.write() as session:
        from app.models import Run

        session.get_one(Run, run_id).not_before = None  # no need to wait for the back-off here
    run = finished(database, run_id)
    assert (run.state, run.reason, run.attempt) == ("failed", "poisoned", 2)


def zygotes(worker: Supervisor) -> set[int]:
    found = set()
    for process in worker.tree:
        with contextlib.suppress(psutil.Error):
            if "worker.zygote" in process.cmdline():
                found.add(process.pid)
    return found


def test_the_warm_process_is_replaced(start_sqlite: StartWorker, sqlite_database: Database) -> None:
    worker = start_sqlite(zygote_forks=2)
    before = wait_for(lambda: zygotes(worker), 20, "the first warm process")
    for _ in range(3):
        assert finished(sqlite_database, submit(sqlite_database, "fine")).reason == "completed"

    wait_for(lambda: zygotes(worker) and not zygotes(worker) & before, 40, "another warm process")
    os.kill(next(iter(zygotes(worker))), signal.SIGKILL)
    assert finished(sqlite_database, submit(sqlite_database, "fine"), 40).reason == "completed"


def test_daemons_without_a_marker_die_even_when_warm_process_and_init_were_killed(
    start_sqlite: StartWorker, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    run_id = submit(sqlite_database, "daemons", params={"text": "stay"})
    worker = start_sqlite()
    in_state(sqlite_database, run_id, RunState.RUNNING)
    wait_for((folder_of(sqlite_settings, sqlite_database, run_id) / "up").exists, 20, "the daemons")
    tree = worker.tree
    named = {one.name(): one for one in tree}
    named["danlu-zygote"].kill()
    init = named[f"danlu-init-{run_id}"]
    wait_for(lambda: init.ppid() == worker.process.pid, 10, "the init to be adopted")
    init.kill()
    wait_for(lambda: not any(alive(one) for one in tree), 15, "everything to be gone")
    in_state(sqlite_database, run_id, RunState.QUEUED)


def test_a_broken_preload_is_shown_and_the_worker_lives(
    start_sqlite: StartWorker, sqlite_database: Database
) -> None:
    worker = start_sqlite(preload="no_such_module")
    wait_for(
        lambda: any("no_such_module" in str(one.info.get("trouble")) for one in supervisor.workers_of(sqlite_database)),
        40, "the trouble to be shown",
    )  # fmt: skip
    assert worker.stop() == 0
