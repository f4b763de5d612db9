"""`danlu up`: the server and a worker as two children that are started again when they die, and end with it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import typer

from danlu.commands import output
from danlu.commands.output import Exit
from danlu.commands.parent import adopt_orphans
from danlu.commands.serve import (
    AuthOption,
    HomeOption,
    HostOption,
    PortOption,
    SlotsOption,
    announce,
    listen,
    settings_from,
)

if TYPE_CHECKING:
    import socket

    from app.config import Settings

BACKOFF = (1, 2, 4, 8, 15, 30)
"""Seconds before a child that died is started again, by the number of deaths in a row."""
STEADY_SECONDS = 60
"""A child that lived so long has recovered: the count of its deaths begins anew."""
SERVER_DEATHS = 6
"""A server that dies so often in a row does not come back by trying."""
STOP_MARGIN = 15
"""Seconds beyond the worker's own grace before what still runs is killed."""


@dataclass
class Child:
    """One of the two processes and what is known of it."""

    name: str
    command: list[str]
    fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float | None = 0.0
    """When to start it (monotonic); None while it runs or must not be started."""
    extra: list[str] = field(default_factory=list)

    def start(self, *, extra: list[str] | None = None, fds: tuple[int, ...] = ()) -> None:
        """Start it in a session of its own: Ctrl-C reaches `up` alone, which ends its children in order."""
        command = [sys.executable, "-m", "danlu", *self.command, "--parent", str(os.getpid()), *(extra or [])]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=(*self.fds, *fds), start_new_session=True
        )
        self.started, self.due = time.monotonic(), None

    def ended(self) -> int | None:
        """Its return code once, when it has died; the next start is due after the back-off."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        self.deaths = 1 if time.monotonic() - self.started > STEADY_SECONDS else self.deaths + 1
        self.due = time.monotonic() + BACKOFF[min(self.deaths, len(BACKOFF)) - 1]
        return code


def up(
    home: Path = HomeOption,
    host: str = HostOption,
    port: int = PortOption,
    auth: str = AuthOption,
    slots: int = SlotsOption,
    demo: bool = typer.Option(
        True, "--demo/--no-demo", help="Train `rings` in experiment demo on the first start."
    ),
) -> None:
    """Start Danlu: the dashboard and a worker. Ctrl-C stops both and leaves nothing behind.

    On the first start it prints a one-time link that makes the administrator, and a demo run trains.
    """
    settings = settings_from(home=home, host=host, port=port, auth=auth, slots=slots)
    os.environ["DANLU_HOME"] = str(settings.home)
    listener = listen(settings.host, settings.port)
    settings = settings_from(port=listener.getsockname()[1])
    adopt_orphans()
    raise typer.Exit(Up(settings, listener, demo=demo).run())


class Up:
    """The loop of `danlu up`: waits for signals (a child's death is one) and for what is due."""

    def __init__(self, settings: Settings, listener: socket.socket, *, demo: bool) -> None:
        listener.set_inheritable(True)
        fd = listener.fileno()
        self.settings = settings
        self.listener = listener
        self.server = Child("server", ["server", "--fd", str(fd)], (fd,))
        self.worker = Child("worker", ["worker"])
        self.demo = Child("demo", ["_demo"] if demo else ["_demo", "--skip"], due=None)
        self.stopping = False
        self.announced = False
        self._ready: int | None = None
        self._wake, self._signals = os.pipe()

    def run(self) -> int:
        """Run until a signal or a failure that only a person can mend; the exit code."""
        for end in (self._wake, self._signals):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._signals, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            code = self._watch()
        finally:
            self._stop()
        return code

    def _on_stop(self, *_: object) -> None:
        self.stopping = True

    def _watch(self) -> int:
        self._start_server()
        while not self.stopping:
            self._sleep()
            self._read_ready()
            code = self._after_server_death()
            if code is not None:
                return code
            self._after_worker_death()
            self._start_what_is_due()
            self._reap()
        return int(Exit.OK)

    def _sleep(self, limit: float = 3600) -> None:
        """Until a signal, a word from the server, or the next start that is due."""
        now = time.monotonic()
        due = [
            child.due - now
            for child in (self.server, self.worker)
            if child.due is not None and self.announced
        ]
        wait = max(0.0, min([limit, *due]))
        readable, _, _ = select.select(
            [end for end in (self._wake, self._ready) if end is not None], [], [], wait
        )
        if self._wake in readable:
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)

    def _start_server(self) -> None:
        self._ready, write = os.pipe()
        try:
            self.server.start(extra=["--ready-fd", str(write)], fds=(write,))
        finally:
            os.close(write)

    def _read_ready(self) -> None:
        """Take the server's word that it answers; the first time, say so and start the worker and the demo."""
        if self._ready is None or not select.select([self._ready], [], [], 0)[0]:
            return
        with os.fdopen(self._ready, encoding="utf-8") as pipe:
            said = pipe.read()
        self._ready = None
        if not said or self.announced:
            return
        self.announced = True
        self.worker.start()
        self.demo.start()
        announce(json.loads(said)["link"], self.settings)
        print("      Ctrl-C stops it.", flush=True)

    def _after_server_death(self) -> int | None:
        """The exit code when there is no use in another start."""
        code = self.server.ended()
        if code is None or self.stopping:
            return None
        self._read_ready()
        if not self.announced:  # it has said why itself
            return code if code > 0 else int(Exit.FAILED)
        if self.server.deaths >= SERVER_DEATHS:
            output.note(
                f"danlu: the server ended {self.server.deaths} times in a row ({_ending(code)}); giving up."
            )
            return int(Exit.FAILED)
        self._note_restart(self.server, code)
        return None

    def _after_worker_death(self) -> None:
        code = self.worker.ended()
        if code is None or self.stopping:
            return
        # Whatever it was the parent of came to us, and nobody watches it any more.
        _kill(self._orphans_and_below())
        self._note_restart(self.worker, code)

    def _note_restart(self, child: Child, code: int) -> None:
        delay = (child.due or 0) - time.monotonic()
        output.note(f"danlu: the {child.name} ended ({_ending(code)}); starting it again in {delay:.0f} s.")

    def _start_what_is_due(self) -> None:
        if not self.announced or self.stopping:
            return
        now = time.monotonic()
        if self.server.due is not None and now >= self.server.due:
            self._start_server()
        if self.worker.due is not None and now >= self.worker.due:
            self.worker.start()

    def _orphans_and_below(self) -> list[psutil.Process]:
        found = self._orphans()
        for process in list(found):
            with suppress(psutil.NoSuchProcess):
                found += process.children(recursive=True)
        return found

    def _orphans(self) -> list[psutil.Process]:
        """Children that we did not start: their parent died and we are next in line."""
        ours = {child.process.pid for child in (self.server, self.worker, self.demo) if child.process}
        return [process for process in psutil.Process().children() if process.pid not in ours]

    def _reap(self) -> None:
        """Collect orphans that have ended, so that none stays as a zombie; our own children are Popen's."""
        for process in self._orphans():
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        if self.demo.process is not None and self.demo.process.poll() is not None:
            self.demo.process = None

    def _stop(self) -> None:
        """SIGTERM to both, wait for the runs to save, then SIGKILL to what is left; a second signal does not wait."""
        living = [child for child in (self.demo, self.worker, self.server) if child.process is not None]
        self.stopping = False
        for child in living:
            if child.process is not None:
                child.process.terminate()
        end = time.monotonic() + self.settings.drain_grace_seconds + STOP_MARGIN
        said = False
        while any(child.process is not None and child.process.poll() is None for child in living):
            if self.stopping or time.monotonic() > end:
                break
            if not said and time.monotonic() > end - self.settings.drain_grace_seconds - STOP_MARGIN + 2:
                output.note("danlu: stopping; a run in progress saves its checkpoint. Ctrl-C again kills it.")
                said = True
            self._sleep(1.0 if not said else 5.0)
            self._reap()
        _kill(psutil.Process().children(recursive=True))
        # Orphans of what was just killed have come to us meanwhile.
        _kill(psutil.Process().children(recursive=True))
        self.listener.close()


def _kill(processes: list[psutil.Process]) -> None:
    """SIGKILL, and wait until they are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def _ending(code: int) -> str:
    """A return code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
