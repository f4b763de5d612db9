"""Submissions per second from eight clients, on SQLite, each over a connection of its own."""

import multiprocessing
import statistics
import time
from collections.abc import Iterator

import httpx

from bench.common import Figure, service

CLIENTS, EACH, ROUNDS = 8, 60, 5


def measure() -> Iterator[Figure]:
    """No worker claims meanwhile: a second process on the same cores would be measured with it."""
    with service(worker=True, slots=0) as running:
        rounds = [_round(running.url, running.token) for _ in range(ROUNDS)]
    rate = statistics.median(rate for rate, _ in rounds)
    p99 = statistics.median(p99 for _, p99 in rounds)
    yield Figure("submissions, 8 clients", f"{rate:.0f}/s", "≥ 150/s", rate >= 150)
    yield Figure("p99 of a submission", f"{p99 * 1000:.0f} ms", "≤ 150 ms", p99 <= 0.150)


def _round(url: str, token: str) -> tuple[float, float]:
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        pool.map(_warm, [url] * CLIENTS)
        began = time.monotonic()
        times = [seconds for part in pool.starmap(_submit, [(url, token)] * CLIENTS, 1) for seconds in part]
        spent = time.monotonic() - began
    return len(times) / spent, statistics.quantiles(times, n=100)[98]


def _warm(url: str) -> None:
    httpx.get(f"{url}/healthz", trust_env=False)


def _submit(url: str, token: str) -> list[float]:
    times = []
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    ) as client:
        for number in range(EACH):
            began = time.monotonic()
            answer = client.post(
                "/api/v1/runs",
                json={"experiment": "bench", "recipe": "rings", "params": {"lr": 0.001}, "seed": number},
            )
            times.append(time.monotonic() - began)
            answer.raise_for_status()
    return times
