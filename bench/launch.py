"""From submission over REST to the first optimizer step of `rings`, beside cold Python running the same training.

Both run the same recipe; `Adam.step` is wrapped to write down when it is called first. The cold script starts a new
interpreter each time, with the files in the page cache; a script of a user's would use torch's own SummaryWriter.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.common import Figure, Service, environment, service, wait_until

ROUNDS = 7
PROBE = '''
"""rings, with a note of when the first optimizer step began."""
import time
from pathlib import Path
import danlu
from worker.recipes.rings import RingsParams, rings

@danlu.recipe(params=RingsParams, summary="rings, timed")
def rings_timed(params: RingsParams, run: danlu.RunContext) -> None:
    import torch
    real = torch.optim.Adam.step
    def step(self, *args, **kwargs):
        torch.optim.Adam.step = real
        (run.dir / "first-step").write_text(repr(time.time()))
        return real(self, *args, **kwargs)
    torch.optim.Adam.step = step
    (getattr(rings, "func", rings))(params, run)
'''


def measure() -> Iterator[Figure]:
    """Warm and cold in turn, so that a machine whose speed drifts treats both alike."""
    with service(prepare=_prepare) as running, running.client() as client:
        wait_until(lambda: client.get("/recipes/rings_timed").status_code == 200, pause=0.1)
        _warm_round(running, client)
        rounds = [(_warm_round(running, client), _cold_round()) for _ in range(ROUNDS)]
    warm = statistics.median(warm for warm, _ in rounds)
    cold = statistics.median(cold for _, cold in rounds)
    ratio = statistics.median(warm / cold for warm, cold in rounds)
    yield Figure("submit → first step, warm worker", f"{warm:.2f} s", "< 1.0 s", warm < 1.0)
    yield Figure("cold python, same training", f"{cold:.2f} s")
    yield Figure("warm / cold", f"{ratio:.2f}", "< 1", ratio < 1)


def _prepare(home: Path) -> None:
    (home / "recipes").mkdir()
    (home / "recipes" / "timed.py").write_text(PROBE)


def _warm_round(running: Service, client: object) -> float:
    began = time.time()
    answer = client.post(  # type: ignore[attr-defined]
        "/runs",
        json={"experiment": "bench", "recipe": "rings_timed", "params": {"epochs": 1, "samples": 2000}},
    )
    answer.raise_for_status()
    run = answer.json()
    folder = running.home / "experiments" / "bench" / run["slug"]
    note = folder / "first-step"
    wait_until(lambda: note.exists() and note.read_text())
    seconds = float(note.read_text()) - began
    wait_until(lambda: client.get(f"/runs/{run['id']}").json()["state"] == "succeeded", pause=0.05)  # type: ignore[attr-defined]
    return seconds


COLD = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import danlu, danlu.recipe
import timed
folder = Path(sys.argv[2])
params = timed.RingsParams(epochs=1, samples=2000)
run = danlu.RunContext(id=1, dir=folder, device="cpu", seed=1, attempt=1)
recipe = danlu.recipe.REGISTRY["rings_timed"]
recipe.func(params, run)
run.board.close()
"""


def _cold_round() -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "timed.py").write_text(PROBE)
        (folder / "cold.py").write_text(COLD)
        (folder / "run").mkdir()
        began = time.time()
        subprocess.run(
            [sys.executable, str(folder / "cold.py"), str(folder), str(folder / "run")],
            env=environment(folder), check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        return float(json.loads((folder / "run" / "first-step").read_text())) - began
