"""The seam between the queue and what executes: submit → handle · poll → queued, running, exited or lost · cancel · logs.

This launcher runs attempts on this machine, forked from a warm process. Another one (a cluster) can stand in its place:
the database decides outcomes, a launcher only says whether something lives and how it ended.
"""

import contextlib
import json
import os
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.runs.logfile import LogChunk, read_log
from worker import process
from worker.runinit import KILL_SECONDS
from worker.spec import LaunchSpec
from worker.warm import WarmPool

_SPARE_DESCRIPTORS = 8
_LATE_SECONDS = 2.0


@dataclass(frozen=True)
class Queued:
    """Handed over, not running yet."""

    reason: str


@dataclass(frozen=True)
class Running:
    """The run process lives."""

    pid: int
    started: float | None
    """Its start time, seconds since the epoch."""


@dataclass(frozen=True)
class Exited:
    """The run process has ended, and nothing of the run is left (except `left`)."""

    status: int
    """Exit code, or the negative number of the signal that ended it."""
    fenced: bool = False
    """It was ended because its lease was not renewed."""
    out_of_memory: bool = False
    """The kernel killed something for want of memory at that moment."""
    left: tuple[int, ...] = ()
    """Pids that would not die."""
    log_trouble: str | None = None


@dataclass(frozen=True)
class Lost:
    """Nobody can say how it ended; whatever is left of it has been killed."""

    started: bool
    """Whether the run process had been running; else the launch itself failed."""
    detail: str
    number: int | None = None
    """An errno, where the operating system refused."""


State = Queued | Running | Exited | Lost


