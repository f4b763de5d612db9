"""One child process: spawn, poll, health, stop ladder, leftovers. Typed outcomes, no database, no HTTP app.

Both children hold the read end of a pipe whose write end only we have, so they end when we do, however we end.
TensorBoard's are started through `launcher.py`, which also asks the kernel to kill them with us; that request is
bound to the *thread* that started the child, so `spawn` belongs on one thread that lives as long as the service.
"""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from app.tensorboard.stderrlog import StderrLog

log = logging.getLogger(__name__)

KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
START_TIME_TOLERANCE = 5.0  # seconds; a clock that was set moves every start time that is computed from it


@dataclass(frozen=True)
class Command:
    """What to start.

    Attributes:
        name: "data" or "tensorboard"; names the pid file and the log.
        argv: the whole command line.
        folder: private folder: TMPDIR, log, pid file, port file; made when missing.
        port_file: where the child writes its port; None when it announces it on stderr.
        many_files: raise the limit of open files as far as allowed.
    """

    name: str
    argv: Sequence[str]
    folder: Path
    port_file: Path | None = None
    many_files: bool = False

    @property
    def pid_file(self) -> Path:
        """Where pid, start time and command line are written for `sweep`."""
        return self.folder / f"{self.name}.pid"


@dataclass(frozen=True)
class Launched:
    """The child runs; whether it is of use is another question (`Child.port`, `health`)."""

    child: "Child"


@dataclass(frozen=True)
class ExecFailed:
    """The operating system refused to start it: the file is missing, no memory, no processes left."""

    reason: str


@dataclass(frozen=True)
class Stopped:
    """The child and its group are gone.

    Attributes:
        how: "gone" (it had ended by itself), "terminated" (SIGTERM) or "killed" (SIGKILL).
        code: exit code; negative is a signal.
    """

    how: Literal["gone", "terminated", "killed"]
    code: int


@dataclass(frozen=True)
class NeverDied:
    """Not even SIGKILL ended it within the time: it hangs in the kernel."""

    pid: int


@dataclass
class Child:
    """A running (or just ended) child. Any thread may use it."""

    command: Command
    popen: "subprocess.Popen[bytes]"
    stderr: StderrLog
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self.popen.pid

    def port(self) -> int | None:
        """The port that it listens on; None as long as it has not said."""
        if self.command.port_file is None:
            return self.stderr.port
        try:
            text = self.command.port_file.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        # The newline comes last: without it the number may be half written.
        return int(text) if text.endswith("\n") else None

    def poll(self) -> int | None:
        """Exit code, or None while it runs. When it has ended, what it left in its group is killed first."""
        with self._lock:
            if self.popen.returncode is not None:
                return self.popen.returncode
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            # Not reaped yet, so the number of the group cannot belong to anybody else.
            _signal_group(self.pid, signal.SIGKILL)
            code = self.popen.wait()
            if self.popen.stdin:
                self.popen.stdin.close()
        self.command.pid_file.unlink(missing_ok=True)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child's group, unless it has ended."""
        with self._lock:
            if self.popen.returncode is None:
                _signal_group(self.pid, number)

    def last_words(self, lines: int = 6) -> str:
        """The last lines of its stderr, with no more than these."""
        if self.popen.returncode is not None:
            self.stderr.join(1.0)
        return "\n".join(self.stderr.tail()[-lines:])


def spawn(command: Command) -> Launched | ExecFailed:
    """Start a child in a session of its own, with a scrubbed environment and its stderr drained."""
    temporary = command.folder / "tmp"
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        command.folder.chmod(0o700)
        if command.port_file:
            command.port_file.unlink(missing_ok=True)
        popen = subprocess.Popen(
            list(command.argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=temporary,
            env=_environment(temporary),
            start_new_session=True,
        )
    except OSError as error:
        return ExecFailed(f"{command.name} cannot be started: {error.strerror or error}")
    assert popen.stderr is not None  # noqa: S101 - asked for above
    child = Child(command, popen, StderrLog(popen.stderr, command.folder / f"{command.name}.log"))
    _tune(child)
    _write_pid_file(child)
    return Launched(child)


def _environment(temporary: Path) -> dict[str, str]:
    """Nothing of ours: no database URL, no token, no proxy settings that would catch requests to loopback."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"HOME": str(temporary), "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}


def _tune(child: Child) -> None:
    """More open files, and first in line when memory runs out; what the system refuses is not needed to work."""
    try:
        if child.command.many_files and sys.platform == "linux":
            # The data server keeps one descriptor per event file and exits when they run out.
            hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (hard, hard))
        Path(f"/proc/{child.pid}/oom_score_adj").write_text("500", encoding="ascii")
    except (OSError, ValueError) as error:
        log.debug("%s %d runs with the limits that it inherited: %s", child.command.name, child.pid, error)


def _write_pid_file(child: Child) -> None:
    try:
        process = psutil.Process(child.pid)
        known = {"pid": child.pid, "started": process.create_time(), "argv": process.cmdline()}
    except psutil.NoSuchProcess:
        return
    partial = child.command.pid_file.with_suffix(".pid.part")
    partial.write_text(json.dumps(known), encoding="utf-8")
    partial.replace(child.command.pid_file)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass  # ended in this very moment
    except PermissionError:
        # macOS says so for a group of zombies only.
        log.debug("group %d could not be signalled", group)


def stop(child: Child, grace: float = 3.0) -> Stopped | NeverDied:
    """SIGTERM to the group, wait up to `grace` seconds, SIGKILL, wait; returns when it is gone."""
    code = child.poll()
    if code is not None:
        return Stopped("gone", code)
    # A stopped process would take SIGTERM only after SIGCONT.
    child.signal(signal.SIGTERM)
    child.signal(signal.SIGCONT)
    code = _wait(child, grace)
    if code is not None:
        return Stopped("terminated", code)
    log.warning("%s %d ignored SIGTERM for %.1f s and is killed", child.command.name, child.pid, grace)
    child.signal(signal.SIGKILL)
    code = _wait(child, 10.0)
    if code is not None:
        return Stopped("killed", code)
    log.error("%s %d never died", child.command.name, child.pid)
    return NeverDied(child.pid)


def _wait(child: Child, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        code = child.poll()
        if code is not None or time.monotonic() > deadline:
            return code
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def sweep(root: Path) -> list[int]:
    """Kill what an earlier server left behind below `root`; gives the pids.

    A pid alone proves nothing, it may be somebody else's by now: start time and command line must agree too.
    """
    killed: list[psutil.Process] = []
    for pid_file in sorted(root.glob("*/*.pid")):
        try:
            known = json.loads(pid_file.read_text(encoding="utf-8"))
            process = psutil.Process(int(known["pid"]))
            same = abs(process.create_time() - known["started"]) < START_TIME_TOLERANCE
            if same and process.cmdline() == known["argv"]:
                _signal_group(process.pid, signal.SIGKILL)
                killed.append(process)
                log.warning(
                    "killed %s, left over from an earlier server (pid %d)", pid_file.stem, process.pid
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass  # gone, or not ours
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read and is removed: %s", pid_file, error)
        pid_file.unlink(missing_ok=True)
    psutil.wait_procs(killed, timeout=5.0)
    return [process.pid for process in killed]
