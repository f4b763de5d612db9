"""What the worker shows of itself: its registration, its devices, and the recipes that it offers."""

import logging
import os
import platform
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import danlu
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.models import Worker
from app.workers.queries import PublishedRecipe, publish_recipes, register_worker, set_worker_info
from danlu.recipe import load_recipes
from worker import process
from worker.devices import Device, torch_version
from worker.launch import Described, Launcher
from worker.outcome import clean
from worker.queries import recipe_count
from worker.spec import RECIPE_MODULES

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0


def register(settings: Settings, database: Database, devices: list[Device]) -> str:
    """Store this start of a worker, and return its fresh id."""
    worker_id, now = str(uuid.uuid4()), utcnow()
    worker = Worker(
        id=worker_id,
        name=settings.worker_name or socket.gethostname(),
        host=socket.gethostname(),
        machine=process.machine(),
        pid=os.getpid(),
        pid_started=process.started_at(os.getpid()) or 0.0,
        state="up",
        devices=[device.published() for device in devices],
        version=danlu.__version__,
        info=_info(None, None),
        started_at=now,
        last_seen_at=now,
    )
    with database.write() as session:
        register_worker(session, worker)
    return worker_id


class Publisher:
    """Keeps the published recipes and the worker's row up to date. `refresh` never waits."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        worker_id: str,
        launcher: Launcher,
        devices: list[Device],
    ) -> None:
        self._folder, self._database, self._worker_id = settings.recipes_dir, database, worker_id
        self._launcher, self._devices = launcher, devices
        self._look_at = 0.0
        self._signature: tuple[tuple[str, int, int], ...] | None = None
        self._described: tuple[Described, tuple[tuple[str, int, int], ...]] | None = None
        self._info: dict[str, Any] = {}

    def refresh(self, trouble: str | None) -> None:
        """Publish what has changed: the built-in recipes at once, the user's own when the warm process has read them.

        Args:
            trouble: why nothing is claimed, for the pages.
        """
        if self._described is not None:
            self._take()
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_SECONDS
        self._show(trouble)
        found = _signature(self._folder)
        if self._signature is None:
            self._publish_built_in(found)
        if found != self._signature and self._described is None and self._launcher.warm.ready:
            try:
                self._described = (self._launcher.describe(self._folder), found)
            except OSError as error:
                log.warning("the recipes cannot be read now: %s", error)

    def _publish_built_in(self, found: tuple[tuple[str, int, int], ...]) -> None:
        """Without the user's files; where there are some, the earlier start's recipes stand until they are read."""
        with self._database.read() as session:
            known = recipe_count(session)
        if found and known:
            return
        recipes, errors = load_recipes(None, RECIPE_MODULES)
        published = [
            PublishedRecipe(item.name, item.summary, item.schema(), _source(item.source))
            for item in recipes.values()
        ]
        for module, error in errors.items():
            log.error("built-in recipes: %s: %s", module, error)
        with self._database.write() as session:
            publish_recipes(session, self._worker_id, published, utcnow())
        if not found:
            self._signature = found

    def _take(self) -> None:
        if self._described is None or (result := self._described[0].result()) is None:
            return
        signature = self._described[1]
        published = {
            item["name"]: PublishedRecipe(
                item["name"], clean(item["summary"]), item["schema"], _source(item["source"])
            )
            for item in result.get("recipes", [])
        }
        for where, error in result.get("errors", {}).items():
            name = Path(where).name
            log.warning("recipe file %s: %s", name, error)
            published.setdefault(name, PublishedRecipe(name, "", {}, name, clean(error)))
        if published:
            with self._database.write() as session:
                publish_recipes(session, self._worker_id, published.values(), utcnow())
        else:
            log.error(
                "a recipe file ends the process that reads it; no recipe of %s is offered", self._folder
            )
        self._described, self._signature = None, signature

    def _show(self, trouble: str | None) -> None:
        warm = self._launcher.warm
        info = _info(warm.error, trouble) | {"warm": warm.ready}
        if info != self._info:
            with self._database.write() as session:
                set_worker_info(
                    session,
                    self._worker_id,
                    devices=[device.published() for device in self._devices],
                    info=info,
                )
            self._info = info


def _info(warm_error: str | None, trouble: str | None) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "torch": torch_version(),
        "system": f"{platform.system()} {platform.release()}",
        "trouble": trouble or (f"the warm process: {clean(warm_error)}" if warm_error else None),
    }


def _source(path: str) -> str:
    """`built-in`, or the name of the user's file."""
    return "built-in" if Path(path).is_relative_to(Path(__file__).parent) else Path(path).name


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file of the folder does."""
    found = []
    try:
        for entry in sorted(folder.glob("*.py")):
            status = entry.stat()
            found.append((entry.name, status.st_mtime_ns, status.st_size))
    except OSError as error:
        log.warning("the recipes' folder cannot be read: %s", error)
    return tuple(found)
