"""Seconds an epoch of the tutorial's rings example: Danlu, torchkeras, Lightning, Accelerate and a plain loop.

Each contestant is a script of bench/peers, run in turn, each time in a fresh process. bench/peers/rings.py says what they
share and which seconds count. The plain loop logs nothing, saves nothing and shows nothing.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.common import Figure
from bench.training import venv

ROUNDS = 7
CONTESTANTS = ("danlu", "torchkeras", "lightning", "accelerate", "plain")
SCRIPTS = venv.ROOT / "bench" / "peers"


@dataclass(frozen=True)
class Result:
    """What one process printed; see ``rings.Epochs.report``."""

    seconds: float
    """Of an epoch."""
    cpu: float
    """Seconds of CPU of an epoch, all threads."""
    updates: int
    val_loss: float
    weights: str
    """SHA-256 of the trained parameters."""


def measure() -> Iterator[Figure]:
    """The contestants in turn, for some rounds; without the peers where they cannot be installed."""
    python, contestants = Path(sys.executable), CONTESTANTS
    try:
        python = venv.python()
    except venv.Unavailable as error:
        contestants = ("danlu", "plain")
        print(error, file=sys.stderr)
        yield Figure("rings: the peers", "not installed", "installed", reached=False)
    rounds = []
    for number in range(1, ROUNDS + 1):
        rounds.append({name: train(python, name) for name in contestants})
        seconds = ", ".join(f"{name} {result.seconds:.3f}" for name, result in rounds[-1].items())
        print(f"rings, round {number} of {ROUNDS}, seconds an epoch: {seconds}", file=sys.stderr)
    yield from figures(rounds)


def figures(rounds: list[dict[str, Result]]) -> Iterator[Figure]:
    """Ratios of seconds, each the median of those of the rounds.

    Those of CPU stand beside them: on a busy machine they are steadier, but they do not see waiting.
    """
    median = {name: statistics.median(turn[name].seconds for turn in rounds) for name in rounds[0]}

    def ratio(above: str, below: str, shown: str) -> tuple[float, str]:
        value = statistics.median(turn[above].seconds / turn[below].seconds for turn in rounds)
        cpu = statistics.median(turn[above].cpu / turn[below].cpu for turn in rounds)
        return value, f"{value:.2f} ({shown} {median[shown]:.3f} s; CPU {cpu:.2f})"

    updates = {result.updates for turn in rounds for result in turn.values()}
    yield Figure("rings, seconds an epoch: Danlu", f"{median['danlu']:.3f} s", "", reached=len(updates) == 1)
    for peer, least in (("torchkeras", 3.0), ("lightning", 6.0), ("accelerate", None)):
        if peer in median:
            value, text = ratio(peer, "danlu", peer)
            aim = f"≥ {least:g}" if least else ""
            yield Figure(f"rings: {peer} / Danlu", text, aim, not least or value >= least)
    value, text = ratio("danlu", "plain", "plain")
    yield Figure("rings: Danlu / plain loop without logging", text, "≤ 0.85", value <= 0.85)
    same = len({turn[name].weights for turn in rounds for name in ("danlu", "plain")}) == 1
    text = "same bits" if same else "others"
    yield Figure("rings: weights of Danlu and of the plain loop", text, "same bits", same)


def train(python: Path, name: str) -> Result:
    """Run a contestant in a process and a folder of its own.

    Raises:
        RuntimeError: it failed; the message ends with its last words.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DANLU_", "PYTHON"))}
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    env = kept | one | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(venv.ROOT)}
    with tempfile.TemporaryDirectory(prefix="danlu-bench-") as folder:
        output = Path(folder, "output")
        with output.open("wb") as file:
            done = subprocess.run(
                [python, SCRIPTS / f"with_{name}.py"],
                cwd=folder,
                env=env,
                check=False,
                stdout=file,
                stderr=file,
            )
        lines = output.read_text(errors="replace").splitlines()
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}:\n" + "\n".join(lines[-15:]))
    return Result(**json.loads(next(line for line in reversed(lines) if line.startswith('{"seconds"'))))
