"""Lost leases: who is judged gone, on both databases, with rows made by the real services."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from factories import bring_to, make_experiment, make_run, make_worker
from waiting import wait_for

from app.clock import utcnow
from app.config import Settings, load_settings
from app.db import Database
from app.models import Run, Worker
from app.runs import queue
from app.runs.words import RunState
from worker import process
from worker.away import Politeness
from worker.judge import Judge
from worker.lease import Heart


def one_running(database: Database, worker_id: str) -> tuple[int, str]:
    with database.write() as session:
        make_worker(session, worker_id)
        run = make_run(session, make_experiment(session, slug=f"of-{worker_id}"))
        token = bring_to(session, run, RunState.RUNNING, worker_id)
        assert token is not None
        return run.id, token


def state_of(database: Database, run_id: int) -> tuple[str, str | None]:
    with database.read() as session:
        run = session.get_one(Run, run_id)
        return run.state, run.reason


def worker_state(database: Database, worker_id: str) -> str:
    with database.read() as session:
        return session.get_one(Worker, worker_id).state


def set_worker(database: Database, worker_id: str, **values: object) -> None:
    with database.write() as session:
        worker = session.get_one(Worker, worker_id)
        for name, value in values.items():
            setattr(worker, name, value)


def test_a_dead_neighbour_is_taken_over_at_once_and_swept(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    run_id, _ = one_running(database, "w1")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    started = process.started_at(gone.pid)
    gone.wait()
    set_worker(database, "w1", machine=process.machine(), pid=gone.pid, pid_started=started or 0.0)
    with database.read() as session:
        slug = session.get_one(Run, run_id).slug
    folder = settings.experiments_dir / "of-w1" / slug
    leftover = subprocess.Popen(["sleep", "999"], env={"DANLU_RUN_DIR": str(folder)}, start_new_session=True)
    other = subprocess.Popen(["sleep", "999"], env={"DANLU_RUN_DIR": str(folder) + "0"})
    try:
        assert Judge(database, settings, "me").dead_neighbours() == 1
        wait_for(lambda: leftover.poll() is not None, 5, "the leftover to be killed")
        assert other.poll() is None
    finally:
        leftover.kill()
        other.kill()
        other.wait()
        leftover.wait()
    assert state_of(database, run_id) == ("queued", "worker_lost")
    assert worker_state(database, "w1") == "gone"
    assert Judge(database, settings, "me").dead_neighbours() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"machine": "another boot:pid:[1]", "pid": 1, "pid_started": 0.0},
        {"machine": "MINE", "pid": os.getpid(), "pid_started": "MINE"},
    ],
    ids=["another machine", "alive"],
)
def test_others_are_left_alone(database: Database, settings: Settings, values: dict[str, object]) -> None:
    run_id, _ = one_running(database, "w1")
    if values["machine"] == "MINE":
        values = {**values, "machine": process.machine(), "pid_started": process.started_at(os.getpid())}
    set_worker(database, "w1", **values)
    assert Judge(database, settings, "me").dead_neighbours() == 0
    assert state_of(database, run_id)[0] == "running"


def test_a_pid_that_was_given_to_somebody_else_is_dead() -> None:
    started = process.started_at(os.getpid())
    assert started is not None
    assert process.is_alive(os.getpid(), started)
    assert not process.is_alive(os.getpid(), started - 100)
    assert not process.is_alive(2**22 + 1, started)


def test_only_a_lease_without_any_change_expires(database: Database, home: Path, settings: Settings) -> None:
    quick = settings.model_copy(update={"lease_seconds": 0.4})
    kept, kept_token = one_running(database, "w1")
    lost, _ = one_running(database, "w2")
    judge = Judge(database, quick, "me")

    def judged() -> bool:
        with database.write() as session:
            assert not queue.heartbeat(session, "w1", {kept: kept_token}, utcnow())
        judge.expired()
        return state_of(database, lost)[0] != "running"

    judge.expired()
    assert state_of(database, lost)[0] == "running"  # nobody is judged at first sight
    wait_for(judged, 10, "the lost lease to expire")
    assert state_of(database, lost) == ("queued", "worker_lost")
    assert state_of(database, kept)[0] == "running"
    wait_for(lambda: judged() and worker_state(database, "w2") == "gone", 10, "the worker to be forgotten")
    assert worker_state(database, "w1") == "up"


def test_a_worker_that_was_called_gone_and_beats_again_is_back(
    database: Database, settings: Settings
) -> None:
    one_running(database, "w1")
    judge = Judge(database, settings.model_copy(update={"lease_seconds": 0.0}), "me")
    judge.expired()
    assert worker_state(database, "w1") == "gone"
    for before, after in (("gone", "up"), ("draining", "draining")):
        set_worker(database, "w1", state=before)
        with database.write() as session:
            queue.heartbeat(session, "w1", {}, utcnow())
        assert worker_state(database, "w1") == after


def test_two_judges_requeue_once(database: Database, settings: Settings) -> None:
    run_id, token = one_running(database, "w1")
    judges = [
        Judge(database, settings.model_copy(update={"lease_seconds": 0.0}), name) for name in ("a", "b")
    ]
    for judge in judges:
        judge.expired()
    with database.read() as session:
        assert session.get_one(Run, run_id).losses == 1
    with database.write() as session:
        assert queue.reclaim(session, run_id, token, now=utcnow(), why="again") is None


def test_the_heart_renews_and_hears_of_lost_leases(database: Database) -> None:
    kept, kept_token = one_running(database, "w1")
    lost, lost_token = one_running(database, "w2")
    with database.write() as session:
        queue.reclaim(session, lost, lost_token, now=utcnow(), why="test")
    renewed: list[int] = []
    woken: list[bool] = []
    heart = Heart(database, "w1", 60, lambda: woken.append(True))
    heart.hold(kept, kept_token, lambda: renewed.append(kept))
    heart.hold(lost, lost_token, lambda: renewed.append(lost))
    assert heart.beat()
    assert renewed == [kept]
    assert woken == [True]
    assert heart.take_lost() == {lost: lost_token}
    assert heart.take_lost() == {}
    heart.drop(lost)
    heart.start()
    wait_for(lambda: len(renewed) > 1, 5, "the thread's first beat")
    heart.stop()
    assert not heart.is_alive()


def test_a_heart_without_a_database_goes_on(home: Path) -> None:
    database = Database(load_settings(home=home / "nothing" / "here").db_url)
    renewed: list[bool] = []
    heart = Heart(database, "w1", 60, lambda: None)
    heart.hold(1, "token", lambda: renewed.append(True))
    assert not heart.beat()
    assert not heart.beat()
    assert renewed == []
    database.close()


def test_politeness_rests_longer_each_time(home: Path) -> None:
    database = Database(load_settings(home=home / "nothing" / "here").db_url)
    politeness = Politeness("test")
    assert politeness.due
    with politeness.guard(), database.read() as session:
        session.get(Run, 1)
    assert politeness.failing
    assert not politeness.due
    wait_for(lambda: politeness.due, 2, "the pause to end")
    with politeness.guard():
        pass
    assert not politeness.failing
    with pytest.raises(ZeroDivisionError), politeness.guard():  # only the database is forgiven
        raise ZeroDivisionError
    database.close()
