"""Runs of several processes in the queue, on both databases: what they take, for what they wait, who waits for them."""

import random
from collections.abc import Iterable

import pytest
from factories import NOW, later, make_experiment, make_run, make_worker
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.models import Experiment, Run
from app.runs import queue
from app.runs.words import Reason
from app.workers.queries import set_worker_state

GPUS = ("cuda:0", "cuda:1", "cuda:2")


@pytest.fixture
def box(database: Database) -> Database:
    """A database with one worker: three GPUs and the CPU."""
    with database.write() as session:
        make_worker(session, "box", (*GPUS, "cpu"))
        make_experiment(session)
    return database


def add(database: Database, device: str, processes: int = 1, priority: int = 0) -> int:
    with database.write() as session:
        experiment = session.scalars(select(Experiment)).one()
        return make_run(session, experiment, device=device, processes=processes, priority=priority).id


def claim(database: Database, *free: str, at: float = 0) -> tuple[int, tuple[str, ...]] | None:
    """The run that the worker gets, with its devices."""
    with database.write() as session:
        claimed = queue.claim(session, "box", list(free), later(at))
    return None if claimed is None else (claimed.run_id, claimed.devices)


def test_on_the_cpu_all_processes_take_one_slot(box: Database) -> None:
    run = add(box, "cpu", 8)
    assert claim(box, *GPUS) is None
    with box.write() as session:
        claimed = queue.claim(session, "box", [*GPUS, "cpu"], NOW)
    assert claimed is not None
    assert (claimed.devices, claimed.processes, claimed.definition["processes"]) == (("cpu",), 8, 8)
    with box.read() as session:
        assert session.get_one(Run, run).resolved_device == "cpu"


def test_on_cuda_each_process_takes_a_gpu(box: Database) -> None:
    first, second = add(box, "cuda", 2), add(box, "cuda:2", 3)
    assert claim(box, *GPUS, "cpu") == (first, ("cuda:0", "cuda:1"))
    assert claim(box, "cuda:2", "cpu") is None
    assert claim(box, *GPUS, "cpu") == (second, ("cuda:2", "cuda:0", "cuda:1"))
    with box.read() as session:
        assert session.get_one(Run, second).resolved_device == "cuda:2"


def test_auto_waits_for_gpus_where_there_are_enough_and_else_takes_the_cpu(box: Database) -> None:
    gpus, cpu = add(box, "auto", 3), add(box, "auto", 4)
    assert claim(box, "cuda:0", "cuda:1", "cpu") == (cpu, ("cpu",))
    assert claim(box, "cuda:0", "cuda:1", "cpu") is None
    assert claim(box, *GPUS) == (gpus, GPUS)


@pytest.mark.parametrize(("device", "processes"), [("cuda", 4), ("cuda:0", 4), ("cuda:3", 2), ("mps", 2)])
def test_what_nobody_has_is_handed_out_to_be_failed_even_without_a_slot(
    box: Database, device: str, processes: int
) -> None:
    with box.write() as session:
        make_worker(session, "other", ("cuda:0", "cpu"))  # four in all, but not of one worker
    run = add(box, device, processes)
    assert claim(box) == (run, ())


def test_auto_fails_too_where_neither_gpus_nor_a_cpu_could_take_it(database: Database) -> None:
    with database.write() as session:
        make_worker(session, "box", ("cuda:0",))
        make_experiment(session)
    fits, refused = add(database, "auto", 1), add(database, "auto", 2)
    assert claim(database) == (refused, ())
    assert claim(database, "cuda:0") == (fits, ("cuda:0",))


def test_it_waits_for_a_worker_that_has_enough_for_as_long_as_that_one_lives(box: Database) -> None:
    with box.write() as session:
        make_worker(session, "large", (*GPUS, "cuda:3", "cuda:4"))
    run = add(box, "cuda", 4)
    assert claim(box, *GPUS, "cpu") is None
    with box.write() as session:
        set_worker_state(session, "large", "gone", NOW)
    assert claim(box, *GPUS, "cpu") == (run, ())


