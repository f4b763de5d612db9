"""The run's init process: parent and undertaker of one attempt, forked by the zygote, with no torch work of its own.

It pumps the output into the capped log, passes on what the supervisor asks for over a socket, and when the run process
has ended it kills everything that is left of the run, daemons included, before it reports the exit status. When the
socket reaches its end, the supervisor is gone: then it kills everything at once. It does not depend on the zygote.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any, NoReturn

from app.runs.logfile import LogWriter
from worker import process
from worker.farm import Farm, lay_out
from worker.fence import Fence, Renewals, steady
from worker.spec import LaunchSpec

KILL_SECONDS = 10.0
_TICK_MS = 1000
_PIPE_BYTES = 1 << 20
_VMSTAT = Path("/proc/vmstat")


def serve(channel: socket.socket, spec: LaunchSpec, mark_address: int | None) -> NoReturn:
    """Become the init of this attempt; never returns.

    Args:
        spec: what to run.
        channel: to the supervisor. In: `{"op": "renew"}`, `{"op": "stop", "grace": 30}`. Out: `{"event": "started",
            "pid", "started"}` and `{"event": "exit", "status", "fenced", "out_of_memory", "left", "log_trouble"}`, or
            `{"event": "failed", "detail", "number"}` (an errno) when there is nothing to report on.
        mark_address: from `process.mark_address`.
    """
    os.setsid()
    process.become_subreaper()
    process.set_name(f"danlu-init-{spec.run_id}")
    process.mark(mark_address, spec.markers())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wake_read = _wake_on_child()
    try:
        log = LogWriter(spec.run_dir, spec.log_limit)
    except OSError as error:
        _tell(channel, "failed", detail=f"the log cannot be opened: {error}", number=error.errno)
        os._exit(1)
    if spec.attempt > 1:
        log.write(f"--- attempt {spec.attempt} ---\n".encode())
    try:
        farm = lay_out(spec)
    except OSError as error:
        log.close()
        _tell(channel, "failed", detail=f"the code cannot be laid out: {error}", number=error.errno)
        os._exit(1)
    read_end, write_end = os.pipe()
    with contextlib.suppress(OSError, AttributeError):  # only makes pumping cheaper
        fcntl.fcntl(read_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for fd in (read_end, wake_read, channel.fileno(), log.fileno()):
            os.close(fd)
        _become_run(spec, write_end, parent)
    os.close(write_end)
    os.nice(5)  # a flood of output must not take time from what is trained
    _Keeper(channel, spec, pid, read_end, wake_read, log, farm).keep()
    os._exit(0)


def _wake_on_child() -> int:
    """A descriptor that becomes readable when a child ends."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return read_end


