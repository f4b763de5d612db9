"""The queue on both databases: claims, leases, cancel, drain, loss, retries."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from factories import NOW, bring_to, later, make_experiment, make_run, make_worker
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from app.config import Settings
from app.db import Database
from app.errors import Conflict, Invalid
from app.models import Experiment, Run, RunEvent
from app.queue.queries import waiting
from app.runs import queue, states
from app.runs.states import LostLease
from app.runs.words import TRANSITIONS, Reason, RunState
from app.workers import queries as workers


@pytest.fixture
def run_id(database: Database) -> int:
    with database.write() as session:
        make_worker(session)
        return make_run(session, make_experiment(session)).id


def claim(
    database: Database, worker: str = "w1", free: tuple[str, ...] = ("cpu",), at: float = 0
) -> queue.Claimed | None:
    with database.write() as session:
        return queue.claim(session, worker, list(free), later(at))


def must_claim(
    database: Database, worker: str = "w1", free: tuple[str, ...] = ("cpu",), at: float = 0
) -> queue.Claimed:
    claimed = claim(database, worker, free, at)
    assert claimed is not None
    return claimed


def read(database: Database, run_id: int) -> Run:
    with database.read() as session:
        return session.get_one(Run, run_id)


def test_submit_names_the_folder_after_name_and_id(database: Database, run_id: int) -> None:
    run = read(database, run_id)
    assert (run.slug, run.state, run.attempt) == (f"rings-{run_id}", "queued", 0)


def test_claim_takes_highest_priority_then_oldest(database: Database, run_id: int) -> None:
    with database.write() as session:
        experiment_id = session.get_one(Run, run_id).experiment_id
        spec = queue.RunSpec(experiment_id=experiment_id, name="x", recipe="rings")
        second = queue.submit(session, spec, actor="a", now=NOW).id
        urgent = queue.submit(
            session, queue.RunSpec(experiment_id=experiment_id, name="u", priority=5), actor="a", now=NOW
        ).id
    taken = [must_claim(database).run_id for _ in range(3)]
    assert taken == [urgent, run_id, second]
    assert claim(database) is None


def test_claim_waits_for_not_before_and_for_a_matching_device(database: Database) -> None:
    with database.write() as session:
        make_worker(session, "gpu", ("cuda:0", "cpu"))
        experiment = make_experiment(session)
        gpu = make_run(session, experiment, device="cuda").id
        late = make_run(session, experiment).id
        session.get_one(Run, late).not_before = later(30)
    assert claim(database, "gpu", ("cpu",)) is None
    assert must_claim(database, "gpu", ("cuda:0", "cpu")).run_id == gpu
    assert claim(database, "gpu", ("cpu",), at=29) is None
    assert must_claim(database, "gpu", ("cpu",), at=30).run_id == late


def test_auto_takes_the_accelerator_first(database: Database, run_id: int) -> None:
    assert must_claim(database, free=("cuda:1", "cpu")).device == "cuda:1"


def test_a_device_that_nobody_offers_is_handed_out_to_be_failed(database: Database) -> None:
    with database.write() as session:
        make_worker(session)
        make_run(session, make_experiment(session), device="cuda:3")
    claimed = must_claim(database)
    assert (claimed.device, claimed.asked_device) == (None, "cuda:3")


def test_eight_threads_never_claim_twice(database: Database) -> None:
    with database.write() as session:
        make_worker(session)
        experiment = make_experiment(session)
        for _ in range(80):
            make_run(session, experiment)

    def drain(_: int) -> list[int]:
        taken = []
        while claimed := claim(database):
            taken.append(claimed.run_id)
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = [run_id for part in pool.map(drain, range(8)) for run_id in part]
    assert len(taken) == len(set(taken)) == 80


def test_a_stale_token_writes_nothing(database: Database, run_id: int) -> None:
    must_claim(database)
    for act in (
        lambda s: queue.finish(s, run_id, "stale", Reason.COMPLETED, now=NOW),
        lambda s: queue.release(s, run_id, "stale", now=NOW),
        lambda s: workers.report(s, run_id, "stale", now=NOW, progress={"step": 5}),
    ):
        with pytest.raises(LostLease), database.write() as session:
            act(session)
    run = read(database, run_id)
    assert (run.state, run.step) == ("running", None)


def test_heartbeat_renews_and_tells_of_lost_leases(database: Database, run_id: int) -> None:
    claimed = must_claim(database)
    with database.write() as session:
        assert queue.heartbeat(session, "w1", {run_id: claimed.token, 999: "x"}, later(10)) == {999}
    assert read(database, run_id).lease_seq == 2
    with database.write() as session:
        assert queue.heartbeat(session, "w1", {run_id: "stale"}, later(20)) == {run_id}
    assert read(database, run_id).lease_seq == 2


def test_cancel_of_a_running_run_is_asked_for_once(database: Database, run_id: int) -> None:
    must_claim(database)
    with database.write() as session:
        queue.request_cancel(session, run_id, actor="user:ann", now=later(11))
        queue.request_cancel(session, run_id, actor="user:ann", now=later(12))
    run = read(database, run_id)
    assert (run.state, run.cancel_requested_at) == ("running", later(11))


def test_drain_gives_the_run_back_and_a_cancelled_one_ends(database: Database, run_id: int) -> None:
    claimed = must_claim(database)
    with database.write() as session:
        queue.release(session, run_id, claimed.token, now=NOW)
    run = read(database, run_id)
    assert (run.state, run.losses, run.not_before, run.lease_token) == ("queued", 0, None, None)
    assert (run.reason, run.detail) == ("worker_drained", None)
    again = must_claim(database)
    assert again.attempt == 2
    with database.write() as session:
        queue.request_cancel(session, run_id, actor="user:ann", now=NOW)
        queue.release(session, run_id, again.token, now=NOW)
    assert (read(database, run_id).state, read(database, run_id).reason) == ("cancelled", "cancelled_by_user")


def test_a_run_that_could_not_be_started_says_why_and_lets_others_go_first(
    database: Database, run_id: int
) -> None:
    claimed = must_claim(database)
    with database.write() as session:
        session.get_one(Run, run_id).worker_deaths = 1
        other = make_run(session, session.get_one(Experiment, session.get_one(Run, run_id).experiment_id)).id
        queue.release(session, run_id, claimed.token, now=NOW, why="no folder", wait_s=4)
    run = read(database, run_id)
    assert (run.state, run.reason, run.detail, run.worker_deaths) == ("queued", "worker_lost", "no folder", 1)
    assert must_claim(database, at=3).run_id == other
    assert claim(database, at=3) is None
    assert must_claim(database, at=4).run_id == run_id


def test_two_deaths_in_a_row_poison(database: Database, run_id: int) -> None:
    first = must_claim(database)
    with database.write() as session:
        queue.reclaim(session, run_id, first.token, now=NOW, why="no heartbeat")
        assert queue.reclaim(session, run_id, first.token, now=NOW, why="second judge") is None
    assert claim(database, at=9) is None
    second = must_claim(database, at=10)
    with database.write() as session:
        queue.reclaim(session, run_id, second.token, now=later(10), why="no heartbeat")
    assert (read(database, run_id).state, read(database, run_id).reason) == ("failed", "poisoned")


def test_losses_with_progress_between_end_after_three_retries(database: Database, run_id: int) -> None:
    for step, expected in ((5, 10), (6, 40), (7, 160), (8, None)):
        claimed = must_claim(database, at=10_000)
        with database.write() as session:
            workers.report(session, run_id, claimed.token, now=NOW, progress={"step": step, "epoch": 0})
            queue.reclaim(session, run_id, claimed.token, now=NOW, why="gone")
        run = read(database, run_id)
        if expected is None:
            assert (run.state, run.reason) == ("failed", "worker_lost")
        else:
            assert run.not_before == later(expected)


def test_the_same_steps_again_are_no_progress(database: Database, run_id: int) -> None:
    for expected in ("queued", "failed"):
        claimed = must_claim(database, at=10_000)
        with database.write() as session:
            workers.report(session, run_id, claimed.token, now=NOW, progress={"step": 5})
            workers.report(session, run_id, claimed.token, now=NOW, progress={"phase": "saving"})
            queue.reclaim(session, run_id, claimed.token, now=NOW, why="gone")
        assert read(database, run_id).state == expected
    assert read(database, run_id).reason == "poisoned"


def test_cancel_asked_for_before_the_worker_died_is_never_requeued(database: Database, run_id: int) -> None:
    claimed = must_claim(database)
    with database.write() as session:
        queue.request_cancel(session, run_id, actor="user:ann", now=NOW)
        queue.reclaim(session, run_id, claimed.token, now=NOW, why="gone")
    assert read(database, run_id).state == "cancelled"


def test_own_failures_are_tried_again_only_as_asked(database: Database) -> None:
    with database.write() as session:
        make_worker(session)
        run_id = make_run(session, make_experiment(session), max_retries=1).id
    for expected in ("queued", "failed"):
        claimed = must_claim(database)
        with database.write() as session:
            queue.finish(
                session, run_id, claimed.token, Reason.EXIT_CODE, now=NOW, detail="exit 3", exit_code=3
            )
        run = read(database, run_id)
        assert (run.state, run.exit_code, run.detail) == (expected, 3, "exit 3")


def test_idempotency_key_with_another_body_is_refused(database: Database) -> None:
    key = queue.Idempotency("ann", "POST /runs", "k1", "hash-a")
    with database.write() as session:
        experiment = make_experiment(session)
        spec = queue.RunSpec(experiment_id=experiment.id, name="x")
        run_id = queue.submit(session, spec, actor="a", now=NOW, idempotency=key).id
    with database.write() as session:
        assert queue.find_replay(session, key) == run_id
        with pytest.raises(Invalid):
            queue.find_replay(session, queue.Idempotency("ann", "POST /runs", "k1", "hash-b"))
        assert queue.find_replay(session, queue.Idempotency("bob", "POST /runs", "k1", "hash-b")) is None


@pytest.mark.parametrize("before", RunState)
@pytest.mark.parametrize("after", RunState)
def test_every_pair_of_states(database: Database, before: RunState, after: RunState) -> None:
    with database.write() as session:
        make_worker(session)
        run = make_run(session, make_experiment(session))
        bring_to(session, run, before)
        values = {Run.lease_token: "t"} if after is RunState.RUNNING else {}
        reason = {
            "succeeded": Reason.COMPLETED,
            "failed": Reason.EXCEPTION,
            "cancelled": Reason.CANCELLED_BY_USER,
        }.get(after)
        events = len(session.scalars(select(RunEvent)).all())
        if after in TRANSITIONS[before]:
            states.transition(session, run, after, actor="test", now=NOW, reason=reason, values=values)
            assert run.state == after
            assert len(session.scalars(select(RunEvent)).all()) == events + 1
        else:
            with pytest.raises(Conflict):
                states.transition(session, run, after, actor="test", now=NOW, reason=reason, values=values)
            assert run.state == before


@pytest.mark.parametrize(
    "change",
    ["state = 'done'", "state = 'failed'", "state = 'running'", "reason = 'because'", "lease_token = 'x'"],
)
def test_the_database_refuses_what_no_code_may_do(database: Database, run_id: int, change: str) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(text(f"UPDATE run SET {change} WHERE id = :id"), {"id": run_id})


def test_claims_and_positions_use_the_partial_index(
    sqlite_database: Database, sqlite_settings: Settings
) -> None:
    """The very statements: a bound state instead of one in the text would read the whole table."""
    asked: list[tuple[str, Any]] = []
    with sqlite_database.write() as session:
        make_worker(session, devices=("cuda:0", "cuda:1", "cpu"))
        runs = [make_run(session, make_experiment(session)), make_run(session, make_experiment(session, "b"))]
    event.listen(
        sqlite_database.engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3]))
    )
    with sqlite_database.write() as session:
        assert queue.anything_due(session, NOW)  # type: ignore[arg-type] - a session is a session
        assert queue.claim(session, "w1", ["cuda:0"], NOW) is not None
    with sqlite_database.read() as session:
        waiting(session, sqlite_settings, runs[:1], NOW)
        waiting(session, sqlite_settings, runs, NOW)
    reads = [(text, given) for text, given in asked if text.startswith("SELECT") and "'queued'" in text]
    assert len(reads) == 5  # anything due, what waits for GPUs, the claim, one place, several places
    with sqlite_database.engine.connect() as connection:
        for statement, given in reads:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all())
            assert "INDEX ix_run_queue" in plan, statement
            # the places of several runs are put together in a temporary table; nothing else is sorted
            assert "TEMP B-TREE" not in plan, statement


def test_metric_summaries_are_replaced_and_keep_nan_apart(database: Database, run_id: int) -> None:
    claimed = must_claim(database)
    for last in (0.5, float("nan")):
        with database.write() as session:
            summary = workers.MetricSummary("loss", 3, last, 0.5, 0.5, 1, 1, 2)
            workers.report(session, run_id, claimed.token, now=NOW, progress={"step": 3}, metrics=[summary])
    with database.read() as session:
        row = session.execute(text("SELECT last, last_nonfinite, min FROM metric")).one()
    assert tuple(row) == (None, "nan", 0.5)
