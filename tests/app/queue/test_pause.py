"""The queue stands still while it is paused, on both databases."""

from factories import NOW, later, make_experiment, make_run, make_worker

from app.db import Database
from app.queue import store
from app.queue.store import Pause
from app.runs import queue
from app.runs.words import Reason


def claim(database: Database) -> queue.Claimed | None:
    with database.write() as session:
        return queue.claim(session, "w1", ["cpu"], NOW)


def test_nothing_is_claimed_while_it_is_paused_and_what_runs_goes_on(database: Database) -> None:
    with database.write() as session:
        make_worker(session)
        experiment = make_experiment(session)
        ids = [make_run(session, experiment).id for _ in range(3)]
    running = claim(database)
    assert running is not None
    with database.write() as session:
        store.pause(session, actor="user:ada", now=NOW)
    with database.read() as session:
        assert not queue.anything_due(session, NOW)
    assert claim(database) is None
    with database.write() as session:
        assert queue.heartbeat(session, "w1", {running.run_id: running.token}, later(5)) == frozenset()
        queue.finish(session, running.run_id, running.token, Reason.COMPLETED, now=later(6))
    assert claim(database) is None
    with database.write() as session:
        store.resume(session)
    with database.read() as session:
        assert queue.anything_due(session, NOW)
    taken = [claim(database), claim(database)]
    assert [claimed and claimed.run_id for claimed in taken] == ids[1:]


def test_what_nobody_can_serve_is_not_failed_while_it_is_paused(database: Database) -> None:
    with database.write() as session:
        make_worker(session)
        make_run(session, make_experiment(session), device="cuda:9")
        store.pause(session, actor="user:ada", now=NOW)
    assert claim(database) is None


def test_pausing_and_resuming_twice_is_once(database: Database) -> None:
    with database.write() as session:
        first = store.pause(session, actor="user:ada", now=NOW)
        assert store.pause(session, actor="token:ci", now=later(9)) == first
    assert first == Pause("user:ada", "2026-03-01T12:00:00.000Z")
    for _ in range(2):
        with database.write() as session:
            store.resume(session)
            assert store.paused(session) is None