@dataclass
class Handle:
    """One attempt in the launcher's hands."""

    spec: LaunchSpec
    channel: socket.socket
    state: State = Queued("waits for the warm process")
    kill_by: float | None = None
    """Monotonic time at which it is killed from here: its init should have done it long before."""
    inbox: bytes = field(default=b"", repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(self, **command: Any) -> None:
        """Tell the run's init; from any thread. Nothing happens when it is gone: `poll` will say so."""
        with self.lock, contextlib.suppress(OSError):
            self.channel.send(json.dumps(command).encode() + b"\n")


@dataclass
class Described:
    """What the warm process said about the recipes; None while it has not."""

    channel: socket.socket
    data: bytes = b""
    done: bool = False

    def result(self) -> dict[str, Any] | None:
        """`{"recipes": […], "errors": {…}}`; empty when the child died over it."""
        if not self.done:
            return None
        return json.loads(self.data) if self.data else {}


class Launcher:
    """Attempts on this machine. Used by one thread, except for `renew`."""

    def __init__(self, preload: str, max_forks: int) -> None:
        self.warm = WarmPool(preload, max_forks)
        self.handles: list[Handle] = []
        self._descriptions: list[Described] = []
        self._seat: tuple[socket.socket, socket.socket] | None = None

    def reserve(self) -> bool:
        """Make sure that the next `submit` finds its descriptors; False when none are left.

        Called before a run is claimed: a worker that ran out of descriptors must leave it to others.
        """
        spare: list[int] = []
        try:
            if self._seat is None:
                self._seat = socket.socketpair()
            # For the run's files while it starts. What was made before a failure is in the list, and closed.
            spare.extend(os.dup(self._seat[0].fileno()) for _ in range(_SPARE_DESCRIPTORS))
        except OSError:
            return False
        finally:
            for fd in spare:
                os.close(fd)
        return True

    def submit(self, spec: LaunchSpec) -> Handle:
        """Start an attempt (its number is in the spec). Its state is found by `poll`.

        Raises:
            OSError: the run's folder cannot be written, or the warm process is gone; nothing was started.
        """
        spec.save()
        if not self.reserve() or self._seat is None:
            raise OSError("no descriptors are left")
        (ours, theirs), self._seat = self._seat, None
        ours.setblocking(False)
        try:
            self.warm.send({"op": "fork", "run_dir": str(spec.run_dir)}, theirs)
        except OSError:
            ours.close()
            raise
        handle = Handle(spec, ours)
        self.handles.append(handle)
        return handle

    def poll(self, handle: Handle) -> State:
        """What is known of the attempt; never waits."""
        if isinstance(handle.state, Queued | Running):
            self._hear(handle)
        return handle.state

    def cancel(self, handle: Handle, grace: float) -> None:
        """SIGTERM now, SIGKILL after `grace` seconds; a second call can only shorten it."""
        handle.send(op="stop", grace=grace)
        kill_by = time.monotonic() + grace + KILL_SECONDS + _LATE_SECONDS
        handle.kill_by = kill_by if handle.kill_by is None else min(handle.kill_by, kill_by)

    def renew(self, handle: Handle) -> None:
        """The attempt's lease was renewed: its fence begins anew."""
        handle.send(op="renew")

    def logs(self, handle: Handle, offset: int) -> LogChunk:
        """Its output from an offset on."""
        return read_log(handle.spec.run_dir, offset)

    def forget(self, handle: Handle) -> None:
        """Its outcome has been taken over."""
        handle.channel.close()
        self.handles.remove(handle)

    def describe(self, folder: Path) -> Described:
        """Have a fork of the warm process import the recipes and describe them.

        Raises:
            OSError: the warm process is gone.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self.warm.send({"op": "recipes", "folder": str(folder)}, theirs)
        except OSError:
            ours.close()
            raise
        description = Described(ours)
        self._descriptions.append(description)
        return description

    def wait(self, seconds: float, also: list[int]) -> None:
        """Sleep until something happens to an attempt, to the warm process or on one of these descriptors."""
        live = [handle.channel for handle in self.handles if isinstance(handle.state, Queued | Running)]
        sources = [*live, *(item.channel for item in self._descriptions), *self.warm.sockets()]
        poll = select.poll()
        for fd in (*(source.fileno() for source in sources), *also):
            poll.register(fd, select.POLLIN)
        poll.poll(max(seconds, 0) * 1000)
        self.tick()

    def tick(self) -> None:
        """Take in what has happened; never waits."""
        self.warm.tick()
        for handle in self.handles:
            if isinstance(self.poll(handle), Queued | Running):
                _kill_overdue(handle)
        for description in self._descriptions:
            _hear_description(description)
        self._descriptions = [item for item in self._descriptions if not item.done]

    def close(self) -> None:
        """End the warm process. Attempts that still live are killed by their own init: their sockets close here."""
        for handle in list(self.handles):
            self.forget(handle)
        if self._seat is not None:
            for end in self._seat:
                end.close()
            self._seat = None
        self.warm.close()

    def _hear(self, handle: Handle) -> None:
        while True:
            try:
                data = handle.channel.recv(4096)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._vanished(handle)
                return
            *lines, handle.inbox = (handle.inbox + data).split(b"\n")
            for line in lines:
                handle.state = _state_of(json.loads(line))
                if isinstance(handle.state, Exited | Lost):
                    return

    def _vanished(self, handle: Handle) -> None:
        """Its init was killed: the kernel has killed the run process with it, the rest carries our marker."""
        started = isinstance(handle.state, Running)
        if started:
            process.sweep([handle.spec.run_dir])
        detail = "its init process was killed" if started else "the warm process ended before it could start"
        handle.state = Lost(started, detail)


def _kill_overdue(handle: Handle) -> None:
    """End an attempt whose init does not do it: the run may have stopped it with SIGSTOP. Its channel then says so."""
    if handle.kill_by is not None and time.monotonic() >= handle.kill_by:
        handle.kill_by = None
        process.sweep([handle.spec.run_dir])


def _state_of(message: dict[str, Any]) -> State:
    match message["event"]:
        case "started":
            return Running(message["pid"], message["started"])
        case "exit":
            return Exited(
                message["status"],
                message["fenced"],
                message["out_of_memory"],
                tuple(message["left"]),
                message["log_trouble"],
            )
        case _:
            return Lost(started=False, detail=message["detail"], number=message["number"])


def _hear_description(description: Described) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            try:
                data = description.channel.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                break
            description.data += data
        description.channel.close()
        description.done = True
