"""Runs that follow the success of another one, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from factories import NOW, later, make_experiment, make_run, make_worker
from sqlalchemy import select

from app.db import Database
from app.errors import Invalid
from app.experiments import service
from app.models import Experiment, Run, RunEvent
from app.queue.queries import hold_predecessor
from app.runs import endings, queries, queue
from app.runs.words import Reason, RunState


@pytest.fixture
def experiment(database: Database) -> Experiment:
    with database.write() as session:
        make_worker(session)
        return make_experiment(session)


def submit(database: Database, experiment: Experiment, after: int | None = None, **values: object) -> int:
    with database.write() as session:
        return make_run(session, experiment, after_id=after, **values).id


def claim(database: Database, at: float = 0) -> queue.Claimed | None:
    with database.write() as session:
        return queue.claim(session, "w1", ["cpu"], later(at))


def due(database: Database) -> bool:
    with database.read() as session:
        return queue.anything_due(session, NOW)


def finish(database: Database, claimed: queue.Claimed | None, reason: Reason) -> None:
    assert claimed is not None
    with database.write() as session:
        queue.finish(session, claimed.run_id, claimed.token, reason, now=later(1))


def read(database: Database, run_id: int) -> Run:
    with database.read() as session:
        return session.get_one(Run, run_id)


def test_it_starts_when_the_other_one_has_succeeded(database: Database, experiment: Experiment) -> None:
    first = submit(database, experiment)
    second = submit(database, experiment, after=first, priority=9)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.run_id == first
    assert not due(database)
    assert claim(database) is None
    finish(database, claimed, Reason.COMPLETED)
    assert due(database)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.run_id == second


@pytest.mark.parametrize(
    ("reason", "how"),
    [(Reason.EXCEPTION, "failed"), (Reason.TIMEOUT, "failed"), (Reason.CANCELLED_BY_USER, "was cancelled")],
)
def test_when_the_other_one_ends_otherwise_all_that_follow_are_cancelled(
    database: Database, experiment: Experiment, reason: Reason, how: str
) -> None:
    first = submit(database, experiment)
    children = [submit(database, experiment, after=first, name="child") for _ in range(2)]
    grandchild = submit(database, experiment, after=children[0])
    apart = submit(database, experiment)
    finish(database, claim(database), reason)
    for child in children:
        run = read(database, child)
        assert (run.state, run.reason) == ("cancelled", "dependency_failed")
        assert run.detail == f"was to follow run #{first} rings, which {how}"
        assert run.finished_at == later(1)
    run = read(database, grandchild)
    assert (run.state, run.detail) == (
        "cancelled",
        f"was to follow run #{children[0]} child, which was cancelled",
    )
    assert read(database, apart).state == "queued"
    with database.read() as session:
        events = select(RunEvent).where(RunEvent.run_id == grandchild).order_by(RunEvent.id)
        last = session.scalars(events).all()[-1]
    assert (last.actor, last.from_state, last.to_state, last.reason, last.detail) == (
        "system", "queued", "cancelled", "dependency_failed", run.detail,
    )  # fmt: skip


def test_a_cancelled_queued_run_takes_its_followers_with_it(
    database: Database, experiment: Experiment
) -> None:
    first = submit(database, experiment)
    second = submit(database, experiment, after=first)
    with database.write() as session:
        queue.request_cancel(session, first, actor="user:ann", now=NOW)
    assert read(database, second).reason == "dependency_failed"


def test_a_lost_run_that_is_given_up_takes_its_followers_with_it(
    database: Database, experiment: Experiment
) -> None:
    first = submit(database, experiment)
    second = submit(database, experiment, after=first)
    for time in (0, 100):
        claimed = claim(database, at=time)
        assert claimed is not None
        with database.write() as session:
            queue.reclaim(session, first, claimed.token, now=later(time), why="gone")
        assert (read(database, second).state == "queued") == (time == 0)
    assert read(database, first).reason == "poisoned"
    assert read(database, second).reason == "dependency_failed"


def test_a_failure_that_is_tried_again_keeps_followers_waiting(
    database: Database, experiment: Experiment
) -> None:
    first = submit(database, experiment, max_retries=1)
    second = submit(database, experiment, after=first)
    finish(database, claim(database), Reason.EXCEPTION)
    assert [read(database, run).state for run in (first, second)] == ["queued", "queued"]
    finish(database, claim(database), Reason.COMPLETED)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.run_id == second


def test_a_run_that_is_deleted_takes_its_followers_with_it(
    database: Database, experiment: Experiment
) -> None:
    first = submit(database, experiment)
    finish(database, claim(database), Reason.COMPLETED)
    second = submit(database, experiment, after=first)
    with database.write() as session:
        queries.mark_deleted(session, first, NOW)
    run = read(database, second)
    assert (run.reason, run.detail) == ("dependency_failed", f"was to follow run #{first}, which was deleted")


def test_a_deleted_experiment_takes_followers_elsewhere_with_it(
    database: Database, experiment: Experiment
) -> None:
    with database.write() as session:
        other = make_experiment(session, "other")
    first = submit(database, experiment)
    finish(database, claim(database), Reason.COMPLETED)
    second = submit(database, other, after=first)
    apart = submit(database, other)
    with database.write() as session:
        service.mark_deleted(session, experiment.slug, NOW)
    assert read(database, second).reason == "dependency_failed"
    assert read(database, apart).state == "queued"


def test_more_followers_than_one_statement_takes_are_all_cancelled(
    database: Database, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "_BATCH", 3)
    first = submit(database, experiment)
    children = [submit(database, experiment, after=first) for _ in range(8)]
    chain = children[-1]
    for _ in range(5):
        chain = submit(database, experiment, after=chain)
    with database.write() as session:
        queue.request_cancel(session, first, actor="user:ann", now=NOW)
    with database.read() as session:
        assert not session.scalars(select(Run.id).where(Run.state == RunState.QUEUED.value)).all()


def test_nothing_can_follow_what_cannot_succeed(database: Database, experiment: Experiment) -> None:
    failed = submit(database, experiment)
    finish(database, claim(database), Reason.EXCEPTION)
    cancelled = submit(database, experiment)
    with database.write() as session:
        queue.request_cancel(session, cancelled, actor="user:ann", now=NOW)
    for run_id, says in ((failed, "has failed already"), (cancelled, "was cancelled"), (999, "no run 999")):
        with pytest.raises(Invalid) as refusal, database.write() as session:
            hold_predecessor(session, run_id)
        assert says in (refusal.value.fields or {})["after"]


def test_a_submission_and_the_end_of_what_it_follows_never_miss_each_other(
    database: Database, experiment: Experiment
) -> None:
    """Whoever is first: no run is left that waits for one that has failed."""
    for _ in range(12):
        first = submit(database, experiment)
        claimed = claim(database)
        both = Barrier(2)

        def follow(first: int = first, both: Barrier = both) -> None:
            both.wait()
            try:
                with database.write() as session:
                    hold_predecessor(session, first)
                    make_run(session, experiment, after_id=first)
            except Invalid:
                pass

        def fail(claimed: queue.Claimed | None = claimed, both: Barrier = both) -> None:
            both.wait()
            finish(database, claimed, Reason.EXCEPTION)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(follow), pool.submit(fail)]:
                done.result()
    with database.read() as session:
        assert not session.scalars(select(Run.id).where(Run.state == RunState.QUEUED.value)).all()