class _Keeper:
    """One attempt, from the fork to the report."""

    def __init__(
        self,
        channel: socket.socket,
        spec: LaunchSpec,
        pid: int,
        output: int,
        wake: int,
        log: LogWriter,
        farm: Farm,
    ) -> None:
        self.farm = farm
        self.channel, self.pid, self.output, self.wake, self.log = channel, pid, output, wake, log
        self.shell = spec.environment_name == "shell"
        self.renewals = Renewals(spec.fence_after, spec.fence_kill_after, steady())
        self.status: int | None = None
        self.kill_at: float | None = None
        self.fenced = False
        self.oom_latest = self.oom_before = _oom_kills()
        self.next_sample = 0.0
        self.inbox = b""
        self.poll = select.poll()
        os.set_blocking(output, False)
        channel.setblocking(False)
        for fd in (output, wake, channel.fileno()):
            self.poll.register(fd, select.POLLIN)

    def keep(self) -> None:
        _tell(self.channel, "started", pid=self.pid, started=process.started_at(self.pid))
        while self.status is None:
            self._turn()
        if self.shell and self.kill_at is not None:
            self._see_off()
        left = process.kill_descendants(KILL_SECONDS)
        while self._pump():
            pass
        self.log.close()
        self.farm.clear()
        _tell(
            self.channel,
            "exit",
            status=os.waitstatus_to_exitcode(self.status),
            fenced=self.fenced,
            out_of_memory=_oom_kills() > self.oom_before,
            left=left,
            log_trouble=self.log.trouble,
        )

    def _turn(self) -> None:
        """Wait for something to happen, and see to it."""
        ready = {fd for fd, _ in self.poll.poll(self._pause_ms())}
        if self.wake in ready:
            self._drain_wake()
        if self.channel.fileno() in ready:
            self._commands()
        if self.output in ready:
            self._pump()
        self._reap()
        self._deadlines()

    def _see_off(self) -> None:
        """A shell that is told to stop ends at once, and leaves its commands: they hear of it now, and have the grace."""
        process.tell_children(signal.SIGTERM)
        while self.kill_at is not None and time.monotonic() < self.kill_at and process.has_children():
            self._turn()

    def _pause_ms(self) -> int:
        if self.kill_at is None:
            return _TICK_MS
        return max(0, min(_TICK_MS, int((self.kill_at - time.monotonic()) * 1000) + 1))

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)

    def _pump(self) -> bool:
        """Move one piece of output to the log; whether there was one."""
        try:
            data = os.read(self.output, self.log.chunk)
        except BlockingIOError:
            return False
        if not data:  # everybody has closed it; the run may well go on without
            with contextlib.suppress(KeyError):
                self.poll.unregister(self.output)
            return False
        self.log.write(data)
        return True

    def _commands(self) -> None:
        try:
            data = self.channel.recv(4096)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._abandoned()
        *lines, self.inbox = (self.inbox + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["op"] == "renew":
                self.renewals.last = steady()
            elif command["op"] == "stop":
                self._stop(float(command["grace"]))

    def _abandoned(self) -> NoReturn:
        """The supervisor is gone: nothing of this run may outlive it."""
        process.kill_descendants(KILL_SECONDS)
        while self._pump():
            pass
        self.log.close()
        self.farm.clear()
        os._exit(1)

    def _stop(self, grace: float) -> None:
        """SIGTERM now, SIGKILL after the grace; asking again can only make it sooner."""
        kill_at = time.monotonic() + grace
        if self.kill_at is None:
            # To the run process alone: DataLoader workers in its group would die of it, and so end a training loop
            # that was about to save its checkpoint. What is left of the group is killed when it has ended.
            self._signal(signal.SIGTERM)
            self.kill_at = kill_at
        self.kill_at = min(self.kill_at, kill_at)

    def _signal(self, number: int) -> None:
        if self.status is None:  # not reaped, so the pid is still its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _reap(self) -> None:
        for pid, status in process.reap():
            if pid == self.pid:
                self.status = status

    def _deadlines(self) -> None:
        if self.status is not None:
            return
        now = time.monotonic()
        if now >= self.next_sample:
            self.oom_before, self.oom_latest = self.oom_latest, _oom_kills()
            self.next_sample = now + 1
        verdict = self.renewals.verdict(steady())
        if verdict is not Fence.HOLD and not self.fenced:
            self.fenced = True
            self._stop(self.renewals.kill_after - self.renewals.stop_after)
        if verdict is Fence.KILL or (self.kill_at is not None and now >= self.kill_at):
            self._signal(signal.SIGKILL)


def _tell(channel: socket.socket, event: str, **values: Any) -> None:
    channel.setblocking(True)
    with contextlib.suppress(ConnectionError):  # the supervisor died just now
        channel.sendall(json.dumps({"event": event, **values}).encode() + b"\n")
    channel.setblocking(False)


def _oom_kills() -> int:
    """How many processes this kernel has killed for want of memory, ever; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in _VMSTAT.read_bytes().splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    return 0


def _become_run(spec: LaunchSpec, output: int, parent: int) -> NoReturn:
    """Turn this fork into the run process, and run it to its end."""
    code = 1
    try:
        os.setpgid(0, 0)
        process.die_with_parent(parent=parent)
        process.set_name(f"danlu-run-{spec.run_id}")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.close(null)
        os.close(output)
        with contextlib.suppress(OSError):  # the kernel should rather kill a run than the worker or the app
            Path("/proc/self/oom_score_adj").write_text("800")
        os.chdir(spec.run_dir)
        os.environ.update(spec.environment())
        from worker import run

        code = run.main(spec)
    except BaseException as error:  # noqa: BLE001 - nothing may climb back into the zygote's code
        text = f"danlu: the run process could not start: {type(error).__name__}: {error}\n"
        os.write(2, text.encode(errors="replace"))
    finally:
        os._exit(code)
