"""How long after a training step its value arrives in the stream that the run page listens to."""

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.common import Figure, service, wait_until

ROUNDS = 40
TICKING = '''
"""Writes the time of day as a scalar, ten times a second."""
import time
import danlu

class Nothing(danlu.Params):
    """None."""

@danlu.recipe(params=Nothing, summary="ticks")
def ticks(params: Nothing, run: danlu.RunContext) -> None:
    for step in range(600):
        # float32 holds a thousand seconds to the tenth of a millisecond
        run.board.scalar("clock", time.time() % 1000, step)
        if run.should_stop():
            return
        time.sleep(0.1)
'''


def measure() -> Iterator[Figure]:
    """Reads the stream as a browser does, and compares each new value with the clock."""
    with service(prepare=_prepare) as running, running.client() as client:
        wait_until(lambda: client.get("/recipes/ticks").status_code == 200, pause=0.1)
        run = client.post("/runs", json={"experiment": "bench", "recipe": "ticks"}).json()
        delays = list(_delays(client, run["id"]))
        client.post(f"/runs/{run['id']}/cancel")
    median, worst = statistics.median(delays), statistics.quantiles(delays, n=20)[18]
    yield Figure("step → stream, median", f"{median:.2f} s", "< 1.5 s", median < 1.5)
    yield Figure("step → stream, 95th percentile", f"{worst:.2f} s", "< 1.5 s", worst < 1.5)


def _delays(client: object, run: int) -> Iterator[float]:
    with client.stream("GET", "/stream", params={"topics": f"run:{run},metrics:{run}"}) as stream:  # type: ignore[attr-defined]
        event, seen = "", 0
        for line in stream.iter_lines():
            if line.startswith("event:"):
                event = line.split(":", 1)[1].strip()
            elif line.startswith("data:") and event == "metrics":
                tags = json.loads(line.split(":", 1)[1])["tags"]
                if "clock" in tags:
                    seen += 1
                    if seen > 3:
                        yield (time.time() - tags["clock"][1]) % 1000
                    if seen > ROUNDS:
                        return


def _prepare(home: Path) -> None:
    (home / "recipes").mkdir()
    (home / "recipes" / "ticks.py").write_text(TICKING)
