"""A snapshot of 1,000 files and 20 MB: from the folder on the client's disk to a queued run, new and known."""

import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.common import DANLU, Figure, environment, service
from danlu.client import Client

FILES, BYTES, ROUNDS = 1000, 20_000_000, 5
NEW_AIM, KNOWN_AIM = 2.0, 0.3
_SCRIPT = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\np.parse_args()\n"


def measure() -> Iterator[Figure]:
    """Packed, hashed, uploaded where needed, and submitted; by the client in Python and by the command line."""
    folder = Path(tempfile.mkdtemp(prefix="danlu-bench-code-"))
    try:
        _write(folder)
        # No worker claims meanwhile: what it starts on the same cores would be measured with it.
        with service(slots=0) as running, Client(running.url, running.token) as client:
            new, known = [], []
            for number in range(ROUNDS):
                (folder / "lib0" / "part0.py").write_text(
                    f"# another content\nx = {number}\n", encoding="utf-8"
                )
                new.append(_submission(client, folder))
                known.append(_submission(client, folder))
            line = [_command(folder, running.home, running.url, running.token) for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(folder)
    what = f"{FILES:,} files, {BYTES // 10**6} MB"
    yield _figure(f"{what}: folder to queued run, new", new, NEW_AIM)
    yield _figure(f"{what}: the same, known to the server", known, KNOWN_AIM)
    median = statistics.median(line)
    yield Figure(f"{what}: `danlu submit`, known, with the start of Python", f"{median:.2f} s")


def _figure(name: str, times: list[float], aim: float) -> Figure:
    median = statistics.median(times)
    text = f"{median:.2f} s (up to {max(times):.2f})"
    return Figure(name, text, f"< {aim:g} s", median < aim)


def _submission(client: Client, folder: Path) -> float:
    began = time.perf_counter()
    client.submit("bench", script=folder / "train.py", params={"lr": 0.2})
    return time.perf_counter() - began


def _command(folder: Path, home: Path, url: str, token: str) -> float:
    env = environment(home, url=url, token=token)
    began = time.perf_counter()
    subprocess.run(
        [str(DANLU), "submit", "train.py", "--", "--lr", "0.3"],
        cwd=folder,
        env=env,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def _write(folder: Path) -> None:
    """Half source-like text, half bytes that do not pack, in 40 folders."""
    noise = random.Random(0)
    (folder / "train.py").write_text(_SCRIPT, encoding="utf-8")
    each = BYTES // (FILES - 1)
    for number in range(FILES - 1):
        below = folder / f"lib{number % 40}"
        below.mkdir(exist_ok=True)
        if number % 2:
            (below / f"data{number}.bin").write_bytes(noise.randbytes(each))
        else:
            lines = "".join(f"value_{noise.getrandbits(32)} = {noise.random()}\n" for _ in range(each // 38))
            (below / f"part{number}.py").write_text(lines, encoding="utf-8")
