"""The room's SQL on both databases."""

from factories import NOW, make_experiment, make_run

from app.db import Database
from app.metrics.queries import RunFolder, run_folders
from app.tensorboard.queries import experiment_exists, run_counts


def test_experiments_and_their_runs(database: Database) -> None:
    with database.write() as session:
        rings = make_experiment(session, "rings")
        make_experiment(session, "empty")
        run = make_run(session, rings)
        expected = RunFolder(run.id, run.slug, "rings")
        make_run(session, rings).deleted_at = NOW
    with database.read() as session:
        assert experiment_exists(session, "rings")
        assert not experiment_exists(session, "missing")
        assert run_counts(session, ["rings", "empty", "missing"]) == {"rings": 1, "empty": 0}
        assert run_counts(session, []) == {}
        assert run_folders(session, [expected.id, 10**30, -1, 0, 999]) == {expected.id: expected}
