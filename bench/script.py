"""From a submission over REST to the first line of a script and to its first optimizer step, beside `python train.py`.

The script is plain PyTorch and writes down the two moments itself. Warm and cold starts take turns in the same run; the cold
ones have the files in the page cache and their bytecode compiled.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench.common import Figure, Service, environment, service, wait_until

ROUNDS = 15
COLD_ROUNDS = 5
TRAIN = """
import time
moments = {"line": time.time()}
import argparse, json
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
args = parser.parse_args()
x = torch.randn(1024, 20)
loader = DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), batch_size=64, shuffle=True)
net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
for features, labels in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(features), labels).backward()
    optimizer.step()
    if "step" not in moments:
        moments["step"] = time.time()
        json.dump(moments, open("moments.json", "w"))
"""


def measure() -> Iterator[Figure]:
    """Warm and cold in turn, so that a machine whose speed drifts treats both alike."""
    with service(slots=1) as running, running.client() as client:
        answer = client.post("/snapshots", params={"filename": "train.py"}, content=TRAIN.encode())
        answer.raise_for_status()
        snapshot = answer.json()["id"]
        _warm(running, client, snapshot)
        warm, cold = [], []
        for number in range(ROUNDS):
            warm.append(_warm(running, client, snapshot))
            if number % (ROUNDS // COLD_ROUNDS) == 0:
                cold.append(_cold())
    line = statistics.median(moments["line"] for moments in warm)
    step = statistics.median(moments["step"] for moments in warm)
    cold_step = statistics.median(moments["step"] for moments in cold)
    yield Figure("submit → first line of a script", f"{line:.3f} s", "< 0.3 s", line < 0.3)
    yield Figure("submit → first optimizer step of a script", f"{step:.2f} s")
    yield Figure("python train.py → first optimizer step", f"{cold_step:.2f} s")
    ratio = step / cold_step
    yield Figure("warm / cold", f"{ratio:.2f}", "≤ 0.5", ratio <= 0.5)


def _warm(running: Service, client: httpx.Client, snapshot: str) -> dict[str, float]:
    began = time.time()
    answer = client.post("/runs", json={"experiment": "bench", "snapshot": snapshot, "params": {"lr": 0.01}})
    answer.raise_for_status()
    run = answer.json()
    note = running.home / "experiments" / "bench" / run["slug"] / "moments.json"
    # Looked at now and then only: whoever polls the disk or the server takes time from what is measured.
    wait_until(lambda: client.get(f"/runs/{run['id']}").json()["state"] == "succeeded", pause=0.2)
    return {name: moment - began for name, moment in json.loads(note.read_text()).items()}


def _cold() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.py").write_text(TRAIN)
        began = time.time()
        subprocess.run(
            [sys.executable, "train.py", "--lr", "0.01"],
            env=environment(folder), check=True, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        return {
            name: moment - began for name, moment in json.loads((folder / "moments.json").read_text()).items()
        }
