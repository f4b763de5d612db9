"""`danlu.notebook` with real TensorBoards."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest
from waiting import wait_for

from danlu import localboard, notebook, running
from danlu.board import Board
from danlu.recipe import RunContext

DIRECT = build_opener(ProxyHandler({}))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory, and a folder for what is temporary that must be empty at the end."""
    monkeypatch.chdir(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.delenv("TENSORBOARD_PROXY_URL", raising=False)
    yield tmp_path
    notebook.stop()
    assert list(temporary.iterdir()) == []


def get(url: str) -> str:
    with DIRECT.open(url, timeout=10) as answer:
        return answer.read().decode()


def only() -> localboard.LocalBoard:
    (board,) = notebook._running.values()
    return board


def test_it_serves_the_folder_and_is_listed_until_it_is_stopped(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Board(place / "logs") as drawn:
        drawn.scalar("x", 1.0, 0)
    notebook.list()
    assert capsys.readouterr().out == "No known TensorBoard instances running.\n"
    url = notebook.start("--logdir './logs' --port 0")
    board = only()
    assert url == f"http://127.0.0.1:{board.port}/"
    assert capsys.readouterr().out == f"TensorBoard is at {url} as long as this program runs.\n"
    tags = wait_for(lambda: json.loads(get(f"{url}data/plugin/scalars/tags")), what="the scalars")
    assert list(tags["."]) == ["x"]
    listening = {
        (end.laddr.ip, end.laddr.port)
        for end in psutil.Process(board.pid).net_connections("tcp")
        if not end.raddr
    }
    assert ("127.0.0.1", board.port) in listening
    assert {ip for ip, _ in listening} == {"127.0.0.1"}
    notebook.list()
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Known TensorBoard instances:"
    assert second.startswith(f"  - port {board.port}: logdir ./logs (started 0:00:")
    assert second.endswith(f" ago; pid {board.pid})")
    notebook.stop(board.port)
    assert not psutil.pid_exists(board.pid)
    with pytest.raises(URLError):
        get(url)
    notebook.list()
    assert capsys.readouterr().out == "No known TensorBoard instances running.\n"


def test_the_same_arguments_show_the_same_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = notebook.start("--logdir logs --port=0", quiet=True)
    assert capsys.readouterr().out == ""
    assert notebook.start("--logdir='logs' --port 0 # the same") == url
    assert f"TensorBoard runs already (pid {only().pid}, started 0:00:" in capsys.readouterr().out
    assert notebook.start("--logdir logs", quiet=True) == url
    assert notebook.start(f"--logdir logs --port {only().port}", quiet=True) == url
    assert len(notebook._running) == 1
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    assert notebook.start("--logdir logs --port=0", quiet=True) != url
    assert len(notebook._running) == 2


def test_a_port_that_is_taken_is_said_and_another_one_used(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        url = notebook.start(f"--logdir logs --port={port} --path_prefix /deep")
    used = only().port
    assert used != port
    assert url == f"http://127.0.0.1:{used}/deep/"
    assert capsys.readouterr().out.startswith(f"Port {port} is taken; port {used} is used instead.\n")
    assert "TensorBoard" in get(url)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ("--port 6006", ValueError, r"needs a folder.*--logdir ./data/tensorboard"),
        ("--logdir", ValueError, "--logdir.*expected one argument"),
        ("--logdir 'logs", ValueError, "No closing quotation"),
        ("--logdir logs --nonsense", RuntimeError, "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_started_says_why(args: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        notebook.start(args)
    assert notebook._running == {}


def test_a_port_that_is_not_known_is_not_stopped() -> None:
    with pytest.raises(ValueError, match="port 1; known ports: none"):
        notebook.stop(1)


def test_one_that_was_killed_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.start("--logdir logs --port 0", quiet=True)
    board = only()
    os.kill(board.pid, signal.SIGKILL)
    wait_for(lambda: not board.runs(), what="its end")
    notebook.list()
    assert capsys.readouterr().out == "No known TensorBoard instances running.\n"


def test_one_that_does_not_heed_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localboard, "STOP_SECONDS", 0.1)
    notebook.start("--logdir logs --port 0", quiet=True)
    board = only()
    os.kill(board.pid, signal.SIGSTOP)
    notebook.stop()
    assert board.popen.returncode == -signal.SIGKILL


def test_one_that_does_not_serve_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localboard, "START_SECONDS", 0.0)
    with pytest.raises(TimeoutError, match="does not serve"):
        notebook.start("--logdir logs --port 0")
    assert not [
        child for child in psutil.Process().children() if "localboard.py" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize("how", ["itself", "its child"])
def test_inside_a_run_nothing_is_started(
    how: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if how == "itself":
        monkeypatch.setattr(running, "_entered", [RunContext(id=12, dir=place)])
    else:
        monkeypatch.setenv("DANLU_RUN_ID", "12")
    assert notebook.start("--logdir logs") is None
    assert capsys.readouterr().out == (
        "This is run 12 of Danlu: TensorBoard is on the page of its experiment, so none is started here.\n"
    )
    assert notebook._running == {}


PROGRAM = """
import os, sys
from danlu import notebook
notebook.start("--logdir logs --port 0", quiet=True)
if os.fork() == 0:
    sys.exit()  # its exit handlers are the program's
os.wait()
(board,) = notebook._running.values()
print(board.pid, board.runs(), flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("how", ["returns", "is killed"])
def test_it_ends_with_the_program(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        pid, runs = program.stdout.readline().split()
        assert runs == "True"  # a fork of the program ended, and left it alone
        family = [psutil.Process(int(pid)), *psutil.Process(int(pid)).children(recursive=True)]
        if how == "is killed":
            program.kill()
        else:
            program.stdin.write("\n")
    wait_for(lambda: not any(process.is_running() for process in family), what="TensorBoard's end")


def test_importing_it_is_cheap() -> None:
    code = (
        "import sys, danlu.notebook; sys.exit(bool({'torch', 'tensorboard', 'IPython'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
