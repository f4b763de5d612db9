"""The one thread that starts, watches and retires the children; `manager` is its face."""

import logging
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from app.errors import StartupError, Unavailable
from app.tensorboard import capacity, process
from app.tensorboard.mirror import Mirror
from app.tensorboard.units import Kind, Limits, State, Unit

log = logging.getLogger(__name__)

BUSY_PAUSE = 0.03  # seconds between two looks while something starts or stops
PROBE_AGAIN = 0.1


class Supervisor:
    """Owns the units and their children.

    Units change under `changed`: callers only touch and want them, the one thread does everything else.

    Args:
        limits: how many and how long.
        clock: seconds that only grow.
        command: gives what to start for a unit, and the data server's port for a TensorBoard.
        mirror: gives an experiment's mirror.
        home: is left out of the reasons that people see.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        command: Callable[[Unit, int | None], process.Command],
        mirror: Callable[[str], Mirror],
        home: str,
    ) -> None:
        self.units: dict[tuple[str, Kind], Unit] = {}
        self.changed = threading.Condition(threading.RLock())
        self._limits = limits
        self._clock = clock
        self._command = command
        self._mirror = mirror
        self._home = home
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Begin; once."""
        # Probes and stops wait on a child; eight at once are enough for as many TensorBoards.
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="tensorboard-wait")
        self._thread = threading.Thread(target=self._run, name="tensorboard-supervisor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Retire every child, end the thread; returns when all is gone."""
        self._closing = True
        self.wake()
        if self._thread and self._pool:
            self._thread.join()
            self._pool.shutdown()
            self._thread = self._pool = None

    def wake(self) -> None:
        """Look now instead of at the next tick."""
        self._wake.set()

    def unit(self, slug: str, kind: Kind) -> Unit:
        """The unit, made when it is new. Call with `changed` held."""
        return self.units.setdefault((slug, kind), Unit(slug, kind))

    def pair(self, slug: str) -> list[Unit]:
        """Both units of an experiment, as far as they exist. Call with `changed` held."""
        return [unit for kind in Kind if (unit := self.units.get((slug, kind)))]

    def notice_death(self, unit: Unit) -> None:
        """Draw the consequences when its child has ended. Call with `changed` held."""
        if unit.child and (code := unit.child.poll()) is not None:
            self._died(unit, unit.child, code, self._clock())

    def halt(self, slug: str, kinds: Iterable[Kind], *, forget: bool) -> None:
        """Stop these children of an experiment and wait until they are gone.

        Raises:
            Unavailable: one could not be ended in time.
        """
        with self.changed:
            units = [unit for kind in kinds if (unit := self.units.get((slug, kind)))]
            for unit in units:
                unit.wanted, unit.held, unit.attempts = False, True, 0
            self.wake()
            # Without the thread nothing runs, and nobody would tell us.
            gone = not self._thread or self.changed.wait_for(
                lambda: all(unit.idle for unit in units), timeout=self._limits.grace + 15.0
            )
            for unit in units:
                unit.held = False
                unit.enter(State.STOPPED, self._clock())
                if forget and gone:
                    self.units.pop((slug, unit.kind), None)
            if not gone:
                raise Unavailable(f"The TensorBoard of {slug} does not end.", retry_after=5)

    def _run(self) -> None:
        while not self._closing:
            busy = self._tick()
            self._wake.wait(BUSY_PAUSE if busy else self._limits.sync)
            self._wake.clear()
        with self.changed:
            for unit in self.units.values():
                unit.wanted = False
                self._retire(unit)
                unit.enter(State.STOPPED, self._clock())
            waiting = [future for unit in self.units.values() for future in unit.leaving]
        for future in waiting:
            future.exception()

    def _tick(self) -> bool:
        with self.changed:
            units = list(self.units.values())
        for unit in units:
            try:
                if unit.kind is Kind.DATA and unit.child:
                    self._mirror(unit.slug).sync(older_than=self._limits.sync * 0.9)
                self._step(unit)
            except Exception:
                # One experiment's trouble (a full disk) must not stop the watch over the others.
                log.exception("supervising the %s of %s", unit.kind, unit.slug)
                with self.changed:
                    unit.launching = False
                    self._retire(unit)
                    unit.fail(self._clock(), "an error of the server, see its log", self._limits)
        with self.changed:
            self.changed.notify_all()
            return any(unit.state is State.STARTING or unit.leaving or unit.probe for unit in units)

    def _step(self, unit: Unit) -> None:
        """Bring one unit closer to what is wanted."""
        with self.changed:
            now = self._clock()
            unit.leaving = [future for future in unit.leaving if not future.done()]
            self.notice_death(unit)
            if not unit.wanted:
                self._retire(unit)
                if unit.state is not State.FAILED:
                    unit.enter(State.STOPPED, now)
                return
            if unit.state is State.BACKOFF and now >= unit.retry_at:
                unit.enter(State.STARTING, now)
            if unit.state is State.READY:
                self._watch(unit, now)
            if unit.state is State.STARTING and unit.child:
                self._await_ready(unit, unit.child, now)
            upstream = self._upstream(unit, now)
            launch = unit.state is State.STARTING and unit.idle and self._room(unit) and upstream is not None
            unit.launching = launch
        if launch:
            self._launch(unit, upstream)

    def _launch(self, unit: Unit, upstream: int | None) -> None:
        """Start the child. Not under the lock: disks can be slow."""
        outcome: process.Launched | process.ExecFailed
        try:
            outcome = process.spawn(self._command(unit, upstream))
        except (StartupError, OSError) as error:
            outcome = process.ExecFailed(str(error))
        with self.changed:
            now = self._clock()
            unit.launching = False
            unit.misses = 0
            match outcome:
                case process.Launched(child):
                    unit.child, unit.upstream, unit.launched = child, upstream, now
                case process.ExecFailed(reason):
                    log.warning("%s", reason)
                    unit.fail(now, self._public(reason), self._limits)

    def _died(self, unit: Unit, child: process.Child, code: int, now: float) -> None:
        how = capacity.ending(code)
        log.warning("%s of %s (pid %d) %s", unit.kind, unit.slug, child.pid, how)
        was_ready = unit.state is State.READY
        # Somebody's kill says nothing about the child's health, and a long good life is forgiven.
        innocent = was_ready and (
            code in (-signal.SIGKILL, -signal.SIGTERM) or now - unit.since >= self._limits.forgive
        )
        self._drop(unit)
        if innocent:
            unit.attempts = 0
            unit.enter(State.STARTING, now)
        elif unit.state in (State.READY, State.STARTING):
            words = child.last_words()
            unit.fail(now, self._public(f"It {how}.\n{words}" if words else f"It {how}."), self._limits)

    def _watch(self, unit: Unit, now: float) -> None:
        """Look after a ready one: still used, still attached to the right data server, still healthy."""
        if capacity.unused(self.units, unit, now, self._limits):
            log.info("%s of %s is no longer used", unit.kind, unit.slug)
            unit.wanted = False
            return
        if unit.kind is Kind.TENSORBOARD:
            data = self.unit(unit.slug, Kind.DATA)
            if data.state is State.READY and data.port != unit.upstream:
                self._retire(unit)
                unit.enter(State.STARTING, now)
                return
        trouble = self._probed(unit, now)
        if trouble is None:
            return
        unit.probe_at = now + PROBE_AGAIN
        if unit.misses >= self._limits.probe_misses:
            log.warning("%s of %s is replaced: %s", unit.kind, unit.slug, trouble)
            data = self.unit(unit.slug, Kind.DATA)
            data.probe_at, data.misses = 0.0, max(data.misses, self._limits.probe_misses - 1)
            self._retire(unit)
            unit.fail(now, self._public(f"It hung: {trouble}"), self._limits)

    def _await_ready(self, unit: Unit, child: process.Child, now: float) -> None:
        unit.port = unit.port or child.port()
        if unit.port and unit.kind is Kind.DATA:
            self._ready(unit, now)
        elif now - unit.launched >= self._limits.start:
            words = child.last_words()
            self._retire(unit)
            reason = f"It was not ready within {self._limits.start:g} s."
            unit.fail(now, self._public(f"{reason}\n{words}" if words else reason), self._limits)
        elif unit.port and unit.probe and unit.probe.done() and unit.probe.exception() is None:
            if unit.probe.result() is None:
                self._ready(unit, now)
            else:
                unit.probe, unit.probe_at = None, now + PROBE_AGAIN
        elif unit.port and unit.probe is None and now >= unit.probe_at:
            unit.probe = self._ask(unit, unit.port)

    def _ready(self, unit: Unit, now: float) -> None:
        unit.probe, unit.probe_at, unit.misses = None, now + self._limits.probe_every, 0
        unit.enter(State.READY, now)
        log.info("%s of %s is ready after %.2f s", unit.kind, unit.slug, now - unit.launched)

    def _probed(self, unit: Unit, now: float) -> str | None:
        """Trouble, when a probe that was due has found some."""
        if unit.probe is None and now >= unit.probe_at and unit.port:
            unit.probe = self._ask(unit, unit.port)
        elif unit.probe is not None and unit.probe.done():
            trouble = unit.probe.result()
            unit.probe, unit.probe_at = None, now + self._limits.probe_every
            unit.misses = unit.misses + 1 if trouble else 0
            return trouble
        return None

    def _ask(self, unit: Unit, port: int) -> "Future[str | None]":
        if self._pool is None:
            raise RuntimeError("not started")
        return self._pool.submit(capacity.probe, unit.kind, unit.slug, port, self._limits.probe_timeout)

    def _upstream(self, unit: Unit, now: float) -> int | None:
        """The data server's port for a TensorBoard that is to start; 0 for a data server itself; None: wait."""
        if unit.kind is Kind.DATA or unit.state is not State.STARTING:
            return 0
        data = self.unit(unit.slug, Kind.DATA)
        data.touch(now, page=True)
        data.want(now, self._limits)
        if data.state is State.FAILED:
            unit.wanted = False
            unit.enter(State.FAILED, now, f"Its data server: {data.reason}")
        return data.port if data.state is State.READY else None

    def _room(self, unit: Unit) -> bool:
        """Whether one more may start now; makes room by stopping the one that was used least lately."""
        room = capacity.room(self.units, unit, self._limits, self._clock())
        if isinstance(room, Unit):
            log.info("%s of %s makes room for %s", room.kind, room.slug, unit.slug)
            room.wanted = False
            self._retire(room)
            room.enter(State.STOPPED, self._clock())
        return room is True

    def _retire(self, unit: Unit) -> None:
        """Let go of the child; it is stopped on another thread, and `leaving` until it is gone."""
        child = unit.child
        self._drop(unit)
        if child and self._pool:
            unit.leaving.append(self._pool.submit(self._stop, unit, child))

    def _stop(self, unit: Unit, child: process.Child) -> None:
        process.stop(child, self._limits.grace)
        if unit.kind is Kind.DATA and not unit.wanted:
            self._mirror(unit.slug).remove()
        self.wake()

    def _drop(self, unit: Unit) -> None:
        unit.child = unit.port = unit.upstream = unit.probe = None
        unit.probe_at = 0.0

    def _public(self, reason: str) -> str:
        return reason.replace(self._home, "…")
