"""Moving runs in the queue, on both databases: what the order is afterwards, what is refused, what is written down."""

import pytest
from factories import NOW, bring_to, later, make_experiment, make_run, make_worker
from sqlalchemy import select

from app.db import Database
from app.errors import Conflict, Invalid, NotFound
from app.models import Run, RunEvent
from app.queue import store
from app.runs import queries, queue
from app.runs.order import IN_ORDER, IS_QUEUED
from app.runs.words import RunState


@pytest.fixture
def ids(database: Database) -> list[int]:
    """Five queued runs: the first of priority 1, the last of priority -1, those between of priority 0."""
    with database.write() as session:
        make_worker(session)
        experiment = make_experiment(session)
        return [make_run(session, experiment, priority=priority).id for priority in (1, 0, 0, 0, -1)]


def order(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Run.id).where(IS_QUEUED).order_by(*IN_ORDER)))


def beside(database: Database, run_id: int, other: int, *, behind: bool) -> Run:
    with database.write() as session:
        return store.move_beside(session, run_id, other, behind=behind, actor="user:ada", now=later(5))


def to_end(database: Database, run_id: int, *, top: bool) -> Run:
    with database.write() as session:
        return store.move_to_end(session, run_id, top=top, actor="user:ada", now=later(5))


def notes(database: Database, run_id: int) -> list[str | None]:
    with database.read() as session:
        query = select(RunEvent.detail).where(RunEvent.run_id == run_id, RunEvent.actor == "user:ada")
        return list(session.scalars(query.order_by(RunEvent.id)))


def test_a_run_is_put_before_and_behind_others(database: Database, ids: list[int]) -> None:
    a, b, c, d, e = ids
    beside(database, d, b, behind=False)
    assert order(database) == [a, d, b, c, e]
    beside(database, d, b, behind=True)
    assert order(database) == [a, b, d, c, e]
    beside(database, d, c, behind=True)
    assert order(database) == [a, b, c, d, e]
    assert notes(database, d) == [
        f"moved before #{b} rings",
        f"moved after #{b} rings",
        f"moved after #{c} rings",
    ]


def test_the_neighbours_priority_is_taken_over(database: Database, ids: list[int]) -> None:
    a, b, c, d, e = ids
    assert beside(database, c, a, behind=False).priority == 1
    assert order(database) == [c, a, b, d, e]
    assert beside(database, a, e, behind=True).priority == -1
    assert order(database) == [c, b, d, e, a]
    assert to_end(database, a, top=True).priority == 1
    assert order(database) == [a, c, b, d, e]
    assert to_end(database, a, top=False).priority == -1
    assert order(database) == [c, b, d, e, a]
    assert notes(database, a)[0] == f"moved after #{e} rings (priority 1 → -1)"
    assert notes(database, a)[1] == "moved to the top (priority -1 → 1)"


def test_what_stands_there_already_is_left_alone(database: Database, ids: list[int]) -> None:
    a, b, c, _, e = ids
    beside(database, b, c, behind=False)
    beside(database, c, b, behind=True)
    to_end(database, a, top=True)
    to_end(database, e, top=False)
    assert order(database) == ids
    assert [notes(database, run_id) for run_id in ids] == [[], [], [], [], []]


def test_one_run_alone_is_first_and_last(database: Database) -> None:
    with database.write() as session:
        alone = make_run(session, make_experiment(session)).id
    to_end(database, alone, top=True)
    to_end(database, alone, top=False)
    assert order(database) == [alone]


def test_a_later_submission_comes_behind_what_was_moved_to_the_bottom(
    database: Database, ids: list[int]
) -> None:
    a, b, c, d, e = ids
    to_end(database, e, top=True)  # now all of them have a neighbour of priority 0 below
    for run_id in (a, b, c):
        to_end(database, run_id, top=False)
    with database.write() as session:
        experiment_id = session.get_one(Run, a).experiment_id
        spec = queue.RunSpec(experiment_id=experiment_id, name="new", priority=0)
        new = queue.submit(session, spec, actor="user:ann", now=NOW).id
    assert order(database) == [e, d, a, b, c, new]


def test_the_same_gap_takes_any_number_of_runs(database: Database) -> None:
    with database.write() as session:
        experiment = make_experiment(session)
        ids = [make_run(session, experiment).id for _ in range(90)]
    first, last, others = ids[0], ids[-1], ids[1:-1]
    for run_id in others:
        beside(database, run_id, last, behind=False)
    assert order(database) == ids
    for run_id in others:
        beside(database, run_id, first, behind=True)
    assert order(database) == [first, *reversed(others), last]
    for run_id in others:  # and again, with ranks that are crowded by now
        beside(database, run_id, first, behind=True)
    assert order(database) == [first, *reversed(others), last]


def test_equal_ranks_are_taken_apart(database: Database) -> None:
    with database.write() as session:
        experiment = make_experiment(session)
        ids = [make_run(session, experiment).id for _ in range(60)]
        for run in session.scalars(select(Run)):
            run.rank = 1.0
    beside(database, ids[50], ids[20], behind=True)
    assert order(database) == [*ids[:21], ids[50], *ids[21:50], *ids[51:]]


def test_claims_follow_the_new_order(database: Database, ids: list[int]) -> None:
    a, b, c, d, e = ids
    to_end(database, d, top=True)
    taken = []
    for _ in ids:
        with database.write() as session:
            claimed = queue.claim(session, "w1", ["cpu"], later(9))
            assert claimed is not None
            taken.append(claimed.run_id)
    assert taken == [d, a, b, c, e]


def test_a_new_priority_forgets_where_the_run_had_been_moved(database: Database, ids: list[int]) -> None:
    a, b, c, d, e = ids
    beside(database, d, b, behind=False)
    with database.write() as session:
        queries.change_priority(session, d, {"priority": 0, "name": "d"}, later(6))
    assert order(database) == [a, d, b, c, e]
    for priority in (7, 0):
        with database.write() as session:
            queries.change_priority(session, d, {"priority": priority}, later(7))
    assert order(database) == [a, b, c, d, e]


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.SUCCEEDED, RunState.CANCELLED])
def test_only_queued_runs_move_and_are_moved_beside(
    database: Database, ids: list[int], state: RunState
) -> None:
    a, b, *_ = ids
    with database.write() as session:
        bring_to(session, session.get_one(Run, a), state)
    for act in (
        lambda: beside(database, a, b, behind=False),
        lambda: beside(database, b, a, behind=True),
        lambda: to_end(database, a, top=True),
    ):
        with pytest.raises(Conflict, match=f"Run {a} is {state}"):
            act()


def test_what_does_not_exist_is_refused(database: Database, ids: list[int]) -> None:
    with pytest.raises(NotFound):
        to_end(database, 999, top=True)
    with pytest.raises(Invalid) as refusal:
        beside(database, ids[0], 999, behind=True)
    assert refusal.value.fields == {"after": "there is no run 999"}
    with pytest.raises(Invalid, match="itself") as refusal:
        beside(database, ids[0], ids[0], behind=False)
    assert list(refusal.value.fields or {}) == ["before"]
