"""The supervisor's side of the zygote: keeps one warm process ready, replaces it, and sends it what to fork."""

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.environment import allowed_environment
from worker.process import MARK_NAME, MARK_ROOM

log = logging.getLogger(__name__)

_BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_LOOK_SECONDS = 2.0
_ROOT = Path(__file__).parent.parent


@dataclass
class Zygote:
    """One warm process, from its start to its end."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    ready: bool = False
    torch: str | None = None
    error: str | None = None
    forks: int = 0
    packages: tuple[int, ...] = ()
    """State of the installed packages when it was started."""
    inbox: bytes = field(default=b"", repr=False)

    def read(self) -> bool:
        """Take in what it says; False when it is gone."""
        try:
            data = self.socket.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionError:
            data = b""
        if not data:
            return False
        *lines, self.inbox = (self.inbox + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["event"] == "ready":
                self.ready, self.torch = True, message["torch"]
            else:
                self.error = message["detail"]
        return True

    def close(self) -> None:
        """Let it end: it forks no more; what it has forked lives on."""
        self.socket.close()


def spawn(preload: str) -> Zygote:
    """Start a warm process. Call it from a thread that lives as long as the worker: the kernel ties them together.

    Raises:
        OSError: no descriptors or processes are left.
    """
    ours, theirs = socket.socketpair()
    try:
        environment = {
            **allowed_environment(),
            MARK_NAME: "#" * MARK_ROOM,
            "DANLU_PRELOAD": preload,
            "PYTHONHASHSEED": "0",  # the order of a set of strings is part of a reproducible run
        }
        child = subprocess.Popen(
            [sys.executable, "-m", "worker.zygote", str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            env=environment,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is the supervisor's to handle
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Zygote(child, ours, packages=packages_state())


def packages_state() -> tuple[int, ...]:
    """Changes when a package is installed, upgraded or removed: the times at which the packages' folders changed."""
    found = []
    for folder in sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
        with contextlib.suppress(OSError):
            found.append(Path(folder).stat().st_mtime_ns)
    return tuple(found)


class WarmPool:
    """One zygote in use and, when its time has come, its successor: the old one serves until the new one is ready.

    That is after `max_forks`, and when packages were installed or removed: what is loaded is not what lies there any more.
    """

    def __init__(self, preload: str, max_forks: int) -> None:
        self._preload, self._max_forks = preload, max_forks
        self.current: Zygote | None = None
        self.coming: Zygote | None = None
        self._leaving: list[Zygote] = []
        self._failures = 0
        self._retry_at = 0.0
        self._look_at = 0.0
        self.error: str | None = None
        """Why the last zygote ended; None once one is ready."""

    @property
    def ready(self) -> bool:
        """Whether a run started now would start warm."""
        return self.current is not None and self.current.ready

    def sockets(self) -> list[socket.socket]:
        """What to watch: something readable there calls for `tick`."""
        return [zygote.socket for zygote in (self.current, self.coming) if zygote is not None]

    def pids(self) -> set[int]:
        """Every warm process that has not been reaped."""
        return {
            zygote.process.pid for zygote in (self.current, self.coming, *self._leaving) if zygote is not None
        }

    def tick(self) -> None:
        """Hear what the processes say, start what is missing, and bury what ended."""
        for name in ("current", "coming"):
            zygote: Zygote | None = getattr(self, name)
            if zygote is not None and not zygote.read():
                self._ended(zygote)
                setattr(self, name, None)
        if self.coming is not None and (self.coming.ready or self.current is None):
            if self.current is not None:
                self._retire(self.current)
            self.current, self.coming = self.coming, None
        if self.ready:
            self._failures, self.error = 0, None
        if time.monotonic() >= self._retry_at:
            self._start_missing()
        self._leaving = [zygote for zygote in self._leaving if zygote.process.poll() is None]

    def send(self, request: dict[str, Any], channel: socket.socket) -> None:
        """Have it fork; `channel` is the child's end and is closed here.

        Raises:
            OSError: the warm process is gone.
        """
        with channel:
            if self.current is None:
                raise BrokenPipeError("no warm process is up")
            self.current.forks += 1
            socket.send_fds(self.current.socket, [json.dumps(request).encode()], [channel.fileno()])

    def close(self) -> None:
        """End every warm process and wait for it."""
        for zygote in (self.current, self.coming):
            if zygote is not None:
                self._retire(zygote)
        self.current = self.coming = None
        for zygote in self._leaving:
            with contextlib.suppress(subprocess.TimeoutExpired):
                zygote.process.wait(0.5)
            if zygote.process.poll() is None:  # still importing: it does not listen yet
                zygote.process.kill()
                zygote.process.wait()

    def _start_missing(self) -> None:
        try:
            if self.current is None:
                self.current = spawn(self._preload)
            elif self.coming is None and (self.current.forks >= self._max_forks or self._outdated()):
                self.coming = spawn(self._preload)
        except OSError as error:
            self._back_off(f"it cannot be started: {error}")

    def _outdated(self) -> bool:
        """Whether packages have changed since the current one was started; looked at now and then."""
        if self.current is None or time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_SECONDS
        return self.current.ready and packages_state() != self.current.packages

    def _ended(self, zygote: Zygote) -> None:
        self._retire(zygote)
        self._back_off(zygote.error or "it ended unexpectedly")

    def _retire(self, zygote: Zygote) -> None:
        zygote.close()
        self._leaving.append(zygote)

    def _back_off(self, error: str) -> None:
        pause = _BACKOFF[min(self._failures, len(_BACKOFF) - 1)]
        self._failures += 1
        self._retry_at = time.monotonic() + pause
        self.error = error
        log.error("the warm process is gone: %s; starting another in %g s", error, pause)
