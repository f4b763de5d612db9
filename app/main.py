"""The application, put together: what is served, and what starts and stops with it. No logic of its own."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from app import __version__, web
from app.api import api_router, health_router
from app.api.traffic import Traffic
from app.config import Settings
from app.db import Database
from app.errors import StartupError
from app.imports.routes import UPLOAD as IMPORTS
from app.imports.upload import sweep as sweep_uploads
from app.live.hub import Hub
from app.migrate import migrate
from app.pages import pages_router
from app.runs.cleanup import reconcile_deleted
from app.snapshots.routes import PATH as SNAPSHOTS
from app.snapshots.sweeper import sweeping
from app.tensorboard.manager import TensorBoards
from app.tensorboard.routes import page_router as tensorboard_pages
from app.tensorboard.routes_collections import page_router as collection_pages

HOME_FOLDERS = ("experiments", "recipes", "datasets", "snapshots", "tensorboard", "uploads")


def create_app(settings: Settings) -> FastAPI:
    """The server for one home folder. Nothing is opened, written or started before it is served."""
    app = FastAPI(
        title="Danlu",
        version=__version__,
        lifespan=_lifespan,
        # Served by app.api, with an owner like every other route and without a CDN.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.db = Database(settings.db_url)
    app.state.tensorboards = TensorBoards(settings, app.state.db)
    app.state.hub = Hub(settings, app.state.db)
    limits = {
        SNAPSHOTS: (settings.snapshot_limit_mib * 2**20, "DANLU_SNAPSHOT_LIMIT_MIB"),
        IMPORTS: (settings.import_limit_mib * 2**20, "DANLU_IMPORT_LIMIT_MIB"),
    }
    web.install(app, settings, limits)
    app.add_middleware(Traffic)
    for router in (health_router, api_router, tensorboard_pages, collection_pages, pages_router):
        app.include_router(router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start: lock the home, bring the schema up to date, finish deletions, then the children. Stop: in reverse."""
    with ExitStack() as stack:
        await run_in_threadpool(_start, app, stack)
        app.state.hub.start()
        try:
            yield
        finally:
            await app.state.hub.stop()
            await run_in_threadpool(stack.close)


def _start(app: FastAPI, stack: ExitStack) -> None:
    settings: Settings = app.state.settings
    prepare_home(settings)
    stack.enter_context(home_lock(settings))
    stack.callback(app.state.db.close)
    migrate(settings, app.state.db)
    reconcile_deleted(settings, app.state.db)
    sweep_uploads(settings)
    stack.enter_context(sweeping(settings, app.state.db))
    app.state.tensorboards.start()
    stack.callback(app.state.tensorboards.stop_all)
    stack.enter_context(web.running(app))


def prepare_home(settings: Settings) -> None:
    """Make the home folder and its rooms; the home is readable by its owner alone.

    Raises:
        StartupError: not a folder, or not writable.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in HOME_FOLDERS:
            (settings.home / name).mkdir(exist_ok=True)
    except OSError as error:
        raise StartupError(f"the home folder {settings.home} cannot be used: {error.strerror}") from error
    if not os.access(settings.home, os.W_OK):
        raise StartupError(
            f"the home folder {settings.home} is not writable; change its owner, or set DANLU_HOME"
        )


@contextmanager
def home_lock(settings: Settings) -> Iterator[None]:
    """One server per home: it owns the TensorBoards. The lock goes with the process, however that ends.

    Raises:
        StartupError: another server has it.
    """
    path = settings.home / "server.lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise StartupError(
                f"{path}: a server runs on this home already (pid {owner}); stop it first"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
