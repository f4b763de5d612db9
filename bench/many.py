"""Five hundred runs of one second in a row: what each costs beyond its second, and what is left of them."""

import statistics
import time
from collections.abc import Iterator

import psutil

from bench.common import Figure, Service, service, wait_until

RUNS = 500
SECONDS = 1.0
WARM_UP = 20
SCRIPT = f"import time\ntime.sleep({SECONDS})\nprint('done')\n"


def measure() -> Iterator[Figure]:
    """One slot, one run after the other; the warm process is replaced on the way, as always."""
    with service(slots=1) as running, running.client() as client:
        answer = client.post("/snapshots", params={"filename": "sleeps.py"}, content=SCRIPT.encode())
        answer.raise_for_status()
        body = {"experiment": "bench", "snapshot": answer.json()["id"]}

        def submit(count: int) -> list[int]:
            return [
                int(client.post("/runs", json=body).raise_for_status().json()["id"]) for _ in range(count)
            ]

        def ended(run_id: int, timeout: float) -> None:
            wait_until(
                lambda: client.get(f"/runs/{run_id}").json()["state"] == "succeeded",
                timeout=timeout,
                pause=1.0,
            )

        ended(submit(WARM_UP)[-1], 120)
        wait_until(lambda: len(_tree(running)) <= 4, pause=0.2)
        before = _held(running)
        ids = submit(RUNS)
        began = time.monotonic()
        ended(ids[-1], RUNS * (SECONDS + 1))
        whole = time.monotonic() - began
        spans = [_span(client.get(f"/runs/{run_id}").json()) for run_id in ids]
        after = _held(running)
    each = (whole / RUNS - SECONDS) * 1000
    median = (statistics.median(spans) - SECONDS) * 1000
    yield Figure(f"{RUNS} runs of 1 s: overhead a run", f"{each:.0f} ms", "< 150 ms", each < 150)
    yield Figure("of it from its claim to its end", f"{median:.0f} ms")
    for name, limit in (("processes", 0), ("descriptors", 4), ("MB resident", 30)):
        grown = after[name] - before[name]
        yield Figure(f"{name} more than before them", f"{grown:+.0f}", f"≤ {limit}", grown <= limit)


def _span(run: dict[str, str]) -> float:
    from datetime import datetime

    started, finished = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def _tree(running: Service) -> list[psutil.Process]:
    top = psutil.Process(running.process.pid)
    return [top, *top.children(recursive=True)]


def _held(running: Service) -> dict[str, float]:
    """Processes, open descriptors and resident memory of the server, the worker and its warm process."""
    tree = _tree(running)
    return {
        "processes": len(tree),
        "descriptors": sum(process.num_fds() for process in tree),
        "MB resident": sum(process.memory_info().rss for process in tree) / 1e6,
    }
