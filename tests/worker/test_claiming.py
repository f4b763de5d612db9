"""When a run is claimed, and when not."""

import json
import logging
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from factories import make_experiment, make_run, make_worker
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from waiting import wait_for

from app.config import Settings
from app.db import Database
from app.models import Experiment, Run
from worker.claiming import Claimer
from worker.devices import Device
from worker.launch import Exited, Handle, Running
from worker.lease import Heart
from worker.loop import Work
from worker.spec import LaunchSpec


def test_claims_that_fail_while_the_queue_can_be_read_rest_and_are_logged_once(
    sqlite_database: Database,
    sqlite_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with sqlite_database.write() as session:
        make_worker(session)
        make_run(session, make_experiment(session))
    tried: list[int] = []

    def full(*_: object) -> None:
        tried.append(1)
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr("worker.claiming.queue.claim", full)
    launcher: Any = SimpleNamespace(reserve=lambda: True, warm=SimpleNamespace(ready=True))
    settings = sqlite_settings.model_copy(update={"disk_floor_gib": 0.0, "disk_floor_percent": 0.0})
    claimer = Claimer(settings, sqlite_database, "w1", [Device("cpu", "CPU", 1)], launcher)
    with caplog.at_level(logging.INFO, "worker.away"):
        wait_for(lambda: claimer.next({}) is None and len(tried) == 3, 10, "the third try")
    assert len(caplog.records) == 1


GPUS = [Device(f"cuda:{number}", "GPU", 1, visible=f"GPU-{number}") for number in range(3)]
MACHINE = [*GPUS, Device("cpu", "CPU", 2)]


class Seats:
    """A launcher that starts nothing: an attempt runs until `over`."""

    def __init__(self) -> None:
        self.warm = SimpleNamespace(ready=True)
        self.specs: list[LaunchSpec] = []

    def reserve(self) -> bool:
        return True

    def submit(self, spec: LaunchSpec) -> Handle:
        self.specs.append(spec)
        ours, theirs = socket.socketpair()
        ours.close()
        theirs.close()
        return Handle(spec, ours, state=Running(1, None))

    def poll(self, handle: Handle) -> object:
        return handle.state

    def forget(self, _handle: Handle) -> None:
        """Nothing is left of it."""

    def renew(self, _handle: Handle) -> None:
        """It lives."""


@pytest.fixture
def work(database: Database, settings: Settings) -> Work:
    """A supervisor of three GPUs and a CPU with two slots, whose attempts end when the test says so."""
    with database.write() as session:
        make_worker(session, "w1", tuple(device.device for device in MACHINE))
        make_experiment(session)
    roomy = settings.model_copy(update={"disk_floor_gib": 0.0, "disk_floor_percent": 0.0})
    heart = Heart(database, "w1", 60, lambda: None)
    launcher: Any = Seats()
    return Work(roomy, database, "w1", MACHINE, launcher, heart)


def add(database: Database, device: str, processes: int = 1) -> int:
    with database.write() as session:
        experiment = session.scalars(select(Experiment)).one()
        return make_run(session, experiment, device=device, processes=processes).id


def claims(work: Work) -> dict[int, list[str]]:
    """Everything that can be started now, and on what."""
    before = set(work.attempts)
    while work._claim():
        pass
    return {
        run_id: [device.device for device in attempt.devices]
        for run_id, attempt in work.attempts.items()
        if run_id not in before
    }


def end(work: Work, run_id: int) -> None:
    work.attempts[run_id].handle.state = Exited(0)
    assert work._collect()
    assert work.recorder.deliver()


def test_all_gpus_of_a_run_count_as_used_until_it_ends(work: Work, database: Database) -> None:
    wide, one, other = add(database, "cuda:1", 2), add(database, "auto"), add(database, "cuda")
    on_cpu = add(database, "cpu", 8)
    assert claims(work) == {wide: ["cuda:1", "cuda:2"], one: ["cuda:0"], on_cpu: ["cpu"]}
    again = add(database, "cuda", 2)
    behind = add(database, "cuda")
    end(work, one)
    assert claims(work) == {other: ["cuda:0"]}
    end(work, other)
    assert claims(work) == {}  # the GPU that is free now is kept for `again`
    end(work, wide)
    assert claims(work) == {again: ["cuda:0", "cuda:1"], behind: ["cuda:2"]}


def test_what_a_run_of_several_processes_is_told(work: Work, database: Database) -> None:
    work.settings = work.settings.model_copy(update={"threads": 5})
    add(database, "cuda:2", 2)
    run_id = add(database, "cpu", 3)
    claims(work)
    launcher: Any = work.launcher
    gpus, cpu = launcher.specs
    assert (gpus.device, gpus.visible_devices, gpus.processes, gpus.threads) == ("cuda", "GPU-2,GPU-0", 2, 5)
    assert gpus.environment()["CUDA_VISIBLE_DEVICES"] == "GPU-2,GPU-0"
    assert gpus.environment()["DANLU_PROCESSES"] == "2"
    assert (cpu.device, cpu.visible_devices, cpu.processes) == ("cpu", "", 3)
    written = json.loads((cpu.run_dir / "run.json").read_bytes())
    assert (written["id"], written["processes"]) == (run_id, 3)


@pytest.mark.parametrize(
    ("device", "processes", "detail"),
    [
        (
            "cuda",
            4,
            "no worker offers 4 GPUs at once; there is: cpu, cuda:0, cuda:1, cuda:2 on w1; cpu on w2",
        ),
        (
            "mps",
            2,
            "no worker offers mps for 2 processes; there is: cpu, cuda:0, cuda:1, cuda:2 on w1; cpu on w2",
        ),
        ("cuda:7", 1, "no worker offers the device cuda:7; there is: cpu, cuda:0, cuda:1, cuda:2"),
    ],
)
def test_what_nobody_has_fails_at_once(
    work: Work, database: Database, device: str, processes: int, detail: str
) -> None:
    with database.write() as session:
        make_worker(session, "w2")
    run_id = add(database, device, processes)
    assert work._claim()
    assert work.recorder.deliver()
    with database.read() as session:
        run = session.get_one(Run, run_id)
    assert (run.state, run.reason, run.detail) == ("failed", "bad_device", detail)
