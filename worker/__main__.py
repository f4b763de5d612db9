"""`python -m worker`: the supervisor. SIGTERM and Ctrl-C let the runs save and give them back; Ctrl-C twice kills them."""

import contextlib
import logging
import os
import signal
import sys
import time
from types import FrameType

import psutil

from app.clock import utcnow
from app.config import Settings, load_settings
from app.db import Database
from app.errors import StartupError
from app.migrate import migrate
from app.workers.queries import set_worker_state
from worker import process
from worker.away import Politeness
from worker.devices import Device, discover
from worker.launch import Launcher
from worker.lease import Heart
from worker.loop import Work
from worker.publish import register
from worker.runinit import KILL_SECONDS

log = logging.getLogger(__name__)

_DELIVER_SECONDS = 10.0
_REAP_SECONDS = 5.0


class Signals:
    """What has been asked of this process, and a descriptor that wakes its loop."""

    def __init__(self) -> None:
        self.stop = False
        self.kill = False
        self._interrupts = 0
        self.fd, self._write = os.pipe()
        for fd in (self.fd, self._write):
            os.set_blocking(fd, False)

    def install(self) -> None:
        """Take the signals of this process over. Main thread only."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            if (
                number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
            ):  # else it is nohup's
                signal.signal(number, self._handle)

    def wake(self) -> None:
        """Wake the loop, from any thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"\0")

    def drain(self) -> None:
        """Forget what has woken us."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 4096)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.stop = True
        self._interrupts += number == signal.SIGINT
        self.kill = self.kill or self._interrupts > 1 or number == signal.SIGQUIT


def main(settings: Settings | None = None) -> int:
    """Run a worker until it is told to stop; the exit code.

    Call it in the main thread of a process of its own: the warm process is tied to this thread's life, signals are
    taken over, and the process's memory is hidden from others of the same user.
    """
    signals = Signals()
    signals.install()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s worker %(levelname)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = settings or load_settings()
        settings.home.mkdir(parents=True, exist_ok=True)
        process.become_subreaper()
        process.hide_memory()
        database = Database(settings.db_url)
        try:
            return _serve(settings, database, signals)
        finally:
            database.close()
    except (StartupError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, no traceback
        return 2


def _serve(settings: Settings, database: Database, signals: Signals) -> int:
    devices = discover(settings.devices, settings.slots)
    launcher = Launcher(settings.preload, settings.zygote_forks)
    try:
        launcher.tick()  # the warm process imports while the database is brought up to date
        worker_id = _register(settings, database, devices, signals)
        if worker_id is None:
            return 0
        names = ", ".join(f"{device.device} x{device.slots}" for device in devices) or "nothing"
        log.info("worker %s offers %s", worker_id, names)
        heart = Heart(database, worker_id, settings.heartbeat_seconds, signals.wake)
        heart.start()
        work = Work(settings, database, worker_id, devices, launcher, heart)
        try:
            _loop(work, signals)
            _drain(work, signals)
        finally:
            heart.stop()
            launcher.close()
            _say_gone(database, worker_id)
    finally:
        launcher.close()
    log.info("the worker has ended")
    return 0


def _register(settings: Settings, database: Database, devices: list[Device], signals: Signals) -> str | None:
    """Migrate and register, however long the database is away; None when told to stop meanwhile."""
    politeness = Politeness("registration")
    while not signals.stop:
        if politeness.due:
            worker_id: str | None = None
            with politeness.guard():
                try:
                    migrate(settings, database)
                except StartupError as error:
                    if database.is_sqlite or error.__cause__ is None:
                        raise
                    raise error.__cause__ from None  # PostgreSQL is not up yet
                worker_id = register(settings, database, devices)
            if worker_id is not None and not politeness.failing:
                return worker_id
        time.sleep(0.05)
    return None


def _loop(work: Work, signals: Signals) -> None:
    reap_at = 0.0
    while not signals.stop:
        while work.work_once() and not signals.stop:
            pass
        if not work.heart.is_alive():
            raise StartupError("the heartbeat has died; a worker without it would lose its runs")
        if time.monotonic() >= reap_at:
            _reap_orphans(work.launcher)
            reap_at = time.monotonic() + _REAP_SECONDS
        work.launcher.wait(work.settings.poll_seconds, [signals.fd])
        signals.drain()


def _drain(work: Work, signals: Signals) -> None:
    """Let every run save, give it back, and end within the grace whatever the database does."""
    work.draining = True
    grace = work.settings.drain_grace_seconds
    with Politeness("draining").guard(), work.database.write() as session:
        set_worker_state(session, work.worker_id, "draining", utcnow())
    log.info("stopping: %s run(s) have %g s to save", len(work.attempts), grace)
    deadline = time.monotonic() + grace + KILL_SECONDS + _DELIVER_SECONDS
    killed = False
    work.stop_all(grace)
    while not work.idle and time.monotonic() < deadline:
        work.work_once()
        if signals.kill and not killed:
            killed = True
            work.stop_all(0)
            deadline = time.monotonic() + KILL_SECONDS + _DELIVER_SECONDS
        if not work.attempts:  # only the database is missing: it gets a little time, then the leases expire
            deadline = min(deadline, time.monotonic() + _DELIVER_SECONDS)
        work.launcher.wait(0.1, [signals.fd])
        signals.drain()


def _say_gone(database: Database, worker_id: str) -> None:
    with Politeness("the end").guard(), database.write() as session:
        set_worker_state(session, worker_id, "gone", utcnow())


def _reap_orphans(launcher: Launcher) -> None:
    """Collect what was re-parented to us and has ended, and kill what carries no run's marker.

    Init processes whose warm process was replaced are rightly here. When such a one is killed, what its run had
    started comes to us as well; what has lost its marker is found by nobody else.
    """
    warm = launcher.warm.pids()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if child.pid in warm:
                continue
            if child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)
            elif process.RUN_DIR not in child.environ():
                log.warning("killing %s (pid %s): it was left by a run", child.name(), child.pid)
                child.kill()


if __name__ == "__main__":
    sys.exit(main())
