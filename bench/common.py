"""What the measurements share: a real server and worker in a throw-away home, and figures."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

DANLU = Path(sys.executable).with_name("danlu")


@dataclass(frozen=True)
class Figure:
    """One measured value beside what it should be.

    Attributes:
        name: what was measured.
        text: how it came out.
        aim: how it should, or a note where there is no aim.
        reached: whether it did; None: there is no aim.
    """

    name: str
    text: str
    aim: str = ""
    reached: bool | None = None


@dataclass
class Service:
    """A running `danlu up`."""

    home: Path
    url: str
    token: str
    process: subprocess.Popen[bytes]

    def client(self) -> httpx.Client:
        """A client with the token."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            trust_env=False,
        )


def environment(home: Path, **settings: object) -> dict[str, str]:
    """The environment of this process, with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DANLU_")}
    return (
        kept
        | {"DANLU_HOME": str(home)}
        | {f"DANLU_{name.upper()}": str(value) for name, value in settings.items()}
    )


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def service(
    *, worker: bool = True, prepare: Callable[[Path], None] | None = None, **settings: object
) -> Iterator[Service]:
    """A server, with a worker unless told otherwise, in a throw-away home; gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="danlu-bench-"))
    if prepare:
        prepare(home)
    port = free_port()
    env = environment(home, port=port, **settings)
    command = [str(DANLU), "up", "--no-demo"] if worker else [str(DANLU), "server"]
    with (home / "bench.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_http(f"{url}/readyz" if worker else f"{url}/healthz", process)
        made = subprocess.run(
            [str(DANLU), "token", "create", "bench", "--scope", "admin"],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )
        yield Service(home, url, re.findall(r"danlu_\S+", made.stdout)[0], process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)
        shutil.rmtree(home, ignore_errors=True)


def wait_http(url: str, process: subprocess.Popen[bytes], timeout: float = 60) -> float:
    """Wait for the first 200; returns when it came (monotonic seconds)."""
    deadline = time.monotonic() + timeout
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"the process ended with {process.returncode} before {url} answered")
            try:
                if client.get(url).status_code == 200:
                    return time.monotonic()
            except httpx.TransportError:
                pass
            time.sleep(0.01)
    raise TimeoutError(url)


def wait_until(probe: Callable[[], object], timeout: float = 60, pause: float = 0.005) -> object:
    """Poll until something true comes back."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = probe()
        if value:
            return value
        time.sleep(pause)
    raise TimeoutError
