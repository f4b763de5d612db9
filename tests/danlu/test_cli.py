import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes.scripted_server import Answer, Asked, in_turn, scripted

from danlu.commands.checks import has_wal_reset_bug
from danlu.commands.values import read_value

RUN: dict[str, Any] = {
    "id": 7,
    "name": "first\x1b[31m [red]name[/]",
    "experiment": "demo",
    "recipe": "rings",
    "state": "queued",
    "reason": None,
    "params": {"lr": 0.001},
    "device": "auto",
    "progress": {"epoch": 3, "epochs": 10, "step": None, "total": None, "eta_s": None},
    "metrics": {"loss/train": {"last": 0.25, "min": 0.1, "max": 2.0, "step": 30}},
    "tags": ["a"],
    "finished_at": None,
    "created_at": "2026-11-23T09:00:00Z",
}


def danlu(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "danlu", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


def one_line(error: str) -> bool:
    return error.startswith("danlu: ") and error.count("\n") == 1


def run_as(state: str, **changes: Any) -> Answer:
    return Answer(200, {**RUN, "state": state, **changes})


def test_plain_commands_import_neither_server_nor_torch() -> None:
    code = "import sys, danlu.cli; print({'app', 'worker', 'torch', 'sqlalchemy', 'fastapi', 'httpx', 'rich'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch",), "nosuch"),
        (("--nosuch",), "--nosuch"),
        (("show", "abc"), "ID"),
        (("submit",), "recipe"),
        (("submit", "rings", "--set", "lr"), "KEY=VALUE"),
        (("up", "--port", "70000"), "65535"),
        (("token", "create", "x", "--scope", "root"), "root"),
        (("token", "create", "a\nb"), "printable"),
    ],
)
def test_wrong_usage_is_one_line_and_2(arguments: tuple[str, ...], said: str, home: Path) -> None:
    done = danlu(*arguments, DANLU_HOME=str(home))
    assert done.returncode == 2
    assert one_line(done.stderr), done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (
            Answer(401, {"error": "unauthenticated", "detail": "The token is unknown."}),
            5,
            "danlu token create",
        ),
        (Answer(403, {"error": "forbidden", "detail": "This needs the submit right."}), 5, "submit right"),
        (Answer(404, {"error": "not_found", "detail": "There is no recipe 'x'."}), 2, "no recipe"),
        (
            Answer(422, {"error": "invalid", "detail": "Wrong.", "fields": {"params.lr": "too big"}}),
            2,
            "params.lr",
        ),
        (Answer(500, {"error": "internal", "detail": "A bug."}), 1, "A bug."),
        (Answer(404, b"<html>"), 4, "DANLU_URL"),
        (Answer(drop=True), 4, "danlu up"),
    ],
)
def test_a_refusal_is_one_line_with_its_exit_code(answer: Answer, code: int, said: str, home: Path) -> None:
    with scripted(in_turn(answer)) as server:
        done = danlu("submit", "rings", DANLU_HOME=str(home), DANLU_URL=server.url, DANLU_TOKEN="danlu_x")
    assert (done.returncode, done.stdout) == (code, "")
    assert one_line(done.stderr), done.stderr
    assert said in done.stderr


def test_what_is_submitted(home: Path) -> None:
    with scripted(in_turn(Answer(201, RUN))) as server:
        done = danlu(
            "submit", "rings", "--set", "lr=0.1", "-s", "hidden=[4, 8]", "-s", "note=a=b", "-s", "big=NaN", "-s", "huge=[1e400]",
            "-e", "two rings", "--tag", "a", "--tag", "b", "--seed", "3", "--processes", "2", "--timeout", "60", "--json",
            DANLU_HOME=str(home), DANLU_URL=server.url, DANLU_TOKEN="danlu_x",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == 7
    assert server.asked[0].body == {
        "experiment": "two rings",
        "recipe": "rings",
        "params": {"lr": 0.1, "hidden": [4, 8], "note": "a=b", "big": "NaN", "huge": "[1e400]"},
        "device": "auto",
        "processes": 2,
        "seed": 3,
        "tags": ["a", "b"],
        "timeout_s": 60,
    }


@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 1), ("cancelled", 3)])
def test_waiting_tells_how_it_ended(state: str, code: int, home: Path) -> None:
    with scripted(in_turn(Answer(201, RUN), run_as("running", phase="training"), run_as(state))) as server:
        done = danlu("submit", "rings", "--wait", DANLU_HOME=str(home), DANLU_URL=server.url, DANLU_TOKEN="x")
    assert done.returncode == code, done.stderr
    assert "Run 7: training" in done.stderr
    assert state in done.stdout


@pytest.mark.parametrize("command", [("ls",), ("show", "7"), ("cancel", "7"), ("submit", "rings")])
def test_json_is_json_alone(command: tuple[str, ...], home: Path) -> None:
    def answer(asked: Asked) -> Answer:
        listed = asked.method == "GET" and asked.path == "/api/v1/runs"
        return Answer(200, {"items": [RUN], "next": None} if listed else RUN)

    with scripted(answer) as server:
        done = danlu(*command, "--json", DANLU_HOME=str(home), DANLU_URL=server.url, DANLU_TOKEN="x")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said[0] if isinstance(said, list) else said)["name"] == RUN["name"]


