"""How long a server takes from its start to the first 200, and how much memory it has then."""

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.common import DANLU, Figure, environment, free_port, wait_http

ROUNDS = 5


def measure() -> Iterator[Figure]:
    """Starts on a home that has been migrated once, as after a reboot."""
    home = Path(tempfile.mkdtemp(prefix="danlu-bench-"))
    try:
        _start(home)
        rounds = [_start(home) for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(home)
    seconds = statistics.median(time for time, _, _ in rounds)
    megabytes = statistics.median(memory for _, memory, _ in rounds)
    torch = any(torch for _, _, torch in rounds)
    yield Figure("cold start to first 200", f"{seconds:.2f} s", "≤ 2 s", seconds <= 2)
    yield Figure("resident memory", f"{megabytes:.0f} MB", "≤ 120 MB", megabytes <= 120)
    yield Figure("torch imported by the server", "yes" if torch else "no", "no", not torch)


def _start(home: Path) -> tuple[float, float, bool]:
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [str(DANLU), "server"],
        env=environment(home, port=port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        seconds = wait_http(f"http://127.0.0.1:{port}/healthz", process) - began
        server = psutil.Process(process.pid)
        maps = " ".join(mapping.path for mapping in server.memory_maps())
        return seconds, server.memory_info().rss / 1e6, "libtorch" in maps
    finally:
        process.terminate()
        process.wait(30)
