"""When a run is claimed, and when not."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from factories import make_experiment, make_run, make_worker
from sqlalchemy.exc import OperationalError
from waiting import wait_for

from app.config import Settings
from app.db import Database
from worker.claiming import Claimer
from worker.devices import Device


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
