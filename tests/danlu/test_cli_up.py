import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from up_process import Started, alive, answers, started
from waiting import wait_for

from danlu.client import Client, Run


def danlu(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "danlu", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "DANLU_HOME": str(home)},
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One `danlu up --no-demo` for the tests that only use it."""
    with started("up", tmp_path_factory.mktemp("up") / "home", "--no-demo") as service:
        url = service.ready()
        wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
        yield service
        assert service.stop() == 0, service.said()


def test_the_first_start_prints_the_setup_link(service: Started) -> None:
    link = next(line for line in service.out if "/setup" in line).split()[-1]
    assert link.startswith(service.ready())
    answer = httpx.get(link, follow_redirects=True, trust_env=False)
    assert answer.status_code == 200
    assert "password" in answer.text


def test_commands_on_the_machine_make_their_own_token(service: Started) -> None:
    done = danlu(service.home, "ls", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stderr
    stored = service.home / "cli.toml"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    before = stored.read_text()
    assert danlu(service.home, "ls").returncode == 0
    assert stored.read_text() == before
    tokens = json.loads(danlu(service.home, "token", "ls", "--json").stdout)
    assert [token["scope"] for token in tokens] == ["submit"]


def test_a_revoked_token_is_5(service: Started, tmp_path: Path) -> None:
    made = danlu(service.home, "token", "create", "short", "--json")
    token = json.loads(made.stdout)["token"]
    client = Client(service.ready(), token)
    assert client.me()
    assert danlu(service.home, "token", "revoke", token[: len("danlu_12345678")]).returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "danlu", "ls"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DANLU_HOME": str(tmp_path), "DANLU_URL": service.ready(), "DANLU_TOKEN": token},
    )
    assert done.returncode == 5
    assert "danlu token create" in done.stderr
    client.close()


def test_a_run_from_submit_to_its_log(service: Started) -> None:
    done = danlu(service.home, "submit", "quadratic", "--wait", "--json", "-t", "cli")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert (run["state"], run["reason"], run["experiment"]) == ("succeeded", "completed", "quadratic")
    assert run["metrics"]
    shown = danlu(service.home, "show", str(run["id"]))
    assert "succeeded" in shown.stdout
    logged = danlu(service.home, "logs", str(run["id"]))
    assert logged.returncode == 0
    followed = danlu(service.home, "logs", "-f", str(run["id"]))
    assert followed.stdout == logged.stdout
    listed = json.loads(danlu(service.home, "ls", "--tag", "cli", "--json").stdout)
    assert [item["id"] for item in listed] == [run["id"]]


def test_a_wrong_param_is_named(service: Started) -> None:
    done = danlu(service.home, "submit", "rings", "--set", "lr=-1", "--set", "nosuch=2")
    assert done.returncode == 2
    assert "params.lr" in done.stderr
    assert "params.nosuch" in done.stderr
    assert danlu(service.home, "submit", "nosuch").returncode == 2
    assert danlu(service.home, "show", "999999").returncode == 2


def test_a_cancelled_run_is_3(service: Started) -> None:
    command = [
        sys.executable,
        "-m",
        "danlu",
        "submit",
        "rings",
        "--set",
        "epochs=1000",
        "--set",
        "patience=1000",
    ]
    waiting = subprocess.Popen(
        [*command, "--wait", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DANLU_HOME": str(service.home)},
    )
    try:
        run = running(service)
        assert danlu(service.home, "cancel", str(run.id), "--wait").returncode == 0
        out, err = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
        waiting.communicate()
    assert waiting.returncode == 3, err
    assert json.loads(out)["reason"] == "cancelled_by_user"
    assert danlu(service.home, "cancel", str(run.id)).returncode == 0


def running(service: Started) -> Run:
    """Wait for a run that runs, without starting a command each time one looks; with the token that the first one made."""
    wait_for((service.home / "cli.toml").exists, 60, "the token")
    with Client(home=service.home) as client:
        found = wait_for(lambda: next(client.runs(state="running"), None), 60, "a running run")
    assert found is not None
    return found


def test_a_second_server_on_the_home_is_refused_in_one_line(service: Started) -> None:
    for command in ("up", "server"):
        done = danlu(service.home, command, "--port", "0")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1, done.stderr
        assert "server.lock" in done.stderr
    assert answers(service.ready())


def test_a_port_in_use_is_refused_in_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for command in ("up", "server"):
            done = danlu(home, command, "--port", str(taken.getsockname()[1]))
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1, done.stderr
            assert "--port" in done.stderr
    assert not (home / "danlu.db").exists()


def test_the_doctor_sees_the_running_service(service: Started) -> None:
    said = json.loads(danlu(service.home, "doctor", "--json").stdout)
    found = {finding["check"]: finding for finding in said["findings"]}
    assert service.ready() in found["port"]["detail"]
    assert found["workers"]["level"] == "ok", found["workers"]
    assert found["processes"]["level"] == "ok", found["processes"]


def start_tensorboard(service: Started, experiment: str) -> None:
    """Have the server start a TensorBoard, and wait until it answers."""
    token = danlu(service.home, "token", "create", "test").stdout.strip()
    url = f"{service.ready()}/api/v1/experiments/{experiment}/tensorboard"
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False) as http:
        http.post(url)
        wait_for(lambda: http.get(url).json()["state"] == "ready", 60, "the TensorBoard")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything(number: int, home: Path) -> None:
    with started("up", home, "--no-demo") as service:
        url = service.ready()
        wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
        assert {"server", "worker"} <= {word for process in service.tree() for word in process.cmdline()}
        assert service.stop(number) == 0, service.said()
        assert service.tree() == []
        assert "Traceback" not in service.said()
        assert not (home / "server.url").exists()


def test_nothing_outlives_a_killed_up(home: Path) -> None:
    with started("up", home, "--no-demo") as service:
        url = service.ready()
        wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
        assert (
            danlu(home, "submit", "rings", "--set", "epochs=1000", "--set", "patience=1000").returncode == 0
        )
        running(service)
        start_tensorboard(service, "rings")
        lines = [" ".join(process.cmdline()) for process in service.tree()]
        assert any("tensorboard" in line for line in lines)
        service.stop(signal.SIGKILL)
        wait_for(lambda: not service.tree(), 60, "the end of all children")
        assert not answers(url)


@pytest.mark.parametrize("name", ["server", "worker"])
def test_what_dies_is_started_again(name: str, home: Path) -> None:
    with started("up", home, "--no-demo") as service:
        url = service.ready()
        wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
        first = service.child(name)
        assert first is not None
        below = service.tree() if name == "worker" else []
        first.kill()
        second = wait_for(
            lambda: (found := service.child(name)) and found.pid != first.pid and found, 30, name
        )
        wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
        assert second is not None
        server = service.child("server")
        left = [process for process in below if alive(process) and process != server]
        assert left == []
        assert f"the {name} ended (signal SIGKILL)" in service.said()
        assert service.stop() == 0
        assert service.tree() == []


def test_the_demo_run_is_made_once(home: Path) -> None:
    with started("up", home) as service:
        service.ready()
        danlu(home, "ls")  # makes the token that the client finds
        with Client(home=home) as client:
            demo = wait_for(lambda: next(client.runs(experiment="demo"), None), 60, "the demo run")
            assert demo is not None
            assert demo.recipe == "rings"
            wait_for(lambda: demo.refresh().state == "running", 60, "the demo run's start")
            done = danlu(home, "submit", "quadratic", "--wait")
            assert done.returncode == 0, done.stderr
            assert demo.refresh().state == "cancelled", "it makes way for the first run that waits"
        wait_for(lambda: service.child("_demo") is None, 30, "the end of the demo's maker")
        assert service.stop(timeout=90) == 0
        assert service.tree() == []
    with started("up", home) as service:
        url = service.ready()
        wait_for(lambda: answers(url, "/readyz"), 60, "readiness")
        wait_for(lambda: service.child("_demo") is None, 30, "the end of the demo's maker")
        assert len(json.loads(danlu(home, "ls", "-e", "demo", "--json").stdout)) == 1


def test_the_server_alone_stops_cleanly(home: Path) -> None:
    with started("server", home) as service:
        url = service.ready()
        assert answers(url)
        assert service.stop() == 0, service.said()
        assert service.tree() == []
