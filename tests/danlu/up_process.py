"""`danlu up` and `danlu server` as real processes, and what is left of them afterwards."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import httpx
import psutil
from waiting import wait_for


class Started:
    """A `danlu` service: its output, its address, and every process it ever had below it."""

    def __init__(self, command: str, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "danlu", command, "--home", str(home), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DANLU_PORT": "0", **environment},
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()
        self._seen: dict[int, psutil.Process] = {}

    @staticmethod
    def _read(stream: TextIO, lines: list[str]) -> None:
        with stream:
            lines.extend(stream)

    def ready(self) -> str:
        """Its origin, once it has said where it is."""
        wait_for(lambda: self._url() or self.process.poll() is not None, 60, "the link")
        assert self.process.poll() is None, self.said()
        url = self._url()
        assert url is not None
        return url

    def _url(self) -> str | None:
        found = re.search(r"https?://[^/\s]+", "".join(self.out))
        return found[0] if found else None

    def said(self) -> str:
        return "".join([*self.out, *self.err])

    def child(self, name: str) -> psutil.Process | None:
        """The `server` or the `worker` below it."""
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children():
                if name in process.cmdline():
                    return process
        return None

    def tree(self) -> list[psutil.Process]:
        """Everything that was ever seen below it and still lives; call it while it runs."""
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                self._seen[process.pid] = process
        return [process for process in self._seen.values() if alive(process)]

    def stop(self, number: int = signal.SIGTERM, timeout: float = 40) -> int:
        """Send a signal and wait; the return code."""
        self.tree()
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(5)
        return code

    def clean_up(self) -> None:
        """Leave nothing to the next test, whatever happened in this one."""
        for process in self.tree():
            with contextlib.suppress(psutil.Error):
                process.kill()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for reader in self._readers:
            reader.join(5)


def alive(process: psutil.Process) -> bool:
    """Whether it runs (a zombie does not), and is still the same process."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextlib.contextmanager
def started(command: str, home: Path, *arguments: str, **environment: str) -> Iterator[Started]:
    """Run a service for the length of a block."""
    service = Started(command, home, *arguments, **environment)
    try:
        yield service
    finally:
        service.clean_up()


def answers(url: str, path: str = "/healthz") -> bool:
    """Whether a GET gets 200."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}{path}", timeout=10, trust_env=False).status_code == 200
    return False