def test_gpus_are_kept_for_the_run_that_waits_for_several(box: Database) -> None:
    before, wide = add(box, "cuda"), add(box, "cuda", 2)
    behind, anywhere, on_cpu = add(box, "cuda"), add(box, "auto"), add(box, "cpu")
    free = ("cuda:2", "cpu")
    assert claim(box, *free) == (before, ("cuda:2",))
    assert claim(box, *free) == (anywhere, ("cpu",))
    assert claim(box, *free) == (on_cpu, ("cpu",))
    assert claim(box, *free) is None
    urgent = add(box, "auto", priority=1)
    assert claim(box, *free) == (urgent, ("cuda:2",))
    assert claim(box, *GPUS, "cpu") == (wide, ("cuda:0", "cuda:1"))
    assert claim(box, "cuda:2", "cpu") == (behind, ("cuda:2",))


def test_a_smaller_group_does_not_overtake_a_larger_one(box: Database) -> None:
    large, small = add(box, "cuda", 3), add(box, "auto", 2)
    assert claim(box, "cuda:0", "cuda:1", "cpu") is None
    assert claim(box, *GPUS, "cpu") == (large, GPUS)
    assert claim(box, "cuda:0", "cuda:1", "cpu") == (small, ("cuda:0", "cuda:1"))


def test_nothing_is_kept_for_a_run_that_is_not_due_or_is_for_another_worker(box: Database) -> None:
    with box.write() as session:
        make_worker(session, "large", (*GPUS, "cuda:3"))
    late = add(box, "cuda", 2)
    add(box, "cuda", 4)
    with box.write() as session:
        session.get_one(Run, late).not_before = later(30)
    one, two = add(box, "cuda"), add(box, "cuda")
    assert claim(box, "cuda:0", "cpu", at=29) == (one, ("cuda:0",))
    assert claim(box, "cuda:0", "cpu", at=30) is None
    assert claim(box, *GPUS, "cpu", at=30) == (late, ("cuda:0", "cuda:1"))
    assert claim(box, "cuda:2", "cpu", at=30) == (two, ("cuda:2",))


def test_gpus_are_kept_also_while_another_holds_the_row(box: Database) -> None:
    if box.is_sqlite:
        pytest.skip("SQLite locks no rows")
    wide = add(box, "cuda", 2)
    add(box, "cuda")
    with box.write() as session:
        session.get_one(Run, wide, with_for_update=True)
        assert claim(box, "cuda:0", "cpu") is None


def test_a_crowd_of_all_sizes_comes_to_its_end_in_fair_order(box: Database) -> None:
    chance = random.Random(7)
    for _ in range(40):
        device, priority = chance.choice(["auto", "cuda", "cuda:1", "cpu"]), chance.choice([0, 0, 5])
        add(box, device, chance.choice([1, 1, 1, 2, 3]), priority)
    busy: dict[int, queue.Claimed] = {}
    ended = 0
    while ended < 40:
        taken = [device for claimed in busy.values() for device in claimed.devices]
        assert len(taken) == len(set(taken))
        with box.write() as session:
            free = [device for device in (*GPUS, "cpu") if device not in taken]
            claimed = queue.claim(session, "box", free, NOW)
            if claimed is not None and claimed.devices[0] != "cpu":
                _check_nobody_was_passed_over(
                    session.get_one(Run, claimed.run_id), session.scalars(select(Run))
                )
        if claimed is not None:
            busy[claimed.run_id] = claimed
            continue
        assert busy, "nothing runs and nothing starts"
        over = busy.pop(chance.choice(list(busy)))
        with box.write() as session:
            queue.finish(session, over.run_id, over.token, Reason.COMPLETED, now=NOW)
        ended += 1


def _check_nobody_was_passed_over(started: Run, runs: Iterable[Run]) -> None:
    for run in runs:
        wide = run.state == "queued" and run.processes > 1 and run.device != "cpu"
        assert not (wide and (-run.priority, run.id) < (-started.priority, started.id))


@pytest.mark.parametrize("number", [0, 65, -1])
def test_the_database_refuses_other_numbers(box: Database, number: int) -> None:
    run = add(box, "cpu")
    with pytest.raises(IntegrityError), box.write() as session:
        session.execute(
            text("UPDATE run SET processes = :number WHERE id = :id"), {"number": number, "id": run}
        )
