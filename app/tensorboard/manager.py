"""One TensorBoard and one data server per experiment (or collection), however many ask; nothing is left behind.

Callers only say what they want and wait; one thread, which lives as long as the service, starts, watches and
retires every child (`process.spawn` says why it must be one). Each tick compares what is wanted with what is
there, so a child that dies, hangs or is killed is dealt with in the same way however it came about.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.errors import Unavailable
from app.tensorboard import commands, process
from app.tensorboard.collections import KEPT, Collections
from app.tensorboard.mirror import Mirror, Stamp
from app.tensorboard.places import COLLECTION, prefix
from app.tensorboard.sources import Sources
from app.tensorboard.supervise import Supervisor
from app.tensorboard.units import Kind, Limits, State, Status, Unit

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Source:
    """Where scalars can be read.

    Attributes:
        address: host:port of the data server.
        age: seconds since it was started; a young one may not have read everything yet.
        stamps: per run folder, the data server's names of it and of the folders below it that hold event files, each
            with what these files were at `seen`.
        seen: when they were looked at, seconds since 1970.
        read_until: what was in the files by then, the data server has read; seconds since 1970.
    """

    address: str
    age: float
    stamps: dict[str, dict[str, Stamp]]
    seen: float
    read_until: float

    @property
    def names(self) -> dict[str, list[str]]:
        """Per run folder, the data server's names."""
        return {slug: list(members) for slug, members in self.stamps.items()}


