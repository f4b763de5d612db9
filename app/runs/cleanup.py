"""Removing runs and experiments: the row is marked, then the files go, then the row. A crash between is mended at start."""

from pathlib import Path

from app.clock import utcnow
from app.config import Settings, run_dir
from app.db import Database
from app.experiments import queries as experiment_queries
from app.experiments import service as experiments
from app.files import remove_tree
from app.runs import queries as run_queries
from app.snapshots import queries as snapshot_queries
from app.snapshots.service import remove_without_runs


def delete_run(settings: Settings, db: Database, run_id: int) -> None:
    """Remove an ended run with its files.

    Raises:
        NotFound: there is no such run.
        Conflict: it is queued or running.
    """
    with db.write() as session:
        row = run_queries.get_row(session, run_id)
        run_queries.mark_deleted(session, run_id, utcnow())
    _finish_run(settings, db, run_id, run_dir(settings, row.experiment, row.run.slug))


def mark_experiment(db: Database, slug: str) -> int:
    """Hide an experiment and its runs; returns its id, for `finish_experiment`.

    Raises:
        NotFound: there is no such experiment.
        Conflict: some of its runs are queued or running.
    """
    with db.write() as session:
        return experiments.mark_deleted(session, slug, utcnow())


def finish_experiment(settings: Settings, db: Database, experiment_id: int, slug: str) -> None:
    """Remove a marked experiment's files (its TensorBoard has been stopped), then its rows.

    Files that cannot be removed keep the rows hidden, so that the slug is not given away with old curves in it.
    """
    if remove_tree(settings.experiments_dir / slug):
        with db.write() as session:
            code = snapshot_queries.of_experiment(session, experiment_id)
            experiment_queries.erase(session, experiment_id)
        remove_without_runs(db, settings, code)


def reconcile_deleted(settings: Settings, db: Database) -> int:
    """Finish the removals that a crash interrupted; returns how many were found. Called at start."""
    with db.read() as session:
        runs = run_queries.marked_runs(session)
        gone = experiment_queries.marked(session)
    for run_id, experiment_slug, run_slug in runs:
        _finish_run(settings, db, run_id, run_dir(settings, experiment_slug, run_slug))
    for experiment_id, slug in gone:
        finish_experiment(settings, db, experiment_id, slug)
    return len(runs) + len(gone)


def _finish_run(settings: Settings, db: Database, run_id: int, folder: Path) -> None:
    if remove_tree(folder):
        with db.write() as session:
            code = snapshot_queries.of_runs(session, [run_id])
            run_queries.erase(session, [run_id])
        remove_without_runs(db, settings, code)
