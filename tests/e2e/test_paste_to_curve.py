"""From a pasted script to a curve that moves: the whole path, in a browser, on a worker that is warm."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from rest import Rest
from up_process import Started, started
from waiting import wait_for

pytestmark = pytest.mark.browser

LIMIT_S = 5.0
TRIES = 3
SCRIPT = """\
import argparse

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--steps", type=int, default=3000)
args = parser.parse_args()

x = torch.linspace(-3, 3, 4096)[:, None]
y = torch.sin(2 * x)
net = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
writer = SummaryWriter()
for step in range(args.steps):
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    writer.add_scalar("loss", loss.item(), step)
    if step % 20 == 0:
        writer.flush()
writer.close()
"""


@pytest.fixture
def worker(rest: Rest) -> Iterator[Started]:
    """A real worker on the served home, warm: a script has run there."""
    limits = {"DANLU_DISK_FLOOR_GIB": "0", "DANLU_DISK_FLOOR_PERCENT": "0", "DANLU_DEVICES": "cpu"}
    with started("worker", rest.served.settings.home, **limits) as service:
        made = rest.http.post("/api/v1/snapshots?filename=first.py", content=b"print('warm')\n")
        run = rest.post("/runs", {"experiment": "first", "snapshot": made.json()["id"]}).json()
        state = wait_for(lambda: _ended(rest, run["id"]), 90, "the first script")
        assert state == "succeeded", service.said()
        yield service


def _ended(rest: Rest, run_id: int) -> str | None:
    run: dict[str, Any] = rest.get(f"/runs/{run_id}").json()
    return run["state"] if run["finished_at"] else None


def points(page: Page) -> int:
    """Points of the curve `loss` that are drawn now."""
    island = page.locator("danlu-curves")
    shown: dict[str, list[int]] = island.evaluate("island => island.state?.().points ?? {}")
    return sum(shown.get("loss", []))


def paste_and_watch(page: Page) -> tuple[float, int]:
    """One try: seconds from the key press to a curve that has moved twice, and the run's number."""
    page.goto("/runs/new/script")
    expect(page.locator("danlu-script")).to_have_attribute("data-ready", "1")
    page.evaluate("text => navigator.clipboard.writeText(text)", SCRIPT)
    page.get_by_role("textbox", name="Code").focus()

    begun = time.perf_counter()
    page.keyboard.press("Control+V")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    seen: list[int] = []

    def moves() -> bool:
        shown = points(page)
        if shown and shown not in seen:
            seen.append(shown)
        return len(seen) >= 3

    wait_for(moves, 60, "a curve that moves")
    took = time.perf_counter() - begun
    expect(page.locator("danlu-curves canvas").first).to_be_visible()
    assert seen == sorted(seen)
    return took, int(page.url.rsplit("/", 1)[1])


def test_from_paste_to_a_moving_curve_in_under_five_seconds(
    page: Page, rest: Rest, worker: Started, record_property: Callable[[str, object], None]
) -> None:
    """The best of up to three tries: whatever else the machine does in that moment is not what is promised."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=rest.served.url)
    tries: list[float] = []
    while len(tries) < TRIES and min(tries, default=LIMIT_S) >= LIMIT_S:
        took, run_id = paste_and_watch(page)
        tries.append(took)
        sys.stderr.write(f"from paste to a moving curve: {took:.2f} s\n")
        rest.post(f"/runs/{run_id}/cancel")
        wait_for(lambda run_id=run_id: _ended(rest, run_id), 60, "the end of the run")
    record_property("paste_to_moving_curve_s", round(min(tries), 2))
    assert min(tries) < LIMIT_S, f"{tries}; {worker.said()}"
