"""What the worker asks of the operating system about processes: death signals, subreapers, markers, leftovers.

Linux gives all of it. Elsewhere (macOS) the prctl calls do nothing, and pipes that reach their end do their work.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

LINUX = sys.platform == "linux"
# Room in the zygote's initial environment, which a run overwrites with its own markers (see `mark`).
MARK_NAME = "DANLU_MARK"
MARK_ROOM = 6000
RUN_DIR = "DANLU_RUN_DIR"

_PDEATHSIG, _DUMPABLE, _NAME, _SUBREAPER = 1, 4, 15, 36


def _prctl(option: int, value: int | bytes) -> None:
    if not LINUX:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl({option})")


def die_with_parent(number: int = signal.SIGKILL, *, parent: int) -> None:
    """Have the kernel send this signal when the parent's thread that made us ends.

    Args:
        number: the signal.
        parent: the parent's pid; when it is already gone, the signal is sent at once.
    """
    _prctl(_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def become_subreaper() -> None:
    """Orphans among our descendants become our children, however often they forked away."""
    _prctl(_SUBREAPER, 1)


def hide_memory() -> None:
    """Keep processes of the same user from reading our environment and memory (the database's URL is in there)."""
    _prctl(_DUMPABLE, 0)


def set_name(name: str) -> None:
    """The name that ps and top show (15 characters)."""
    _prctl(_NAME, name.encode()[:15])


def mark_address() -> int | None:
    """Where `MARK_NAME` lies in this process's initial environment; None where there is none. Call it once, early."""
    if not LINUX:
        return None
    place = Path("/proc/self/environ").read_bytes().find(MARK_NAME.encode() + b"=")
    if place < 0:
        return None
    # Field 50 of stat is env_start; the fields after the name's bracket begin with the third.
    stat = Path("/proc/self/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[47]) + place


def mark(address: int | None, values: dict[str, str]) -> None:
    """Show these variables in /proc/self/environ, in the room that `MARK_NAME` left there.

    A forked process keeps its parent's initial environment there whatever os.environ says. With the markers in it, a
    run and everything it forks can be found by anybody who has lost their pids.
    """
    if address is None:
        return
    room = len(MARK_NAME) + 1 + MARK_ROOM
    text = b"\0".join(f"{name}={value}".encode() for name, value in values.items())
    if len(text) >= room:
        raise ValueError("the run's folder has too long a name")
    ctypes.memmove(address, text.ljust(room, b"\0"), room)


def started_at(pid: int) -> float | None:
    """When the process with this pid started (seconds since the epoch), or None where there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(pid: int, started: float) -> bool:
    """Whether that very process lives: the same pid with another start time is somebody else; a zombie is dead."""
    try:
        process = psutil.Process(pid)
        # Within a second: the clock that turns ticks since boot into a time may be stepped in between.
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def machine() -> str:
    """Boot id and pid namespace: a pid means the same process only where both are equal."""
    if not LINUX:
        return f"{os.uname().nodename}:{int(psutil.boot_time())}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"


def reap() -> list[tuple[int, int]]:
    """Collect every child that has ended: pid and wait status."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append((pid, status))
    return ended


def has_children() -> bool:
    """Whether a child is alive; those that have ended are collected."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def tell_children(number: int) -> None:
    """Send a signal to every child, and to nothing below them."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(number)


def kill_descendants(seconds: float, *, spare: Callable[[int], bool] = lambda _pid: False) -> list[int]:
    """Kill and reap everything below this process (a subreaper), until nothing is left.

    Args:
        seconds: give up after so long.
        spare: direct children that stay, with all that is below them.

    Returns:
        The pids that would not die in time (uninterruptible in the kernel).
    """
    deadline = time.monotonic() + seconds
    while True:
        reap()
        children = [child for child in psutil.Process().children() if not spare(child.pid)]
        doomed = [*children, *(below for child in children for below in _below(child))]
        if not doomed:
            return []
        _kill(doomed)
        if time.monotonic() > deadline:
            return [process.pid for process in doomed]
        psutil.wait_procs(doomed, timeout=0.02)


def sweep(run_dirs: Iterable[Path], seconds: float = 5.0) -> list[int]:
    """Kill every process on this machine that carries the marker of one of these runs.

    Returns:
        The pids that would not die in time.
    """
    wanted = {str(folder) for folder in run_dirs}
    deadline = time.monotonic() + seconds
    while True:
        doomed = _marked(wanted)
        if not doomed:
            return []
        _kill(doomed)
        if time.monotonic() > deadline:
            return [process.pid for process in doomed]
        psutil.wait_procs(doomed, timeout=0.05)


def _marked(wanted: set[str]) -> list[psutil.Process]:
    if not wanted:
        return []
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in ours and process.environ().get(RUN_DIR) in wanted:
                found.append(process)
    return found


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