@pytest.mark.parametrize("command", [("ls",), ("show", "7")])
def test_names_reach_the_terminal_as_text_only(command: tuple[str, ...], home: Path) -> None:
    answer = run_as("running")
    if command == ("ls",):
        answer = Answer(200, {"items": [answer.body], "next": None})
    with scripted(in_turn(answer)) as server:
        done = danlu(*command, DANLU_HOME=str(home), DANLU_URL=server.url, DANLU_TOKEN="x")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[red]name[/]" in done.stdout
    assert "epoch 3/10" in done.stdout
    assert "0.25" in done.stdout


def test_cancelling_what_has_ended_does_not_stop_the_others(home: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if "/1/" in asked.path:
            return Answer(409, {"error": "conflict", "detail": "run 1 has ended already"})
        return run_as("cancelled", id=int(asked.path.split("/")[4]))

    with scripted(answer) as server:
        done = danlu("cancel", "1", "7", DANLU_HOME=str(home), DANLU_URL=server.url, DANLU_TOKEN="x")
    assert done.returncode == 2
    assert "run 1 has ended" in done.stderr
    assert "Run 7 is cancelled" in done.stdout


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("1e-4", 1e-4), ("true", True), ("null", None), ("[1, 2]", [1, 2]), ('"1"', "1"), ("", ""),
        ("adam", "adam"), ("True", "True"), ("NaN", "NaN"), ("Infinity", "Infinity"), ("01", "01"), ("[" * 9999, "[" * 9999),
    ],
)  # fmt: skip
def test_how_a_value_is_read(text: str, value: object) -> None:
    read = read_value(text)
    assert read == value
    assert type(read) is type(value)


# The machine itself.


def test_a_token_is_alone_on_stdout_and_can_be_revoked(home: Path) -> None:
    created = danlu("token", "create", "laptop", "--scope", "read", DANLU_HOME=str(home))
    assert created.returncode == 0, created.stderr
    token = created.stdout.strip()
    assert token.startswith("danlu_")
    assert created.stdout == f"{token}\n"
    prefix = "_".join(token.split("_")[:2])

    def listed() -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(danlu("token", "ls", "--json", DANLU_HOME=str(home)).stdout)
        return found[0]

    first = listed()
    assert (first["name"], first["scope"], first["prefix"], first["state"]) == (
        "laptop",
        "read",
        prefix,
        "valid",
    )
    assert token not in (home / "danlu.db").read_bytes().decode("latin-1")
    assert danlu("token", "revoke", prefix, DANLU_HOME=str(home)).returncode == 0
    assert listed()["state"] == "revoked"
    assert danlu("token", "revoke", "99", DANLU_HOME=str(home)).returncode == 2


def test_a_home_that_was_never_started_gets_no_token(tmp_path: Path) -> None:
    done = danlu("ls", DANLU_HOME=str(tmp_path / "none"), DANLU_PORT="1")
    assert done.returncode == 4
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["up", "server", "worker", "doctor"])
def test_an_unknown_setting_is_refused_with_a_suggestion(command: str, home: Path) -> None:
    done = danlu(command, DANLU_HOME=str(home), DANLU_PROT="1")
    assert done.returncode == 1
    assert "DANLU_PORT" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_healthy_machine_passes_the_doctor(home: Path) -> None:
    done = danlu("doctor", "--json", DANLU_HOME=str(home), DANLU_PORT="0", DANLU_DISK_FLOOR_PERCENT="0")
    said = json.loads(done.stdout)
    assert done.returncode == 0, said
    assert said["ok"] is True
    checks = {finding["check"] for finding in said["findings"]}
    assert {"python", "sqlite", "torch", "tensorboard", "home", "disk", "port", "database"} <= checks


def test_the_doctor_finds_what_is_broken_and_says_what_to_do(home: Path) -> None:
    (home / "danlu.db").write_bytes(os.urandom(8192))
    (home / "cli.toml").write_text('token = "x"\n')
    (home / "cli.toml").chmod(0o644)
    done = danlu("doctor", "--json", DANLU_HOME=str(home), DANLU_DISK_FLOOR_GIB="1e9")
    broken = {f["check"]: f for f in json.loads(done.stdout)["findings"] if f["level"] == "broken"}
    assert done.returncode == 1
    assert {"home", "database", "disk"} <= set(broken)
    assert all(finding["remedy"] for finding in broken.values())
    assert stat.S_IMODE((home / "cli.toml").stat().st_mode) == 0o644  # it only looks


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 40, 1), True), ((3, 51, 2), True), ((3, 50, 6), True), ((3, 44, 5), True), ((3, 45, 0), True),
        ((3, 51, 3), False), ((3, 50, 7), False), ((3, 44, 6), False), ((3, 52, 0), False), ((3, 6, 23), False),
    ],
)  # fmt: skip
def test_which_sqlite_has_the_wal_reset_bug(version: tuple[int, ...], bug: bool) -> None:
    assert has_wal_reset_bug(version) is bug
