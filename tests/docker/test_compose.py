"""docker-compose.yml brought up for real: log in, train, restart, kill, stop, back up, restore. In this order.

Run by `make test-docker`. tests/docker/stack.py says what of it can be set by the environment.
"""

import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker_docs import blocks
from eventstream import Stream
from stack import KILLED, SERVICES, Stack, engine_trouble, standing
from waiting import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

log = logging.getLogger(__name__)  # shown by --log-cli-level=INFO

PASSWORD = "correct horse battery staple"
EPOCHS = 40
LEASE_SECONDS = 60
RECIPE = """
import danlu


class Mine(danlu.Params):
    pass


@danlu.recipe(params=Mine, summary="Does next to nothing.")
def mine(params, run):
    run.board.scalar("one", 1.0, 1)
"""
USERS = {"db": 999, "app": 1000, "worker": 1000}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    trouble = engine_trouble()
    if trouble:
        pytest.skip(trouble)
    with standing(tmp_path_factory.mktemp("compose")) as stack:
        yield stack


@pytest.fixture(scope="module")
def link(stack: Stack) -> str:
    """The setup link, as a person finds it."""
    stack.await_healthy()
    found = re.search(r"(http://\S+/setup\?key=\S+)", stack.compose("logs", "app"))
    assert found, stack.compose("logs")
    return found[1]


@pytest.fixture(scope="module")
def api(stack: Stack, link: str) -> Iterator[httpx.Client]:
    """The first administrator, made by the setup link, with an API token made after a fresh login."""
    form = {"username": "ada", "password": PASSWORD, "repeat": PASSWORD}
    origin = {"Origin": stack.url}
    with httpx.Client(base_url=stack.url, follow_redirects=True, headers=origin, timeout=30) as browser:
        assert 'name="password"' in browser.get(link).text
        assert browser.post("/setup", data=form).status_code == 200
    with httpx.Client(base_url=stack.url, headers=origin, timeout=30) as browser:
        assert browser.get("/", headers={"Accept": "text/html"}).headers["location"].startswith("/login")
        assert browser.post("/login", data=form).status_code == 303
        made = browser.post("/api/v1/tokens", json={"name": "test", "scope": "submit"})
        assert made.status_code == 201, made.text
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    with httpx.Client(base_url=stack.url, headers=bearer, timeout=30) as client:
        yield client


