"""The whole path, as a new user walks it: `danlu up`, the link, the demo, curves, TensorBoard, a run of one's own, and kills."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from up_process import Started, answers, started
from waiting import wait_for

from app.config import Settings, load_settings
from danlu.client import Client

PASSWORD = "a furnace needs patience"
QUICK = ["--set", "epochs=2", "--set", "samples=400"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Not there yet: `danlu up` makes it."""
    return tmp_path / "first"


@pytest.fixture
def e2e_settings(tmp_path: Path) -> Settings:
    """The browser fixture serves a home of its own, which is not looked at here."""
    other = tmp_path / "other"
    other.mkdir()
    return load_settings(home=other, port=0)


@pytest.fixture
def up(home: Path) -> Iterator[Started]:
    with started("up", home, DANLU_HEARTBEAT_SECONDS="2") as service:
        service.ready()
        yield service
        sys.stderr.write(service.said())  # shown when the test failed


def danlu(home: Path, *arguments: str, ok: int = 0) -> Any:
    """A command of the CLI on this home; its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "danlu", *arguments, "--json"],
        env={**os.environ, "DANLU_HOME": str(home)}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == ok, done.stdout + done.stderr
    return json.loads(done.stdout)


def set_up(page: Page, service: Started) -> None:
    """Open the printed link and make the first administrator."""
    link = re.search(r"http\S+setup\S+", service.said())
    assert link is not None
    page.goto(link[0])
    page.get_by_label("User name").fill("ada")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    expect(page).not_to_have_url(re.compile("setup"))


def test_from_nothing_to_tensorboard(up: Started, open_page: OpenPage, watch: Watch) -> None:
    watch.allow("/experiments/demo/tensorboard/")  # its own warnings are not ours
    url = up.ready()
    page = open_page(base=url)
    set_up(page, up)

    page.goto("/")
    page.get_by_role("link", name="demo").first.click()
    page.get_by_role("link", name="rings").first.click()
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1", timeout=60_000)
    expect(page.get_by_text("loss").first).to_be_visible(timeout=60_000)
    page.wait_for_function("document.documentElement.dataset.live === 'open'")
    # It moves: the log grows while the page is open.
    expect(page.locator("danlu-log")).to_contain_text(re.compile(r"epoch +3/"), timeout=90_000)

    page.goto("/experiments/demo?tab=tensorboard")
    board = page.frame_locator("iframe")
    expect(board.get_by_text("acc/val").first).to_be_visible(timeout=60_000)
    for name in ("graphs", "histograms", "hparams"):
        expect(board.get_by_role("tab", name=re.compile(name, re.IGNORECASE))).to_be_visible()
    board.get_by_role("tab", name=re.compile("hparams", re.IGNORECASE)).click()
    expect(board.get_by_text("batch_size").first).to_be_visible(timeout=30_000)


def test_a_run_from_the_form_the_command_line_and_curl(up: Started, open_page: OpenPage, home: Path) -> None:
    url = up.ready()
    page = open_page(base=url)
    set_up(page, up)
    run = danlu(home, "ls")[0]
    danlu(home, "cancel", str(run["id"]))

    wait_for(lambda: httpx.get(f"{url}/readyz").status_code == 200, 60, "readiness")
    page.goto("/runs/new?recipe=rings")
    page.get_by_label("epochs", exact=True).fill("2")
    page.get_by_label("samples").fill("400")
    page.get_by_role("button", name="Start run").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    expect(page.get_by_text("succeeded").first).to_be_visible(timeout=60_000)

    page.get_by_text("Repeat as a command").click()
    repeat = page.get_by_text("curl -fsS").first.inner_text()
    token = subprocess.run(
        [sys.executable, "-m", "danlu", "token", "create", "e2e", "--scope", "submit"],
        env={**os.environ, "DANLU_HOME": str(home)}, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    made = subprocess.run(
        ["bash", "-c", repeat],
        env={**os.environ, "DANLU_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, repeat + made.stderr
    assert json.loads(made.stdout)["params"]["epochs"] == 2

    done = danlu(home, "submit", "rings", *QUICK, "--set", "lr=0.001", "--wait")
    assert (done["state"], done["params"]["lr"]) == ("succeeded", 0.001)
    assert done["metrics"]["acc/val"]["last"] > 0.3


@pytest.mark.parametrize(
    "victim",
    ["server", pytest.param("worker", marks=pytest.mark.slow)],  # worker/test_supervisor.py kills it, too
)
def test_kill_9_and_nothing_is_stuck_or_left(up: Started, home: Path, victim: str) -> None:
    url = up.ready()
    danlu(home, "ls")  # makes the token that the client finds
    client = Client(home=home)
    run = wait_for(lambda: next(client.runs(state="running"), None), 60, "the demo run")
    assert run is not None
    folder = next((home / "experiments" / "demo").glob("rings-*"))
    wait_for(lambda: list((folder / "checkpoints").glob("last-*.json")), 60, "a checkpoint")
    process = up.child(victim)
    assert process is not None
    below = process.children(recursive=True)
    process.send_signal(signal.SIGKILL)
    wait_for(
        lambda: not any(child.is_running() and child.status() != "zombie" for child in below),
        10,
        "the end of its children",
    )
    wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
    if victim == "worker":
        wait_for(lambda: run.refresh().attempt == 2, 60, "the second attempt")
        wait_for(lambda: run.refresh().state == "running", 10, "the second attempt to run")
    else:
        assert run.refresh().attempt == 1
    run.cancel()
    wait_for(lambda: run.refresh().state == "cancelled", 40, "the cancellation")
    client.close()
    tree = up.tree()
    assert up.stop() == 0
    wait_for(lambda: not any(process.is_running() for process in tree), 10, "everything to be gone")
    assert not [
        found
        for found in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(found.info["cmdline"] or [])
    ]


def test_kill_9_of_tensorboard_revives_on_the_next_look(up: Started, home: Path) -> None:
    url = up.ready()
    danlu(home, "ls")
    token = re.findall(r'danlu_[^"]+', (home / "cli.toml").read_text())[0]
    headers = {"Authorization": f"Bearer {token}"}
    api = f"{url}/api/v1/experiments/demo/tensorboard"
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:

        def ready() -> dict[str, Any] | None:
            state: dict[str, Any] = client.post(api).json()
            return state if state["state"] == "ready" else None

        wait_for(lambda: client.get(f"{url}/api/v1/experiments/demo").status_code == 200, 60, "the demo")
        first = wait_for(ready, 60, "TensorBoard")
        assert first is not None
        psutil.Process(first["pid"]).kill()
        second = wait_for(
            lambda: (now := ready()) and now["pid"] != first["pid"] and now, 60, "its successor"
        )
        assert second["pid"] != first["pid"]
        assert client.get(f"{url}/experiments/demo/tensorboard/data/plugins_listing").status_code == 200
