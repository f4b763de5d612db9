"""A home with finished runs, as a worker would have left them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from app.clock import utcnow
from app.config import Settings, load_settings, run_dir
from app.db import Database, WriteSession
from app.experiments.slugs import slugify
from app.migrate import migrate
from app.models import Experiment, Run, Worker
from app.runs import queue
from app.runs.words import Reason
from app.workers import queries as workers
from bench.compare import curves
from danlu.events import EventWriter

EXPERIMENT = "Compare"
SLUG = slugify(EXPERIMENT)


def fill(home: Path, runs: int, points: int, *, finished: bool = True) -> list[int]:
    """Make that many runs with ten tags of so many points; returns their ids."""
    with database(home) as (settings, opened):
        with opened.write() as session:
            made = [_run(session, _experiment(session), number, points, finished) for number in range(runs)]
            found = [(run.id, run.slug) for run in made]
        for number, (_, slug) in enumerate(found):
            write(run_dir(settings, SLUG, slug), number, points)
    return [run for run, _ in found]


def write(folder: Path, number: int, points: int) -> None:
    """The run's event file."""
    with EventWriter(folder) as writer:
        for step, at, row in curves.rows(number, points):
            for tag, value in row.items():
                writer.scalar(tag, value, step, wall_time=at)


@contextmanager
def database(home: Path) -> Iterator[tuple[Settings, Database]]:
    """The home's database, migrated."""
    settings = load_settings(home=home)
    home.mkdir(parents=True, exist_ok=True)
    opened = Database(settings.db_url)
    try:
        migrate(settings, opened)
        yield settings, opened
    finally:
        opened.close()


def _experiment(session: WriteSession) -> Experiment:
    now = utcnow()
    found = session.query(Experiment).filter_by(slug=SLUG).one_or_none()
    if found is None:
        found = Experiment(slug=SLUG, name=EXPERIMENT, created_at=now, updated_at=now)
        session.add(found)
        session.flush()
        worker = Worker(
            id="bench", name="bench", host="bench", machine="bench", pid=1, pid_started=0.0, state="up",
            devices=[{"device": "cpu", "name": "cpu", "slots": 10_000}], version="0", info={}, started_at=now, last_seen_at=now,
        )  # fmt: skip
        workers.register_worker(session, worker)
    return found


def _run(session: WriteSession, experiment: Experiment, number: int, points: int, finished: bool) -> Run:
    now = utcnow()
    spec = queue.RunSpec(
        experiment_id=experiment.id, name=curves.name(number), recipe="rings", params=curves.params(number)
    )
    run = queue.submit(session, spec, actor="user:bench", now=now)
    claimed = queue.claim(session, "bench", ["cpu"], now)
    assert claimed is not None
    workers.report(
        session, run.id, claimed.token, now=now + timedelta(seconds=1), progress={"step": points, "total": points},
        metrics=[_summary(number, tag, points) for tag in curves.TAGS],
    )  # fmt: skip
    if finished:
        queue.finish(session, run.id, claimed.token, Reason.COMPLETED, now=now + timedelta(minutes=5))
    return run


def _summary(number: int, tag: str, points: int) -> workers.MetricSummary:
    column = curves.values(number, tag, points)
    low, high = int(column.argmin()), int(column.argmax())
    return workers.MetricSummary(
        tag, points - 1, float(column[-1]), float(column[low]), low, float(column[high]), high, points
    )