def submit(api: httpx.Client, **params: Any) -> int:
    """A `rings` run that trains all its epochs; its id."""
    body = {"experiment": "compose", "recipe": "rings", "params": {"epochs": EPOCHS, "patience": 0, **params}}
    answer = api.post("/api/v1/runs", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def get(api: httpx.Client, path: str, **params: Any) -> Any:
    answer = api.get(f"/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def epoch(run: dict[str, Any]) -> int:
    return run["progress"]["epoch"] or 0


def await_end(api: httpx.Client, run_id: int, timeout: float = 300) -> dict[str, Any]:
    """The run once it has ended."""

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = get(api, f"/runs/{run_id}")
        return run if run["state"] in {"succeeded", "failed", "cancelled"} else None

    found = wait_for(ended, timeout, f"the end of run {run_id}")
    assert found is not None
    return found


def assert_one_value_a_step(api: httpx.Client, run_id: int) -> None:
    """No step of the training was lost or written twice, and the last checkpoint is there."""

    def steps() -> list[list[int]]:
        series = get(api, "/metrics", run=run_id, tag="loss/train", points=0)["series"]
        return [one["step"] for one in series]

    # The data server reads what has been written a moment later than the run is known to have ended.
    wait_for(lambda: (found := steps()) and found[0][-1] == EPOCHS, 20, "the last epoch's value")
    assert steps() == [list(range(1, EPOCHS + 1))]
    files = {item["path"] for item in get(api, f"/runs/{run_id}/files", limit=500)["items"]}
    assert any(name.startswith("checkpoints/last-") for name in files), files


def timeline(api: httpx.Client, run_id: int) -> list[tuple[str, str | None]]:
    """States that the run came to, with the reasons."""
    return [
        (item["to"], item["reason"]) for item in get(api, f"/runs/{run_id}/events")["items"] if item["to"]
    ]


def losses(stack: Stack, run_id: int) -> int:
    """How many attempts of a run were lost with their worker: what is counted against its retries."""
    return int(
        stack.inside("db", "psql", "-U", "danlu", "-Atc", f"SELECT losses FROM run WHERE id = {run_id}")
    )


def test_everything_gets_healthy_and_the_server_is_ready(stack: Stack, link: str) -> None:
    assert httpx.get(f"{stack.url}/readyz").json() == {"status": "ready"}
    assert link.startswith(f"{stack.url}/setup?key=")
    assert stack.container("prepare")["State"]["ExitCode"] == 0
    assert "was last heard of" in stack.inside("worker", "python", "-m", "worker.health")


def test_nobody_is_root_and_each_container_has_an_init(stack: Stack) -> None:
    script = "cat /proc/1/comm; for status in /proc/[0-9]*/status; do grep ^Uid: $status || true; done"
    for service in SERVICES:
        init, *users = stack.inside(service, "sh", "-c", script).splitlines()
        assert init == "docker-init" or "tini" in init
        assert {int(uid) for line in users for uid in line.split()[1:]} == {USERS[service]}, service
        host = stack.container(service)["HostConfig"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]


def test_only_the_apps_port_is_published_on_loopback(stack: Stack) -> None:
    published = {
        service: [
            entry
            for ports in stack.container(service)["NetworkSettings"]["Ports"].values()
            for entry in ports or []
        ]
        for service in SERVICES
    }
    assert published == {
        "db": [],
        "worker": [],
        "app": [{"HostIp": "127.0.0.1", "HostPort": str(stack.port)}],
    }


def test_the_databases_password_stays_where_it_belongs(stack: Stack) -> None:
    password = stack.inside("db", "cat", "/data/secrets/postgres-password")
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    for service in SERVICES:
        assert password not in json.dumps(stack.container(service))
        assert password not in stack.compose("logs", service)
    reach = (
        "import psycopg; psycopg.connect('host=db user=danlu dbname=danlu password={}', connect_timeout=5)"
    )
    stack.inside("worker", "python", "-c", reach.format(password))
    wrong = stack.inside("worker", "sh", "-c", f'python -c "{reach.format("wrong")}" 2>&1; true')
    assert "password authentication failed" in wrong


def test_what_runs_in_the_worker_cannot_touch_the_databases_files(stack: Stack) -> None:
    script = "for i in 'ls /data/postgres' 'mv /data/postgres /data/x' 'cat /data/secrets/postgres-password'; do $i && exit 1; done; true"
    stack.inside("worker", "sh", "-c", f"({script}) 2>&1")
    assert stack.inside("worker", "stat", "-c", "%a %u", "/data/danlu").split() == ["700", "1000"]


def test_a_restart_of_the_worker_drains_the_run_and_it_goes_on(stack: Stack, api: httpx.Client) -> None:
    run_id = submit(api)
    with Stream(api, f"run:{run_id},metrics:{run_id}") as stream:
        stream.expect("run", lambda run: epoch(run) >= 3, 180)
        stream.expect("metrics", lambda data: data["tags"].get("loss/train", [0])[0] >= 3, 60)
        since, started = stack.now(), time.monotonic()
        stack.compose("restart", "worker")
        took = time.monotonic() - started
        log.info("restart of the worker: %.1f s", took)
        assert took < 60, "it saves and leaves, and does not wait for its grace"
        stream.expect("run", lambda run: run["state"] == "queued" and epoch(run) >= 3, 5)
        stream.expect("run", lambda run: run["state"] == "succeeded", 300)
    assert stack.exit_codes(since) == {"worker": [0]}
    assert losses(stack, run_id) == 0, "a drained attempt does not count"
    assert timeline(api, run_id) == [
        ("queued", None), ("running", None), ("queued", "worker_drained"), ("running", None),
        ("succeeded", "completed"),
    ]  # fmt: skip
    assert_one_value_a_step(api, run_id)
    stack.await_healthy("worker")


def test_a_killed_workers_run_goes_on_after_its_lease(stack: Stack, api: httpx.Client) -> None:
    run_id = submit(api)
    wait_for(lambda: epoch(get(api, f"/runs/{run_id}")) >= 3, 180, "three epochs")
    since = stack.now()
    stack.compose("kill", "worker")
    assert stack.exit_codes(since) == {"worker": [KILLED]}
    stack.up()
    assert await_end(api, run_id, LEASE_SECONDS + 240)["state"] == "succeeded"
    assert losses(stack, run_id) == 1
    assert timeline(api, run_id) == [
        ("queued", None), ("running", None), ("queued", "worker_lost"), ("running", None), ("succeeded", "completed"),
    ]  # fmt: skip
    assert_one_value_a_step(api, run_id)


def test_a_stop_in_the_middle_of_a_run_ends_everything_in_time(stack: Stack, api: httpx.Client) -> None:
    run_id = submit(api)
    wait_for(lambda: epoch(get(api, f"/runs/{run_id}")) >= 3, 180, "three epochs")
    since, started = stack.now(), time.monotonic()
    stack.compose("stop", timeout=240)
    log.info("stop of everything: %.1f s", time.monotonic() - started)
    assert stack.exit_codes(since) == {"db": [0], "app": [0], "worker": [0]}
    stack.up()
    assert await_end(api, run_id)["state"] == "succeeded"
    assert timeline(api, run_id)[2] == ("queued", "worker_drained")
    assert losses(stack, run_id) == 0
    assert_one_value_a_step(api, run_id)


def test_down_and_up_keep_everything(stack: Stack, api: httpx.Client) -> None:
    password = stack.inside("db", "cat", "/data/secrets/postgres-password")
    runs = get(api, "/runs")["items"]
    stack.compose("down", timeout=240)
    stack.up()
    assert stack.inside("db", "cat", "/data/secrets/postgres-password") == password
    assert [run["id"] for run in get(api, "/runs")["items"]] == [run["id"] for run in runs]
    assert_one_value_a_step(api, runs[0]["id"])
    assert "/setup?key=" not in stack.compose("logs", "app"), "there is an administrator"


def test_a_lost_password_is_said_and_no_new_one_is_made(stack: Stack) -> None:
    stack.compose("stop", timeout=240)
    secret = "/data/secrets/postgres-password"
    stack.compose("run", "--rm", "-T", "prepare", "sh", "-c", f"mv {secret} {secret}.kept")
    stack.compose("up", "--detach", "--no-build", "prepare", check=False)
    wait_for(lambda: stack.container("prepare")["State"]["Status"] == "exited", 30, "the end of prepare")
    assert stack.container("prepare")["State"]["ExitCode"] == 1
    assert "restore that file" in stack.compose("logs", "--tail", "2", "prepare")
    stack.compose("run", "--rm", "-T", "prepare", "sh", "-c", f"mv {secret}.kept {secret}")
    stack.up()


def test_a_recipe_of_ones_own_is_put_into_the_volume(stack: Stack, api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RECIPE, encoding="utf-8")
    stack.shell(blocks()["recipe"], cwd=tmp_path)
    wait_for(lambda: "mine" in {item["name"] for item in get(api, "/recipes")["items"]}, 60, "the recipe")
    answer = api.post("/api/v1/runs", json={"experiment": "own", "recipe": "mine"})
    assert await_end(api, answer.json()["id"])["state"] == "succeeded"


def test_the_documented_backup_comes_back_on_an_empty_volume(
    stack: Stack, api: httpx.Client, tmp_path: Path
) -> None:
    """The very commands of docs/deployment.md."""
    commands = blocks()
    runs = get(api, "/runs", experiment="compose")["items"]
    assert runs
    stack.shell(commands["backup"], cwd=tmp_path, timeout=300)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert len(made) == 2, made
    stack.compose("down", "--volumes", timeout=240)
    stack.shell(commands["restore"], cwd=tmp_path, timeout=600)
    stack.await_healthy()
    assert get(api, "/runs", experiment="compose")["items"] == runs
    for run in runs:
        assert_one_value_a_step(api, run["id"])
    assert await_end(api, submit(api, epochs=2))["state"] == "succeeded"


def test_the_image_alone_serves_from_sqlite(stack: Stack) -> None:
    name = f"{stack.project}-alone"
    try:
        stack.docker("run", "--detach", "--init", "--name", name, "danlu-test:built")

        def health() -> bool:
            return stack.docker("inspect", "--format", "{{.State.Health.Status}}", name).strip() == "healthy"

        wait_for(health, 60, "a healthy server")
        assert "danlu.db" in stack.docker("exec", name, "ls", "/data").split()
        stack.docker("stop", name)
        assert stack.docker("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"
    finally:
        stack.docker("rm", "--force", "--volumes", name, check=False)
