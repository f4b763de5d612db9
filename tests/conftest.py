"""Fixtures that everything shares: both databases with the real migrations, settings of a throw-away home."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from migrated import place_migrated
from postgres import Postgres, find_postgres

from app.config import Settings, load_settings
from app.db import Database
from app.migrate import migrate

for variable in [name for name in os.environ if name.startswith("DANLU_")]:
    del os.environ[variable]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A private PostgreSQL server on a unix socket, with a migrated template database."""
    binaries = find_postgres()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs PostgreSQL: install the package postgresql")
        pytest.skip("no PostgreSQL binaries found (package postgresql)")
    server = Postgres(binaries)
    try:
        server.start()
        settings = load_settings(
            home=tmp_path_factory.mktemp("template"), database_url=server.url(server.create("template_danlu"))
        )
        database = Database(settings.db_url)
        migrate(settings, database)
        database.close()
        yield server
    finally:
        server.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, home: Path) -> Iterator[Settings]:
    """Settings of a throw-away home, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield load_settings(home=home, port=0)
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.lend("template_danlu")
    yield load_settings(home=home, port=0, database_url=server.url(name))
    server.give_back(name)


@pytest.fixture
def sqlite_settings(home: Path) -> Settings:
    """Settings on SQLite, for tests that have nothing to do with the database."""
    return load_settings(home=home, port=0)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A migrated database, once on SQLite and once on PostgreSQL."""
    yield from _migrated(settings)


@pytest.fixture
def sqlite_database(sqlite_settings: Settings) -> Iterator[Database]:
    """A migrated SQLite database of `sqlite_settings`."""
    yield from _migrated(sqlite_settings)


def _migrated(settings: Settings) -> Iterator[Database]:
    place_migrated(settings)
    database = Database(settings.db_url)
    migrate(settings, database)
    yield database
    database.close()


LONGEST = (
    "worker/test_supervisor.py", "e2e/test_first_fire.py", "danlu/test_cli_up.py", "worker/test_survival.py",
    "danlu/test_thisrun_service.py", "danlu/test_client_docs.py", "examples/test_tutorial_recipe.py",
    "worker/test_script_runs.py", "e2e/test_runs_table.py", "e2e/test_script_form.py", "e2e/test_runs_accessible.py",
    "examples/test_examples.py", "danlu/test_thisrun.py", "danlu/test_ranks.py", "e2e/test_page_quality.py",
    "danlu/test_resume.py", "e2e/test_workbench_odd.py", "e2e/test_two_runs.py", "e2e/test_reports.py", "e2e/test_live_pages.py",
    "e2e/test_wb_tensorboard.py", "e2e/test_charts.py", "e2e/test_views.py", "e2e/test_workbench_params.py",
)  # fmt: skip
"""Modules of more than 20 s, the longest first: of several processes none ends long after the others."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long modules come first, where a module is one process's; slow and docker tests run only when asked for by `-m`."""
    if config.getoption("dist", "no") == "loadfile":
        tests = Path(__file__).parent
        place = {tests / name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(item.path, len(place)))
    if config.getoption("-m"):
        return
    for item in items:
        for marker in ("slow", "docker"):
            if item.get_closest_marker(marker):
                item.add_marker(
                    pytest.mark.skip(
                        reason=f"{marker}: run by make test-{'all' if marker == 'slow' else 'docker'}"
                    )
                )