class TensorBoards:
    """All children of this server. Thread-safe; every method returns at once unless it says otherwise.

    A key is an experiment's slug, or that of a collection (`collection_key`).

    Args:
        settings: home folder and limits.
        db: says where imported runs and those of collections lie; None: there are none.
        limits: instead of the settings' own.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database | None = None,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.collections = Collections(settings.tensorboard_dir)
        self._sources = Sources(settings, db)
        self.limits = limits or Limits.of(settings)
        self._clock = clock
        self._supervisor = Supervisor(self.limits, clock, self._command, self.mirror, str(settings.home))
        self._mirrors: dict[str, Mirror] = {}
        self._mirrors_lock = threading.Lock()

    def start(self) -> None:
        """Kill what an earlier server left behind, then begin to supervise. Takes a moment."""
        root = self.settings.tensorboard_dir
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        process.sweep(root)
        for left in root.glob("*/logdir"):
            shutil.rmtree(left, ignore_errors=True)
        self._supervisor.start()

    def stop_all(self) -> None:
        """Stop every child and the supervising thread; returns when they are gone."""
        self._supervisor.close()

    def ensure(self, slug: str, *, page: bool = True) -> Status:
        """Want the TensorBoard of an experiment, and count this as use of it.

        Args:
            slug: an existing experiment's.
            page: a person opened it; False for the requests of a page that is already open, which do not
                bring back a TensorBoard that was stopped for its age.
        """
        with self._supervisor.changed:
            now = self._clock()
            unit = self._supervisor.unit(slug, Kind.TENSORBOARD)
            self._supervisor.notice_death(unit)
            unit.touch(now, page=page or (unit.state is State.STOPPED and not unit.culled))
            unit.want(now, self.limits)
            status = unit.status()
        if status.state is not State.READY:
            self._supervisor.wake()
        return status

    def retry(self, slug: str) -> Status:
        """As `ensure`, with a clean slate when it has failed or waits for its next try."""
        with self._supervisor.changed:
            for unit in self._supervisor.pair(slug):
                if unit.state in (State.FAILED, State.BACKOFF):
                    unit.attempts = 0
                    unit.enter(State.STOPPED, self._clock())
        return self.ensure(slug)

    def status(self, slug: str) -> Status:
        """Where the experiment's TensorBoard stands; asking is no use of it."""
        with self._supervisor.changed:
            unit = self._supervisor.units.get((slug, Kind.TENSORBOARD))
            return unit.status() if unit else Status(State.STOPPED, None, None, None, None)

    def statuses(self) -> dict[str, Status]:
        """Every TensorBoard that is or was wanted since the start, by its key."""
        with self._supervisor.changed:
            return {
                slug: unit.status()
                for (slug, kind), unit in sorted(self._supervisor.units.items())
                if kind is Kind.TENSORBOARD and unit.used_at is not None
            }

    def suspect(self, slug: str, kind: Kind = Kind.TENSORBOARD) -> None:
        """It did not answer somebody: look at it now, and replace it if it does not answer us either."""
        with self._supervisor.changed:
            unit = self._supervisor.units.get((slug, kind))
            if unit and unit.state is State.READY:
                unit.probe_at = 0.0
                unit.misses = max(unit.misses, self.limits.probe_misses - 1)
        self._supervisor.wake()

    def data_server(self, slug: str) -> str:
        """Address (host:port) of the experiment's data server; starts it and waits for it when it is down.

        Raises:
            Unavailable: it does not come up.
        """
        return self._data_server(slug, avoid=None)[0]

    def source(self, slug: str, run_slugs: Iterable[str], *, avoid: str | None = None) -> Source:
        """The data server of an experiment and what these runs are called in it, looked up just now.

        Args:
            slug: the experiment's.
            run_slugs: names of run folders.
            avoid: an address that did not answer: another one is waited for.

        Raises:
            Unavailable: it does not come up.
        """
        address, launched = self._data_server(slug, avoid)
        mirror = self.mirror(slug)
        mirror.sync(older_than=0.2)
        stamps = mirror.stamps(run_slugs)
        return Source(
            address, self._clock() - launched, stamps, utcnow().timestamp(), self._read_until(slug, address)
        )

    def stop(self, slug: str) -> None:
        """Stop both children of an experiment and remove their private folder; returns when they are gone.

        Call it after the experiment was deleted from the database, so that no request starts them again.

        Raises:
            Unavailable: a child could not be ended in time.
        """
        self._supervisor.halt(slug, (Kind.TENSORBOARD, Kind.DATA), forget=True)
        with self._mirrors_lock:
            self._mirrors.pop(slug, None)
        self._sources.forget(slug)
        shutil.rmtree(self.folder(slug), ignore_errors=True)

    def stop_tensorboard(self, slug: str) -> None:
        """Stop the TensorBoard alone, the metrics' data server stays; returns when it is gone.

        Raises:
            Unavailable: it could not be ended in time.
        """
        self._supervisor.halt(slug, (Kind.TENSORBOARD,), forget=False)

    def collect(self, runs: Sequence[int]) -> str:
        """The key of a TensorBoard on exactly these runs. The oldest collections beyond 200 are forgotten.

        Raises:
            Unavailable: an old one could not be ended in time.
        """
        name = self.collections.make(runs)
        for old in self.collections.all()[KEPT:]:
            self.stop(COLLECTION + old)
        return COLLECTION + name

    def folder(self, slug: str) -> Path:
        """Private folder of an experiment's children.

        Raises:
            ValueError: not a slug; nothing else may become a path or an argument.
        """
        if not slug or slug.startswith((".", "-")) or any(char in slug for char in "/\\\0\n"):
            raise ValueError(f"not a slug: {slug!r}")
        return self.settings.tensorboard_dir / slug

    def mirror(self, slug: str) -> Mirror:
        """The event files as the children see them."""
        with self._mirrors_lock:
            if slug not in self._mirrors:
                self._mirrors[slug] = self._make_mirror(slug)
            return self._mirrors[slug]

    def _make_mirror(self, key: str) -> Mirror:
        target = self.folder(key) / "logdir"
        if key.startswith(COLLECTION):
            runs = self.collections.runs(key.removeprefix(COLLECTION)) or ()
            return Mirror(None, target, lambda: self._sources.of_runs(key, runs))
        return Mirror(self.settings.experiments_dir / key, target, lambda: self._sources.of_experiment(key))

    def _data_server(self, slug: str, avoid: str | None) -> tuple[str, float]:
        supervisor = self._supervisor

        def settled() -> bool:
            if unit.state is State.READY:
                return f"{HOST}:{unit.port}" != avoid
            return unit.state is not State.STARTING and (avoid is None or unit.state is State.FAILED)

        with supervisor.changed:
            unit = supervisor.unit(slug, Kind.DATA)
            unit.touch(self._clock(), page=True)
            unit.want(self._clock(), self.limits)
            if avoid:
                self.suspect(slug, Kind.DATA)
            if not settled():
                supervisor.wake()
                supervisor.changed.wait_for(settled, timeout=self.limits.wait_data)
            if unit.state is not State.READY:
                why = unit.reason or f"it is {unit.state}"
                raise Unavailable(f"The metrics' data server is not up: {why}", retry_after=2)
            return f"{HOST}:{unit.port}", unit.launched

    def _read_until(self, slug: str, address: str) -> float:
        with self._supervisor.changed:
            unit = self._supervisor.units.get((slug, Kind.DATA))
            if unit is None or unit.child is None or f"{HOST}:{unit.port}" != address:
                return 0.0
            return unit.child.stderr.read_until

    def _command(self, unit: Unit, upstream: int | None) -> process.Command:
        """What to start for a unit. Runs on the supervising thread, before a child starts."""
        folder = self.folder(unit.slug)
        mirror = self.mirror(unit.slug)
        if unit.kind is Kind.DATA:
            mirror.sync()
            return commands.data_command(folder, mirror.target, self.limits.scalars)
        if upstream is None:
            raise ValueError("TensorBoard needs a data server")
        return commands.tensorboard_command(
            folder,
            mirror.target,
            data_port=upstream,
            prefix=prefix(unit.slug),
            title=f"{self._title(unit.slug)} · TensorBoard",
            scalars=self.limits.scalars,
            program=self.limits.program,
        )

    def _title(self, key: str) -> str:
        """What a browser's tab says."""
        if not key.startswith(COLLECTION):
            return key
        count = len(self.collections.runs(key.removeprefix(COLLECTION)) or ())
        return "1 run" if count == 1 else f"{count} runs"
